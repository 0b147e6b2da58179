"""models.worst: the most that a request can take, and the end that a reply is given under a cap."""

from __future__ import annotations

import pytest
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.call import WorstCase
from sleeptime.core.price import Price, Tier
from sleeptime.models.prices import price_of
from sleeptime.models.resolve import resolve_model
from sleeptime.models.scripted import ScriptedModel
from sleeptime.models.worst import MAX_OUTPUT_TOKENS, input_worst_case, limited, worst_case, worst_price

PRICE = Price(input=2.0, cached_input=1.0, cache_write=4.0, output=10.0)
ASK: list[ModelMessage] = [ModelRequest.user_text_prompt("how many?")]


def test_every_byte_that_is_sent_counts_as_a_token() -> None:
    tool = ToolDefinition(name="t", description="d" * 500, parameters_json_schema={"type": "object"})
    alone = input_worst_case(ASK, ModelRequestParameters())
    assert alone > len("how many?")
    assert input_worst_case(ASK, ModelRequestParameters(function_tools=[tool])) > alone + 500
    said = ModelResponse(parts=[TextPart("\N{HIRAGANA LETTER A}" * 100)])
    assert input_worst_case([*ASK, said], ModelRequestParameters()) > alone + 300
    hostile = ModelResponse(parts=[TextPart("\ud800" * 100)])
    assert input_worst_case([*ASK, hostile], ModelRequestParameters()) > alone + 100


def test_input_is_taken_at_its_dearest_class() -> None:
    assert worst_case(1000, ModelSettings(max_tokens=100), PRICE) == WorstCase(1100, (1000 * 4 + 100 * 10) / 1e6)
    assert worst_case(1000, None, PRICE).tokens == 1000 + MAX_OUTPUT_TOKENS
    assert worst_case(1000, ModelSettings(max_tokens=100), None) == WorstCase(1100, None)


def test_a_price_that_rises_with_the_input_is_the_one_for_that_much_input() -> None:
    long = ScriptedModel([], model_name="gemini-2.5-pro", system="google")
    few, many = (worst_price(long, Tier.STANDARD, tokens) for tokens in (1000, 300_000))
    assert few is not None
    assert many is not None
    assert many.input > few.input


def test_an_unknown_price_of_the_tier_or_of_standard_is_unknown() -> None:
    assert worst_price(ScriptedModel([], model_name="mine", system="nobody"), Tier.STANDARD, 1) is None
    unpriced = ScriptedModel([], model_name="gpt-4o-mini", system="openai")
    assert (worst_price(unpriced, Tier.FLEX, 1) is None) == (price_of("gpt-4o-mini", "openai", Tier.FLEX) is None)


@pytest.mark.parametrize(
    ("name", "settings", "limit"),
    [
        ("anthropic:claude-3-7-sonnet-latest", {"thinking": "high"}, 1000 + 16_384),
        ("anthropic:claude-3-7-sonnet-latest", {"thinking": "low"}, None),
        ("anthropic:claude-opus-4-7", {"thinking": "high"}, 1000),
        ("anthropic:claude-3-7-sonnet-latest", {}, 1000),
        (
            "anthropic:claude-3-7-sonnet-latest",
            {"anthropic_thinking": {"type": "enabled", "budget_tokens": 5000}},
            6000,
        ),
        ("anthropic:claude-3-7-sonnet-latest", {"thinking": "high", "max_tokens": 7}, 7),
        ("openai:gpt-5", {"thinking": "high"}, 1000),
        ("google:gemini-2.5-flash", {}, 1000),
    ],
)
def test_a_reply_gets_an_end_with_room_for_the_thinking_that_is_set_aside(
    monkeypatch: pytest.MonkeyPatch, name: str, settings: ModelSettings, limit: int | None
) -> None:
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(key, "test")
    found = limited(resolve_model(name), settings, 1000)["max_tokens"]
    assert found == limit if limit is not None else found > 2000
