"""The OpenAI wire format over real HTTP: what comes back, what is tried again, and what the ledger holds."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from random import Random

import httpx2
import pytest
from pydantic_ai import exceptions as foreign
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ThinkingPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.call import OK, Call, Phase
from sleeptime.core.errors import (
    BadReply,
    ModelError,
    ModelTimeout,
    PromptRejected,
    ProviderDown,
    RateLimited,
    RequestRejected,
)
from sleeptime.core.usage import Usage
from sleeptime.models.metered import STOPPED, MeteredModel
from sleeptime.models.resolve import resolve_model
from sleeptime.models.retry import RetryModel, RetryPolicy
from sleeptime.models.scripted import AnyReply, Reply, ScriptedModel, Thought, ToolCall
from tests.support.calls import MemoryLedger
from tests.support.openai_server import (
    BadEvent,
    Cut,
    Delay,
    EarlyEnd,
    Fault,
    NoChoices,
    NoUsage,
    OpenAIServer,
    Pass,
    Raw,
    Stall,
    Status,
    openai_server,
)

FAST = RetryPolicy(attempts=3, base_s=0.01, cap_s=0.02, retry_after_limit_s=2.0)
USAGE = Usage(input_tokens=90, cached_input_tokens=10, output_tokens=8, reasoning_tokens=3)
ANSWER = Reply(["the answer is 72"], usage=USAGE)
ASK = [ModelRequest.user_text_prompt("How many apples?")]
ADD = ToolDefinition(
    name="add",
    description="Adds.",
    parameters_json_schema={"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
)


ODD_USAGE = (
    '{"id": "c", "object": "chat.completion", "created": 1, "model": "served", "choices": [{"index": 0, '
    '"finish_reason": "stop", "message": {"role": "assistant", "content": "72"}}], '
    '"usage": {"prompt_tokens": 1, "completion_tokens": "many", "total_tokens": 1}}'
)
"""A reply whose provider writes a word in the place of a number."""


class Wire:
    """A served script, a client of it, and the ledger's view."""

    def __init__(self, server: OpenAIServer, *, timeout_s: float = 5.0, policy: RetryPolicy = FAST) -> None:
        self.server = server
        self.sink = MemoryLedger()
        provider = resolve_model(server.name(), timeout_s=timeout_s)
        metered = MeteredModel(provider, self.sink, phase=Phase.WAKE, context="shop", query_id="q1")
        self.model: Model = RetryModel(metered, rng=Random(1), policy=policy)

    async def ask(self) -> ModelResponse:
        async with self.model:
            return await model_request(self.model, ASK)

    async def stream(self, limit: int | None = None) -> list[str]:
        """The texts of the stream so far, after each event; leaves after ``limit`` events."""
        seen: list[str] = []
        async with self.model, model_request_stream(self.model, ASK) as stream:
            async for _ in stream:
                seen.append(stream.get().text or "")
                if limit is not None and len(seen) == limit:
                    break
        return seen


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with openai_server(ScriptedModel([])) as running:
        yield running


def play(server: OpenAIServer, *faults: Fault, replies: list[AnyReply] | None = None) -> None:
    server.play(ScriptedModel(replies or [ANSWER] * 8, model_name="served"), *faults)


async def test_reply_usage_and_settings_cross_the_wire(server: OpenAIServer) -> None:
    play(server)
    wire = Wire(server)
    async with wire.model:
        settings = ModelSettings(temperature=0.0, max_tokens=64, seed=7, stop_sequences=["\n\n"])
        response = await model_request(wire.model, ASK, model_settings=settings)
    assert response.text == "the answer is 72"
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["seed"], sent["stop"]) == ("served", 0.0, 7, ["\n\n"])
    assert sent["max_tokens"] == 64
    [call] = wire.sink.calls
    assert call.usage == USAGE
    assert (call.outcome, call.phase, call.model, call.context, call.query_id) == (
        OK, Phase.WAKE, "served", "shop", "q1",
    )  # fmt: skip
    assert call.cost_usd is None, "nobody knows what this server charges"
    assert call.latency_s > 0


