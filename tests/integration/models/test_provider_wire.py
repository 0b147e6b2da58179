"""What budgets and tiers become on the wire of each provider, and how each one's refusals come back.

The clients of the real SDKs talk to a loopback server, which records what they send and answers with a status.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest
from pydantic_ai.settings import ModelSettings, merge_model_settings

from sleeptime.core.budget import parse_budget
from sleeptime.core.call import Phase
from sleeptime.core.errors import ModelError, PromptRejected, ProviderDown, RateLimited
from sleeptime.core.price import Tier
from sleeptime.models.budgets import budget_request
from sleeptime.models.metered import MeteredModel
from sleeptime.models.resolve import resolve_model
from sleeptime.models.retry import RetryModel, RetryPolicy
from sleeptime.models.scripted import Reply, ScriptedModel
from sleeptime.models.tiers import tier_settings
from tests.support.calls import MemoryLedger
from tests.support.openai_server import OpenAIServer, Status, openai_server

ASK = [ModelRequest.user_text_prompt("How many apples?")]
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def running() -> Iterator[OpenAIServer]:
    with openai_server(ScriptedModel([])) as server:
        yield server


@pytest.fixture
def server(running: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> OpenAIServer:
    running.play(ScriptedModel([]))
    root = running.url.removesuffix("/v1")
    monkeypatch.setenv("OPENAI_BASE_URL", running.url)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", root)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", root)
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(key, "test")
    return running


async def sent(server: OpenAIServer, name: str, settings: ModelSettings | None) -> dict[str, Any]:
    model = RetryModel(resolve_model(name), rng=Random(1), policy=ONCE)
    async with model:
        with pytest.raises(ProviderDown):
            await model_request(model, ASK, model_settings=settings)
    return server.requests[-1]


@pytest.mark.parametrize(
    ("name", "budget", "path", "value"),
    [
        ("openai:o3-mini", "effort:low", ("reasoning", "effort"), "low"),
        ("openai:gpt-4o-mini", "v0", ("temperature",), 0.0),
        ("anthropic:claude-sonnet-4-6", "think:2048", ("thinking", "budget_tokens"), 2048),
        ("anthropic:claude-opus-4-7", "effort:medium", ("output_config", "effort"), "medium"),
        ("google:gemini-2.5-flash", "think:512", ("generationConfig", "thinkingConfig", "thinking_budget"), 512),
        ("google:gemini-3-pro-preview", "effort:low", ("generationConfig", "thinkingConfig", "thinking_level"), "LOW"),
    ],
)  # fmt: skip
async def test_budgets_reach_the_providers_own_control(
    server: OpenAIServer, name: str, budget: str, path: tuple[str, ...], value: object
) -> None:
    plan = budget_request(resolve_model(name), parse_budget(budget))
    body: Any = await sent(server, name, plan.settings)
    for key in path:
        body = body[key]
    assert body == value


@pytest.mark.parametrize(
    ("name", "tier", "key", "value"),
    [
        ("openai:o3", Tier.FLEX, "service_tier", "flex"),
        ("openai:o3", Tier.STANDARD, "service_tier", "default"),
        ("anthropic:claude-sonnet-4-6", Tier.STANDARD, "service_tier", "standard_only"),
        ("anthropic:claude-sonnet-4-6", Tier.PRIORITY, "service_tier", "auto"),
        ("google:gemini-2.5-flash", Tier.PRIORITY, "serviceTier", "priority"),
    ],
)
async def test_tiers_reach_the_providers_own_setting(
    server: OpenAIServer, name: str, tier: Tier, key: str, value: str
) -> None:
    body = await sent(server, name, tier_settings(resolve_model(name), tier))
    assert str(body[key]).lower().endswith(value)


@pytest.mark.parametrize("name", ["openai:gpt-4o", "anthropic:claude-sonnet-4-6", "google:gemini-2.5-flash"])
@pytest.mark.parametrize(
    ("status", "error"),
    [(Status(429, {"retry-after": "9"}), RateLimited), (Status(500), ProviderDown), (Status(400), PromptRejected)],
    ids=str,
)
async def test_each_providers_refusals_are_mapped_after_one_request(
    server: OpenAIServer, name: str, status: Status, error: type[ModelError]
) -> None:
    server.play(ScriptedModel([]), status)
    sink = MemoryLedger()
    metered = MeteredModel(resolve_model(name), sink, phase=Phase.WAKE, context="c")
    model = RetryModel(metered, rng=Random(1), policy=ONCE)
    async with model:
        with pytest.raises(error) as raised:
            await model_request(model, ASK)
    assert type(raised.value) is error
    assert len(server.requests) == 1, "the SDK's own retries are off"
    assert [(call.outcome, call.cost_usd) for call in sink.calls] == [(error.__name__, 0.0)]
    if isinstance(raised.value, RateLimited):
        assert raised.value.retry_after_s == 9.0


async def test_another_provider_of_pydantic_ai_is_asked_once_with_our_settings(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", server.url)
    server.play(ScriptedModel(["72", "72"]), Status(429, {"retry-after": "9"}))
    sink = MemoryLedger()
    metered = MeteredModel(resolve_model("ollama:qwen3"), sink, phase=Phase.WAKE, context="c")
    async with RetryModel(metered, rng=Random(1), policy=ONCE) as model:
        with pytest.raises(RateLimited):
            await model_request(model, ASK)
        assert len(server.requests) == 1, "the SDK's own retries are off"
        response = await model_request(model, ASK, model_settings=ModelSettings(temperature=0.0))
        async with model_request_stream(model, ASK) as stream:
            async for _ in stream:
                pass
    assert (response.text, stream.get().text) == ("72", "72")
    assert [body.get("temperature") for body in server.requests] == [None, 0.0, None]
    assert [(call.outcome, call.cost_usd) for call in sink.calls] == [("RateLimited", 0.0), ("ok", None), ("ok", None)]


async def test_forcing_continues_the_models_own_reply_on_the_wire(server: OpenAIServer) -> None:
    server.play(ScriptedModel([Reply(["<think>24 and 24"], finish_reason="length"), "72"]))
    model = resolve_model(server.name())
    plan = budget_request(model, parse_budget("force:5"))
    async with model:
        forced = plan.apply(model)
        settings = merge_model_settings(ModelSettings(max_tokens=50), plan.settings)
        response = await model_request(forced, ASK, model_settings=settings)
    assert response.text == "72"
    thinking, answering = server.requests
    assert (thinking["max_tokens"], thinking["stop"]) == (5, ["</think>"])
    assert answering["messages"][-1] == {
        "role": "assistant",
        "content": "<think>24 and 24\n</think>\n\nFinal answer:",
    }
    assert answering["continue_final_message"] is True
    assert answering["add_generation_prompt"] is False
