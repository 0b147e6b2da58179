"""ScriptedModel: a model that says what a script tells it. The one double in the tests, and yours to use too.

Makes no request. Its usage is what the script says, or else a count of words.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    FinishReason,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.profiles import ModelProfileSpec
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from sleeptime.core.counted import counted
from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool: its name and its arguments."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Thought:
    """Thinking that the user does not see; its words are counted as reasoning."""

    text: str


Said = str | ToolCall | Thought | Exception
"""One part of a reply; an exception is raised where it stands, in a stream after the parts before it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply with its own usage, finish reason or delay.

    Args:
        parts: what it says, in order.
        usage: its tokens; ``None`` counts words.
        finish_reason: as a provider would report it; ``None`` derives it from the parts.
        delay_s: seconds before it comes.
    """

    parts: Sequence[Said]
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    delay_s: float = 0.0


AnyReply = Said | Sequence[Said] | Reply
Script = Sequence[AnyReply] | Callable[[list[ModelMessage], ModelRequestParameters], AnyReply | Awaitable[AnyReply]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the model was sent."""

    messages: tuple[ModelMessage, ...]
    settings: ModelSettings
    parameters: ModelRequestParameters

    @property
    def text(self) -> str:
        """All text of the messages, oldest first."""
        return "\n".join(_texts(self.messages))

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools it offered."""
        return tuple(self.parameters.tool_defs)


class ScriptedModel(Model[None]):
    """Replies from a script.

    >>> model = ScriptedModel(["first reply", [ToolCall("write_notes", {"notes": []})], TimeoutError()])

    Args:
        script: replies in order, or a function (also async) from messages and request parameters to a reply. A reply is
            a text, a `ToolCall`, a `Thought`, an exception to raise, a list of these, or a `Reply`.
        model_name: name in the ledger.
        system: provider name; ``scripted`` is free of charge, a provider's name gives its prices.
        profile: pydantic-ai profile, for code that looks at what a model can do.
    """

    def __init__(
        self,
        script: Script,
        *,
        model_name: str = "scripted",
        system: str = "scripted",
        profile: ModelProfileSpec | None = None,
        settings: ModelSettings | None = None,
    ) -> None:
        super().__init__(settings=settings, profile=profile)
        self._model_name = model_name
        self._system = system
        self._script = script
        self.requests: list[Request] = []
        """Every request so far, oldest first."""

    @classmethod
    def from_file(cls, path: str) -> ScriptedModel:
        """Read a script from a JSON file; `sleeptime.models.script_file` describes the format.

        Raises:
            InputError: the file cannot be read or is not a script.
        """
        from sleeptime.models.script_file import read_script

        script, model_name = read_script(path)
        return cls(script, model_name=model_name)

    @property
    def model_name(self) -> str:
        """Name in the ledger."""
        return self._model_name

    @property
    def system(self) -> str:
        """Provider name."""
        return self._system

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The next reply, whole; raises where the script raises."""
        reply = await self._next(messages, model_settings, model_request_parameters)
        for part in reply.parts:
            if isinstance(part, Exception):
                raise part
        parts = [_part(part) for part in reply.parts if not isinstance(part, Exception)]
        return ModelResponse(
            parts=parts,
            usage=_usage(reply, messages, parts),
            model_name=self._model_name,
            provider_name=self._system,
            finish_reason=_finish_reason(reply),
        )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The next reply, word by word; a reply that begins with an exception raises it here."""
        reply = await self._next(messages, model_settings, model_request_parameters)
        if reply.parts and isinstance(reply.parts[0], Exception):
            raise reply.parts[0]
        yield _ScriptedStream(model_request_parameters, reply, messages, self._model_name, self._system)

    async def _next(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> Reply:
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        request = Request(tuple(messages), settings or ModelSettings(), parameters)
        self.requests.append(request)
        if callable(self._script):
            said = self._script(messages, parameters)
            reply = _reply(await said if inspect.isawaitable(said) else said)
        elif len(self.requests) > len(self._script):
            replies = counted(len(self._script), "reply", "replies")
            raise InputError(
                f"the script of {self._model_name} holds {replies} and was asked for one more; add a "
                f"reply, or use a function. The last request ended with: {request.text[-200:]!r}"
            )
        else:
            reply = _reply(self._script[len(self.requests) - 1])
        await asyncio.sleep(reply.delay_s)
        return reply


@dataclass
class _ScriptedStream(StreamedResponse):
    """A scripted reply as a stream."""

    reply: Reply
    messages: list[ModelMessage]
    _model_name: str
    _system: str
    _at: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        for index, said in enumerate(self.reply.parts):
            if isinstance(said, Exception):
                raise said
            for event in self._events(index, said):
                yield event
        self._usage = _usage(self.reply, self.messages, self._parts_manager.get_parts())
        self.finish_reason = _finish_reason(self.reply)

    def _events(self, index: int, said: str | ToolCall | Thought) -> Iterator[ModelResponseStreamEvent]:
        manager = self._parts_manager
        if isinstance(said, ToolCall):
            args = json.dumps(said.args)
            yield from manager.handle_tool_call_delta_events(vendor_part_id=index, tool_name=said.name, args=args)
        elif isinstance(said, Thought):
            yield from manager.handle_thinking_delta(vendor_part_id=index, content=said.text)
        else:
            for piece in _pieces(said):
                yield from manager.handle_text_delta(vendor_part_id=index, content=piece)

    async def close_stream(self) -> None:
        """Nothing to close."""

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def provider_name(self) -> str:
        return self._system

    @property
    def provider_url(self) -> None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self._at


def _pieces(text: str) -> list[str]:
    """Words with the space before them, so that the pieces join to the text."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def _reply(said: AnyReply) -> Reply:
    if isinstance(said, Reply):
        return said
    if isinstance(said, str | ToolCall | Thought | Exception):
        return Reply(parts=[said])
    return Reply(parts=list(said))