async def test_api_key_is_sent_when_set_and_a_placeholder_otherwise(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(server)
    monkeypatch.delenv("SLEEPTIME_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "a key for OpenAI alone")
    await Wire(server).ask()
    monkeypatch.setenv("SLEEPTIME_API_KEY", "secret")
    await Wire(server).ask()
    assert [sent["authorization"] for sent in server.headers] == ["Bearer none", "Bearer secret"]


async def test_tool_calls_go_there_and_back(server: OpenAIServer) -> None:
    replies: list[AnyReply] = [[Thought("let me add"), ToolCall("add", {"a": 3})], "it is 4"]
    play(server, replies=replies)
    wire = Wire(server)
    parameters = ModelRequestParameters(function_tools=[ADD])
    async with wire.model:
        first = await model_request(wire.model, ASK, model_request_parameters=parameters)
        [call] = [part for part in first.parts if isinstance(part, ToolCallPart)]
        returned = ModelRequest(parts=[ToolReturnPart("add", "4", tool_call_id=call.tool_call_id)])
        second = await model_request(wire.model, [*ASK, first, returned], model_request_parameters=parameters)
    assert (call.tool_name, call.args_as_dict()) == ("add", {"a": 3})
    assert [part.content for part in first.parts if isinstance(part, ThinkingPart)] == ["let me add"]
    assert second.text == "it is 4"
    assert server.requests[0]["tools"][0]["function"]["name"] == "add"
    assert [message["role"] for message in server.requests[1]["messages"]] == ["user", "assistant", "tool"]
    assert wire.sink.outcomes == [OK, OK]


async def test_stream_arrives_in_pieces_with_its_usage(server: OpenAIServer) -> None:
    play(server)
    wire = Wire(server)
    seen = await wire.stream()
    assert seen[0] == "the"
    assert seen[-1] == "the answer is 72"
    assert server.requests[0]["stream_options"]["include_usage"] is True
    [call] = wire.sink.calls
    assert (call.outcome, call.usage) == (OK, USAGE)


async def test_streamed_tool_calls_arrive_whole(server: OpenAIServer) -> None:
    play(server, replies=[["calling", ToolCall("add", {"a": 5})]])
    wire = Wire(server)
    async with (
        wire.model,
        model_request_stream(
            wire.model, ASK, model_request_parameters=ModelRequestParameters(function_tools=[ADD])
        ) as stream,
    ):
        async for _ in stream:
            pass
        response = stream.get()
    assert [type(part) for part in response.parts] == [TextPart, ToolCallPart]
    assert isinstance(call := response.parts[1], ToolCallPart)
    assert call.args_as_dict() == {"a": 5}


@pytest.mark.parametrize(
    ("fault", "outcome", "cost_usd"),
    [
        (Status(429), "RateLimited", 0.0),
        (Status(429, {"retry-after": "0"}), "RateLimited", 0.0),
        (Status(500), "ProviderDown", 0.0),
        (Status(502), "ProviderDown", 0.0),
        (Status(503, {"retry-after-ms": "20"}), "ProviderDown", 0.0),
        (Status(504), "ProviderDown", None),
        (Status(408), "ModelTimeout", None),
        (Delay(1.0), "ModelTimeout", None),
        (Cut(), "ProviderDown", None),
    ],
    ids=str,
)
async def test_passing_failures_are_tried_again_and_each_attempt_is_a_call(
    server: OpenAIServer, fault: Fault, outcome: str, cost_usd: float | None
) -> None:
    play(server, fault, fault)
    wire = Wire(server, timeout_s=0.2)
    response = await wire.ask()
    assert response.text == "the answer is 72"
    assert wire.sink.outcomes == [outcome, outcome, OK]
    assert [call.cost_usd for call in wire.sink.calls] == [cost_usd, cost_usd, None]
    assert wire.sink.calls[0].usage == Usage()
    assert wire.sink.calls[2].usage == USAGE
    assert len({call.id for call in wire.sink.calls}) == 3


@pytest.mark.parametrize(
    ("fault", "error", "cause"),
    [
        (Status(429), RateLimited, foreign.ModelRateLimitError),
        (Status(500), ProviderDown, foreign.ModelServerError),
        (Delay(0.6), ModelTimeout, foreign.ModelTimeoutError),
    ],
    ids=str,
)
async def test_failures_that_last_end_in_our_error_after_the_last_attempt(
    server: OpenAIServer, fault: Fault, error: type[ModelError], cause: type[Exception]
) -> None:
    play(server, *[fault] * 3)
    wire = Wire(server, timeout_s=0.1)
    with pytest.raises(error) as raised:
        await wire.ask()
    assert type(raised.value) is error
    assert isinstance(raised.value.__cause__, cause)
    assert len(server.requests) == FAST.attempts, "the SDK's own retries are off"
    assert wire.sink.outcomes == [error.__name__] * 3


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        (Status(400), PromptRejected, 400),
        (Status(401), RequestRejected, 401),
        (Status(404), RequestRejected, 404),
        (Status(422), PromptRejected, 422),
        (Status(400, error={"message": "no key", "code": "invalid_api_key"}), RequestRejected, 400),
        (Status(429, error={"message": "no credit", "code": "insufficient_quota"}), RequestRejected, 429),
        (Status(429, {"x-should-retry": "false"}), RateLimited, None),
        (Raw("{"), BadReply, None),
        (Raw("<html>gateway</html>", "text/html"), BadReply, None),
        (Raw('{"choices": [{"index": 0}]}'), BadReply, None),
        (Raw("[]"), BadReply, None),
        (Raw("[" * 100_000), BadReply, None),
        (Raw(ODD_USAGE), BadReply, None),
        (Raw(""), BadReply, None),
        (NoChoices(), BadReply, None),
    ],
    ids=lambda value: str(value)[:80],
)
async def test_failures_that_would_not_pass_are_not_tried_again(
    server: OpenAIServer, fault: Fault, error: type[ModelError], status: int | None
) -> None:
    play(server, fault)
    wire = Wire(server)
    with pytest.raises(error) as raised:
        await wire.ask()
    assert type(raised.value) is error
    assert getattr(raised.value, "status", None) == status
    assert raised.value.__cause__ is not None
    assert wire.sink.outcomes == [error.__name__]
    assert len(server.requests) == 1


