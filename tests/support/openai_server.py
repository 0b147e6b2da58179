"""A real HTTP server on loopback that speaks the OpenAI chat-completions format, served by any pydantic-ai Model.

Faults are injected per request, in order; once they are used up, the model answers. Refusals are for what a request
says, as often as it says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.support.serving import serving

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """Answers with an HTTP status instead of a reply."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)
    error: Json = field(default_factory=lambda: {"message": "injected", "type": "injected", "code": None})


@dataclass(frozen=True, slots=True)
class Delay:
    """Answers, but ``seconds`` late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Raw:
    """Answers 200 with this body."""

    body: str
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class NoChoices:
    """Answers with usage and an empty list of choices."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Breaks the connection after ``events`` events of a stream, or in the middle of the body of a whole reply."""

    events: int = 2


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """Ends a stream cleanly after ``events`` events: no finish reason, no usage, no [DONE]."""

    events: int = 2


@dataclass(frozen=True, slots=True)
class BadEvent:
    """Sends something that is not JSON after ``events`` events of a stream."""

    events: int = 2


@dataclass(frozen=True, slots=True)
class Stall:
    """Sends ``events`` events of a stream, then nothing for ``seconds``."""

    events: int
    seconds: float


@dataclass(frozen=True, slots=True)
class NoUsage:
    """Answers without usage."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Lets the model answer this one."""


Fault = Status | Delay | Raw | NoChoices | Cut | EarlyEnd | BadEvent | Stall | NoUsage | Pass


class _Broken(Exception):
    """Raised inside a response to make the server drop the connection."""


@dataclass
class OpenAIServer:
    """A running server.

    Args:
        url: base URL, ending in ``/v1``.
        requests: the body of every request so far.
        headers: the headers of every request so far.
        refusals: by a text, the status of every request to the model that holds it.
    """

    model: Model
    faults: list[Fault]
    url: str = ""
    requests: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refusals: dict[str, Status] = field(default_factory=dict)

    def play(self, model: Model, *faults: Fault) -> None:
        """Start afresh with another model and other faults; requests in flight end with the model they began with."""
        self.model, self.faults = model, list(faults)
        self.requests, self.headers, self.refusals = [], [], {}

    def name(self, model: str = "served") -> str:
        """The name that resolves to this server's model."""
        return f"openai-compatible:{self.url}#{model}"


@contextmanager
def openai_server(model: Model, faults: Sequence[Fault] = ()) -> Iterator[OpenAIServer]:
    """Serve ``model`` on a random port of 127.0.0.1 until the block ends."""
    served = OpenAIServer(model, list(faults))
    with serving(_app(served)) as url:
        served.url = f"{url}/v1"
        yield served


def _app(served: OpenAIServer) -> FastAPI:
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Response:
        body: Json = await request.json()
        served.requests.append(body)
        served.headers.append(dict(request.headers))
        model = served.model
        said = json.dumps(body["messages"], ensure_ascii=False)
        refusal = next((status for text, status in served.refusals.items() if text in said), None)
        fault = refusal or (served.faults.pop(0) if served.faults else Pass())
        if isinstance(fault, Status):
            return JSONResponse({"error": fault.error}, status_code=fault.code, headers=fault.headers)
        if isinstance(fault, Raw):
            return Response(fault.body, media_type=fault.media_type)
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        if body.get("stream"):
            return StreamingResponse(_events(model, body, fault), media_type="text/event-stream")
        reply = await _reply(model, body)
        if isinstance(fault, NoUsage):
            del reply["usage"]
        if isinstance(fault, NoChoices):
            reply["choices"] = []
        if isinstance(fault, Cut):
            return StreamingResponse(_half(json.dumps(reply)), media_type="application/json")
        return JSONResponse(reply)

    @app.post("/{path:path}")
    async def refuse(path: str, request: Request) -> Response:
        """What other providers' clients ask is recorded, and answered with the status that is due, or 501."""
        served.requests.append(await request.json())
        served.headers.append(dict(request.headers))
        fault = served.faults.pop(0) if served.faults else Status(501)
        assert isinstance(fault, Status), f"{path} can only be answered with a status"
        return JSONResponse({"error": fault.error}, status_code=fault.code, headers=fault.headers)

    return app


async def _half(text: str) -> AsyncIterator[str]:
    yield text[: len(text) // 2]
    raise _Broken


async def _reply(model: Model, body: Json) -> Json:
    response = await model.request(*read_request(body))
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    thinking = "".join(part.content for part in response.parts if isinstance(part, ThinkingPart))
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    message: Json = {"role": "assistant", "content": text or None}
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = [_tool_call(index, call) for index, call in enumerate(calls)]
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(response)}
    return {**_head(model, "chat.completion"), "choices": [choice], "usage": _usage(response.usage)}


