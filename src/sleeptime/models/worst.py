"""Worst case: the most that a request can take, known before it is made.

No tokenizer makes more tokens than bytes, so every byte that is sent counts as a token of input. A reply has an end
only where one is asked for: a request under a cap that leaves it open gets a limit.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.profiles.anthropic import ANTHROPIC_THINKING_BUDGET_MAP
from pydantic_ai.settings import ModelSettings, merge_model_settings

from sleeptime.core.call import WorstCase
from sleeptime.core.price import Price, Tier
from sleeptime.models.prices import price_of
from sleeptime.models.resolve import model_family
from sleeptime.models.transcript import messages_json

MAX_OUTPUT_TOKENS: Final = 8_192
"""Longest reply, reasoning included, of a request under a cap that sets no limit itself."""


def limited(model: Model, settings: ModelSettings | None, max_tokens: int) -> ModelSettings:
    """The settings, with this limit on the reply where they have none.

    What a Claude model sets aside for thinking comes on top: it refuses a limit that its thinking alone would fill.
    """
    given = merge_model_settings(model.settings, settings) or ModelSettings()
    return ModelSettings(max_tokens=max_tokens + _thinking_tokens(model, given)) | given


def _thinking_tokens(model: Model, settings: ModelSettings) -> int:
    """Tokens of thinking that a request to a Claude model sets aside; 0 where the model itself decides."""
    profile = cast(dict[str, Any], model.profile)
    if model_family(model) != "anthropic":
        return 0
    wanted = cast(dict[str, Any], settings).get("anthropic_thinking")
    if isinstance(wanted, dict):
        return int(wanted.get("budget_tokens", 0))
    level = settings.get("thinking")
    if not isinstance(level, str) or profile.get("anthropic_supports_adaptive_thinking", False):
        return 0
    return ANTHROPIC_THINKING_BUDGET_MAP[level]


def input_worst_case(messages: list[ModelMessage], parameters: ModelRequestParameters) -> int:
    """The most tokens of input: the bytes of everything that is sent."""
    tools = [[tool.name, tool.description, tool.parameters_json_schema] for tool in parameters.tool_defs.values()]
    return len(messages_json(messages)) + len(json.dumps(tools))


def worst_case(input_tokens: int, settings: ModelSettings | None, price: Price | None) -> WorstCase:
    """The most that a request can take.

    Args:
        input_tokens: the most tokens of input.
        settings: of the request; where they do not limit the reply, `MAX_OUTPUT_TOKENS` is taken, and is a guess then.
        price: of the model; None when it is unknown.
    """
    output_tokens = (settings or ModelSettings()).get("max_tokens", MAX_OUTPUT_TOKENS)
    if price is None:
        return WorstCase(input_tokens + output_tokens, None)
    dearest = max(price.input, price.cached_input, price.cache_write)
    return WorstCase(input_tokens + output_tokens, (input_tokens * dearest + output_tokens * price.output) / 1e6)


def worst_price(model: Model, tier: Tier, input_tokens: int) -> Price | None:
    """The dearest list price that a request on a tier may be billed at: a provider may serve it as standard.

    Returns:
        ``None`` when the price is unknown.
    """
    worst: Price | None = None
    for each in dict.fromkeys((tier, Tier.STANDARD)):
        price = price_of(model.model_name, model.system, each, base_url=model.base_url, input_tokens=input_tokens)
        if price is None:
            return None
        worst = price if worst is None else _dearer(worst, price)
    return worst


def _dearer(one: Price, other: Price) -> Price:
    return Price(
        input=max(one.input, other.input),
        cached_input=max(one.cached_input, other.cached_input),
        cache_write=max(one.cache_write, other.cache_write),
        output=max(one.output, other.output),
    )