def _part(said: str | ToolCall | Thought) -> ModelResponsePart:
    if isinstance(said, ToolCall):
        return ToolCallPart(tool_name=said.name, args=dict(said.args))
    return ThinkingPart(content=said.text) if isinstance(said, Thought) else TextPart(content=said)


def _finish_reason(reply: Reply) -> FinishReason:
    if reply.finish_reason is not None:
        return reply.finish_reason
    return "tool_call" if any(isinstance(part, ToolCall) for part in reply.parts) else "stop"


def _usage(reply: Reply, messages: Sequence[ModelMessage], parts: Sequence[ModelResponsePart]) -> RequestUsage:
    if reply.usage is not None:
        given = reply.usage
        return RequestUsage(
            input_tokens=given.input_tokens + given.cached_input_tokens + given.cache_write_tokens,
            cache_read_tokens=given.cached_input_tokens,
            cache_write_tokens=given.cache_write_tokens,
            output_tokens=given.output_tokens,
            output_reasoning_tokens=given.reasoning_tokens,
        )
    response = ModelResponse(parts=list(parts))
    thoughts = [part.content for part in parts if isinstance(part, ThinkingPart)]
    return RequestUsage(
        input_tokens=_words(_texts(messages)),
        output_tokens=_words(_texts([response])),
        output_reasoning_tokens=_words(thoughts),
    )


def _words(texts: Sequence[str]) -> int:
    return sum(len(text.split()) for text in texts)


def _texts(messages: Sequence[ModelMessage]) -> list[str]:
    """The text of every part: what was said, and the arguments of tool calls as JSON."""
    texts = [message.instructions for message in messages if isinstance(message, ModelRequest) and message.instructions]
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                texts.append(part.args if isinstance(part.args, str) else _json(part.args))
            else:
                content = getattr(part, "content", None)
                texts.extend([content] if isinstance(content, str) else _strings(content))
    return texts


def _json(args: object) -> str:
    """Arguments as JSON without spaces; a script may say what no JSON encoder of a provider lets through."""
    return json.dumps(args or {}, ensure_ascii=False, separators=(",", ":"), default=str)


def _strings(content: object) -> list[str]:
    return [item for item in content if isinstance(item, str)] if isinstance(content, list | tuple) else []