async def _events(model: Model, body: Json, fault: Fault) -> AsyncIterator[str]:
    sent = 0
    async for event in _chunks(model, body, is_measured=not isinstance(fault, NoUsage)):
        if isinstance(fault, Cut) and sent == fault.events:
            raise _Broken
        if isinstance(fault, EarlyEnd) and sent == fault.events:
            return
        if isinstance(fault, BadEvent) and sent == fault.events:
            yield 'data: {"choices": [{"del\n\n'
        if isinstance(fault, Stall) and sent == fault.events:
            await asyncio.sleep(fault.seconds)
        yield f"data: {json.dumps(event)}\n\n"
        sent += 1
    yield "data: [DONE]\n\n"


async def _chunks(model: Model, body: Json, *, is_measured: bool) -> AsyncIterator[Json]:
    head = _head(model, "chat.completion.chunk")
    tool_index = -1
    async with model.request_stream(*read_request(body)) as stream:
        async for event in stream:
            delta: Json = {}
            if isinstance(event, PartStartEvent):
                if isinstance(event.part, ToolCallPart):
                    tool_index += 1
                    delta = {"tool_calls": [_tool_call(tool_index, event.part)]}
                elif isinstance(event.part, TextPart | ThinkingPart):
                    delta = _said(event.part.content, is_thinking=isinstance(event.part, ThinkingPart))
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta | ThinkingPartDelta):
                is_thinking = isinstance(event.delta, ThinkingPartDelta)
                delta = _said(event.delta.content_delta or "", is_thinking=is_thinking)
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, ToolCallPartDelta):
                arguments = event.delta.args_delta
                assert arguments is None or isinstance(arguments, str), "a model streams arguments as JSON text"
                delta = {"tool_calls": [{"index": tool_index, "function": {"arguments": arguments or ""}}]}
            if delta:
                yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        response = stream.get()
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish_reason(response)}]}
    if is_measured and (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(response.usage)}


def _said(text: str, *, is_thinking: bool) -> Json:
    return {"reasoning_content": text} if is_thinking else {"content": text}


def _head(model: Model, kind: str) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": model.model_name}


def _tool_call(index: int, call: ToolCallPart) -> Json:
    function = {"name": call.tool_name, "arguments": call.args_as_json_str()}
    return {"index": index, "id": call.tool_call_id, "type": "function", "function": function}


def _finish_reason(response: ModelResponse) -> str:
    return {"tool_call": "tool_calls", "length": "length"}.get(response.finish_reason or "", "stop")


def _usage(usage: RequestUsage) -> Json:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.output_reasoning_tokens},
    }


def read_request(body: Json) -> tuple[list[ModelMessage], ModelSettings, ModelRequestParameters]:
    """Turn the body of a chat-completions request into what a pydantic-ai Model takes."""
    messages: list[ModelMessage] = []
    names: dict[str, str] = {}
    for message in body["messages"]:
        text = _text(message.get("content"))
        match message["role"]:
            case "system" | "developer":
                messages.append(ModelRequest(parts=[SystemPromptPart(content=text)]))
            case "user":
                messages.append(ModelRequest(parts=[UserPromptPart(content=text)]))
            case "tool":
                called = message["tool_call_id"]
                part = ToolReturnPart(tool_name=names.get(called, "tool"), content=text, tool_call_id=called)
                messages.append(ModelRequest(parts=[part]))
            case "assistant":
                calls = [_read_call(call) for call in message.get("tool_calls") or []]
                names.update({call.tool_call_id: call.tool_name for call in calls})
                said = [TextPart(content=text)] if text else []
                messages.append(ModelResponse(parts=[*said, *calls]))
    tools = [
        ToolDefinition(
            name=tool["function"]["name"],
            description=tool["function"].get("description"),
            parameters_json_schema=tool["function"].get("parameters") or {"type": "object", "properties": {}},
        )
        for tool in body.get("tools") or []
    ]
    return messages, _settings(body), ModelRequestParameters(function_tools=tools)


def _settings(body: Json) -> ModelSettings:
    settings = ModelSettings()
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None:
        settings["max_tokens"] = limit
    if body.get("temperature") is not None:
        settings["temperature"] = body["temperature"]
    if body.get("seed") is not None:
        settings["seed"] = body["seed"]
    if body.get("stop"):
        settings["stop_sequences"] = [body["stop"]] if isinstance(body["stop"], str) else list(body["stop"])
    return settings


def _read_call(call: Json) -> ToolCallPart:
    function = call["function"]
    return ToolCallPart(tool_name=function["name"], args=function["arguments"], tool_call_id=call["id"])


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