async def test_reply_without_choices_keeps_the_usage_that_was_paid(server: OpenAIServer) -> None:
    play(server, NoChoices())
    wire = Wire(server)
    with pytest.raises(BadReply, match="without choices"):
        await wire.ask()
    [call] = wire.sink.calls
    assert call.usage == USAGE


async def test_reply_without_usage_has_no_known_cost(server: OpenAIServer) -> None:
    play(server, NoUsage())
    wire = Wire(server)
    assert (await wire.ask()).text == "the answer is 72"
    [call] = wire.sink.calls
    assert (call.outcome, call.usage, call.cost_usd) == (OK, Usage(), None)


async def test_retry_after_is_honoured(server: OpenAIServer) -> None:
    play(server, Status(429, {"retry-after": "1"}))
    wire = Wire(server)
    started = time.perf_counter()
    await wire.ask()
    assert time.perf_counter() - started >= 1.0
    assert wire.sink.outcomes == ["RateLimited", OK]


async def test_retry_after_beyond_our_limit_gives_up_at_once_and_says_how_long(server: OpenAIServer) -> None:
    play(server, Status(429, {"retry-after": "3600"}))
    wire = Wire(server)
    started = time.perf_counter()
    with pytest.raises(RateLimited, match="asked to wait 3600 s") as raised:
        await wire.ask()
    assert raised.value.retry_after_s == 3600.0
    assert time.perf_counter() - started < 1.0
    assert wire.sink.outcomes == ["RateLimited"]


