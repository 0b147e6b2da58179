"""NanoModel: the embedded model as a pydantic-ai model.

What nano reads is the last user prompt that begins with a control word (the nano profile of the prompts renders it);
the tools of the request say what becomes of the completion. Decoding runs in threads, concurrent requests in one batch.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    CachePoint,
    FinishReason,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    TextContent,
    TextPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from sleeptime.core.errors import ForeignText, InputError
from sleeptime.core.lane import QUERIES
from sleeptime.models.nano_notes import notes_of, whole_lines
from sleeptime.models.nano_queue import NanoQueue
from sleeptime.nano.engine import Completion, Engine, Request
from sleeptime.nano.sampler import Sampling
from sleeptime.nano.tokenizer import ForeignTextError, Tokenizer

NAME = "nano"
DEFAULT_MAX_TOKENS = 512
WRITE_NOTES, RETHINK, FINISH = "write_notes", "rethink_memory", "finish_rethinking_memory"
_ANSWER = "<|answer|>"


@dataclass(frozen=True, slots=True)
class _Runtime:
    """What all instances with the same weights share: the kept prefixes, and the queue that makes batches."""

    engine: Engine
    tokenizer: Tokenizer
    queue: NanoQueue


class NanoModel(Model[None]):
    """The embedded model: no key, no download, no network; a word outside its vocabulary is an error that names it.

    Followed settings: `temperature` (0, greedy, by default), `top_p`, `seed` (0 by default), `max_tokens` (512 by
    default), `stop_sequences` of one token each. A request with the tool `write_notes` is answered by a call of it; one
    with `rethink_memory` by a call of it and then of `finish_rethinking_memory`; any other with text.

    Args:
        engine: runs other weights than the released ones.
        tokenizer: reads and writes their vocabulary; the released one by default.
        settings: defaults of every request.
    """

    def __init__(
        self,
        engine: Engine | None = None,
        tokenizer: Tokenizer | None = None,
        *,
        settings: ModelSettings | None = None,
    ) -> None:
        super().__init__(settings=settings)
        self._own: _Runtime | None = None
        if engine is not None:
            self._own = _Runtime(engine, Tokenizer.load() if tokenizer is None else tokenizer, NanoQueue(engine))
        elif tokenizer is not None:
            raise ValueError("a tokenizer comes with its engine; give both, or neither for the released model")

    @property
    def model_name(self) -> str:
        """Name in the ledger."""
        return NAME

    @property
    def system(self) -> str:
        """Provider name."""
        return NAME

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Complete the prompt.

        Raises:
            ForeignText: a word that nano does not know.
            InputError: no prompt for nano, one that is too long, or a setting out of range.
        """
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        tools = frozenset(parameters.tool_defs)
        if _has_rethought(messages, tools):
            return _response(ToolCallPart(FINISH, {}), RequestUsage(), "tool_call")
        runtime = await self._runtime()
        prepared = _prepare(runtime, messages, settings or {})
        try:
            future = runtime.queue.submit(prepared, is_sleep=bool(tools & {WRITE_NOTES, RETHINK}))
        except ValueError as error:
            raise InputError(f"nano cannot take this request: {error}") from error
        completion = await asyncio.wrap_future(future)
        part = _part(runtime.tokenizer, completion, tools)
        reason: FinishReason = "tool_call" if isinstance(part, ToolCallPart) else completion.finish_reason or "stop"
        return _response(part, _usage(prepared, completion), reason)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Complete the prompt word by word; a tool call comes whole. Raises as `request`, before the first word."""
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        tools = frozenset(parameters.tool_defs)
        if tools & {WRITE_NOTES, RETHINK}:
            response = await self.request(messages, model_settings, model_request_parameters)
            yield _NanoStream(parameters, whole=response)
            return
        runtime = await self._runtime()
        prepared = _prepare(runtime, messages, settings or {})
        try:
            steps = runtime.engine.stream(prepared)
        except ValueError as error:
            raise InputError(f"nano cannot take this request: {error}") from error
        with QUERIES.query():
            yield _NanoStream(parameters, prepared=prepared, steps=steps, tokenizer=runtime.tokenizer)

    async def loaded(self) -> tuple[Engine, Tokenizer]:
        """What decodes and what reads the words, for work beyond completions."""
        runtime = await self._runtime()
        return runtime.engine, runtime.tokenizer

    async def _runtime(self) -> _Runtime:
        return self._own if self._own is not None else await asyncio.to_thread(_released)


_loading = threading.Lock()


def _released() -> _Runtime:
    with _loading:
        return _load()


@cache
def _load() -> _Runtime:
    engine = Engine.load()
    return _Runtime(engine, Tokenizer.load(), NanoQueue(engine))


@dataclass
class _NanoStream(StreamedResponse):
    """A completion on its way (`steps`), or a tool call as a stream (`whole`)."""

    whole: ModelResponse | None = None
    prepared: Request | None = None
    steps: Iterator[Completion] | None = None
    tokenizer: Tokenizer | None = None
    _at: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        if self.whole is not None:
            self._usage, self.finish_reason = self.whole.usage, self.whole.finish_reason
            for part in self.whole.parts:
                yield self._parts_manager.handle_part(vendor_part_id=None, part=part)
            return
        assert self.prepared is not None
        assert self.steps is not None
        assert self.tokenizer is not None
        said = ""
        while (completion := await asyncio.to_thread(next, self.steps, None)) is not None:
            text = _text(self.tokenizer, completion)
            self._usage, self.finish_reason = _usage(self.prepared, completion), completion.finish_reason
            if text != said:
                for event in self._parts_manager.handle_text_delta(vendor_part_id=0, content=text[len(said) :]):
                    yield event
            said = text

    async def close_stream(self) -> None:
        """Nothing to close: decoding stops when nobody asks for the next token."""

    @property
    def model_name(self) -> str:
        return NAME

    @property
    def provider_name(self) -> str:
        return NAME

    @property
    def provider_url(self) -> None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self._at


def _prepare(runtime: _Runtime, messages: Sequence[ModelMessage], settings: ModelSettings) -> Request:
    try:
        prompt = runtime.tokenizer.encode(_prompt(messages), allow_control=True)
    except ForeignTextError as error:
        raise ForeignText(
            f"nano reads only the worlds it was trained on: {error}. For other text use another model: --model "
            "openai:MODEL, anthropic:MODEL, google:MODEL or openai-compatible:URL#MODEL"
        ) from error
    control = frozenset(i for i in range(len(runtime.tokenizer)) if runtime.tokenizer.is_control(i))
    try:
        sampling = Sampling(settings.get("temperature", 0.0), settings.get("top_p", 1.0), settings.get("seed", 0))
    except ValueError as error:
        raise InputError(f"nano cannot take this setting: {error}") from error
    return Request(
        prompt,
        settings.get("max_tokens", DEFAULT_MAX_TOKENS),
        stop=control - {runtime.tokenizer.id(_ANSWER)} | _stop_ids(runtime.tokenizer, settings),
        sampling=sampling,
    )


def _stop_ids(tokenizer: Tokenizer, settings: ModelSettings) -> frozenset[int]:
    ids: set[int] = set()
    for text in settings.get("stop_sequences", []):
        try:
            [token] = tokenizer.encode(text)
        except ValueError as error:
            raise InputError(f"nano stops only at single words and signs of its own, not at {text!r}") from error
        ids.add(token)
    return frozenset(ids)


def _prompt(messages: Sequence[ModelMessage]) -> str:
    """The last user prompt that begins with a control word; what a framework adds around it is no text for nano."""
    for message in reversed(messages):
        if not isinstance(message, ModelRequest):
            continue
        for part in reversed(message.parts):
            if isinstance(part, UserPromptPart) and (text := _user_text(part)).startswith("<|"):
                return text
    raise InputError(
        "nano found no prompt in its own control words; render the prompt with the profile 'nano', or use another model"
    )


def _user_text(part: UserPromptPart) -> str:
    if isinstance(part.content, str):
        return part.content.strip()
    texts: list[str] = []
    for item in part.content:
        if isinstance(item, str | TextContent):
            texts.append(item if isinstance(item, str) else item.content)
        elif not isinstance(item, CachePoint):
            raise InputError(f"nano reads text only, not {type(item).__name__}; use another model for it")
    return "\n".join(texts).strip()


def _has_rethought(messages: Sequence[ModelMessage], tools: frozenset[str]) -> bool:
    if RETHINK not in tools:
        return False
    calls = (part for message in messages if isinstance(message, ModelResponse) for part in message.parts)
    return any(isinstance(part, ToolCallPart) and part.tool_name == RETHINK for part in calls)


def _part(tokenizer: Tokenizer, completion: Completion, tools: frozenset[str]) -> TextPart | ToolCallPart:
    text = _text(tokenizer, completion)
    if WRITE_NOTES in tools:
        return ToolCallPart(WRITE_NOTES, {"notes": notes_of(text)})
    if RETHINK in tools:
        return ToolCallPart(RETHINK, {"new_memory": "\n".join(whole_lines(text))})
    return TextPart(text)


def _text(tokenizer: Tokenizer, completion: Completion) -> str:
    """Steps and "Answer: 72" on a line of its own, or the answer alone; an unfinished number is held back."""
    ids = list(completion.ids)
    if completion.finish_reason is None:
        while ids and tokenizer.words[ids[-1]].isdecimal():
            ids.pop()
    answer_id = tokenizer.id(_ANSWER)
    if answer_id not in ids:
        return tokenizer.decode(ids)
    cut = ids.index(answer_id)
    answer = tokenizer.decode(token for token in ids[cut:] if token != answer_id)
    lines = [tokenizer.decode(ids[:cut]), f"Answer: {answer}"]
    return "\n".join(line for line in lines if line).rstrip()


def _usage(request: Request, completion: Completion) -> RequestUsage:
    return RequestUsage(
        input_tokens=len(request.prompt),
        cache_read_tokens=completion.num_cached_tokens,
        output_tokens=completion.num_decoded_tokens,
    )


def _response(part: TextPart | ToolCallPart, usage: RequestUsage, reason: FinishReason) -> ModelResponse:
    return ModelResponse(parts=[part], usage=usage, model_name=NAME, provider_name=NAME, finish_reason=reason)
