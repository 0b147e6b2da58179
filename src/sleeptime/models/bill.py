"""Bill: what a request came to once it has ended, and what nobody knows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage

from sleeptime.core.call import NOTHING, WorstCase
from sleeptime.core.price import Tier, billed_cost_usd
from sleeptime.core.usage import Usage, is_possible
from sleeptime.models.prices import LOCAL_PROVIDERS, price_of

_SERVED_TIER: Final = {
    "default": Tier.STANDARD,
    "standard": Tier.STANDARD,
    "on_demand": Tier.STANDARD,
    "flex": Tier.FLEX,
    "priority": Tier.PRIORITY,
    "fast": Tier.PRIORITY,
    "batch": Tier.BATCH,
}
"""How providers name the tier that a reply was in fact served in; they may downgrade, and bill what was served."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a request came to.

    Args:
        usage: what the provider reported; zeros when it told nothing.
        tier: in which it was served; as it was asked for, unless the reply says otherwise.
        cost_usd: ``None`` when it is unknown.
        doubt: the most it may have used besides.
    """

    usage: Usage
    tier: Tier
    cost_usd: float | None
    doubt: WorstCase


def bill_of(
    model: Model, response: ModelResponse | None, *, tier: Tier, worst: WorstCase, is_whole: bool, is_free: bool
) -> Bill:
    """What a request came to, whatever came of it.

    A request costs 0 when the provider refused it, was never reached, or runs in this process; what was reported, when
    usage came (of a cut reply a lower bound); otherwise what it cost is unknown, for the provider may bill it. What is
    not known stays in doubt up to the worst case. Counts that no call can come to were not measured: the reply itself
    is as good as any, and to refuse it would be to pay for another one with the same counts.

    Args:
        model: that was asked.
        response: as far as it came.
        tier: that was asked for.
        worst: the most it could take.
        is_whole: the reply arrived to its end.
        is_free: the provider did no work that it bills.
    """
    reported = RequestUsage() if response is None else response.usage
    usage = Usage.from_inclusive(reported)
    served = _served_tier(response, tier)
    if is_free or model.system in LOCAL_PROVIDERS:
        return Bill(usage, served, 0.0, NOTHING)
    is_measured = reported.has_values() and not reported.unmeasured_requests and is_possible(reported)
    cost = _cost_usd(model, response, served) if response is not None and is_measured else None
    if is_whole and is_measured:
        return Bill(usage, served, cost, NOTHING if cost is not None else WorstCase(0, worst.cost_usd))
    usd = None if worst.cost_usd is None else max(0.0, worst.cost_usd - (cost or 0.0))
    return Bill(usage, served, cost, WorstCase(max(0, worst.tokens - usage.total_tokens), usd))


def _served_tier(response: ModelResponse | None, asked: Tier) -> Tier:
    details = (response.provider_details if response is not None else None) or {}
    if details.get("processing") == "batch":  # said by pydantic-ai; what the provider says is the tier within the batch
        return Tier.BATCH
    served = details.get("service_tier")
    return _SERVED_TIER.get(served, asked) if isinstance(served, str) else asked


def _cost_usd(model: Model, response: ModelResponse, tier: Tier) -> float | None:
    reported = response.usage
    for name in dict.fromkeys(name for name in (response.model_name, model.model_name) if name):
        price = price_of(name, model.system, tier, base_url=model.base_url, input_tokens=reported.input_tokens)
        if price is not None:
            return billed_cost_usd(Usage.from_inclusive(reported), price)
    return None