async def test_nobody_listening_is_provider_down_and_costs_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        wire = Wire(OpenAIServer(ScriptedModel([]), [], url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
        with pytest.raises(ProviderDown) as raised:
            await wire.ask()
    assert isinstance(raised.value.__cause__, foreign.ModelConnectionError)
    assert [(call.outcome, call.cost_usd) for call in wire.sink.calls] == [("ProviderDown", 0.0)] * 3


async def test_stream_that_fails_before_it_begins_is_opened_again(server: OpenAIServer) -> None:
    play(server, Status(503), Status(429, {"retry-after": "0"}))
    wire = Wire(server)
    assert (await wire.stream())[-1] == "the answer is 72"
    assert wire.sink.outcomes == ["ProviderDown", "RateLimited", OK]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Cut(2), BadReply), (EarlyEnd(2), BadReply), (BadEvent(2), BadReply), (Stall(2, 1.0), ModelTimeout)],
    ids=str,
)
async def test_stream_that_breaks_is_not_tried_again_and_is_in_the_ledger(
    server: OpenAIServer, fault: Fault, error: type[ModelError]
) -> None:
    play(server, fault)
    wire = Wire(server, timeout_s=0.2)
    with pytest.raises(error) as raised:
        await wire.stream()
    assert type(raised.value) is error
    assert isinstance(raised.value.__cause__, foreign.ModelAPIError)
    [call] = wire.sink.calls
    assert (call.outcome, call.cost_usd) == (error.__name__, None), "the provider may bill what it sent"


async def test_stream_that_the_reader_leaves_is_in_the_ledger(server: OpenAIServer) -> None:
    play(server)
    wire = Wire(server)
    assert (await wire.stream(limit=3))[-1] == "the answer"
    [call] = wire.sink.calls
    assert (call.outcome, call.cost_usd) == (STOPPED, None)


async def test_error_of_the_code_that_reads_a_stream_stays_what_it_is(server: OpenAIServer) -> None:
    async def stumble(model: Model) -> None:
        async with model, model_request_stream(model, ASK) as stream:
            async for _ in stream:
                raise ZeroDivisionError

    play(server)
    wire = Wire(server)
    with pytest.raises(ZeroDivisionError):
        await stumble(wire.model)
    assert wire.sink.outcomes == ["ZeroDivisionError"]


async def test_cancelled_request_is_in_the_ledger(server: OpenAIServer) -> None:
    play(server, Delay(0.8))
    wire = Wire(server)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await wire.ask()
    assert [(call.outcome, call.cost_usd) for call in wire.sink.calls] == [("CancelledError", None)]


async def test_fault_of_one_request_does_not_touch_the_others(server: OpenAIServer) -> None:
    play(server, Pass(), Status(500), Pass(), Raw("{"))
    wire = Wire(server)
    async with wire.model:
        results = await asyncio.gather(*(model_request(wire.model, ASK) for _ in range(4)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["BadReply"] + ["ModelResponse"] * 3
    paid: list[Call] = [call for call in wire.sink.calls if call.outcome == OK]
    assert [call.usage for call in paid] == [USAGE] * 3
    assert sorted(wire.sink.outcomes) == ["BadReply", "ProviderDown", OK, OK, OK]


async def test_server_answers_a_plain_http_client(server: OpenAIServer) -> None:
    play(server)
    async with httpx2.AsyncClient() as client:
        body = {"model": "served", "messages": [{"role": "user", "content": "hi"}]}
        reply = await client.post(f"{server.url}/chat/completions", json=body)
    assert reply.json()["choices"][0]["message"]["content"] == "the answer is 72"
    assert reply.json()["usage"]["prompt_tokens"] == 100
    assert reply.json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 10}
