"""ForcedModel: budget forcing (s1: Simple test-time scaling, arXiv:2501.19393, section 3.1).

Thinking that is longer than the budget is cut, and the model is made to answer; thinking that ends early is continued
with "Wait". Works with models that write their thinking as text, behind servers that continue an unfinished reply.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, cast

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.profiles import DEFAULT_THINKING_TAGS
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from sleeptime.core.budget import Forced

WAIT: Final = "\nWait"
"""What continues thinking that ended before its budget (s1, section 3.1)."""

ANSWER: Final = "\nFinal answer:"
"""What makes the model answer once the thinking is over (s1 appends "Final Answer:")."""

_CONTINUE: Final = {"continue_final_message": True, "add_generation_prompt": False}
"""vLLM and SGLang continue an unfinished last message when told so; llama.cpp and Ollama do it unasked."""


class ForcedModel(WrapperModel):
    """Wraps a model so that it thinks for the budget's number of tokens, no less and no more.

    One request becomes several: the thinking, its continuations, and the answer; the reply carries the sum of their
    usage. Wrap the retried and metered model, so that each of them is in the ledger. Where the server counts no tokens,
    words are counted instead. A model that answers with a tool call while it should think is left to do so.
    """

    def __init__(self, wrapped: Model, budget: Forced, *, max_waits: int = 8) -> None:
        """Force ``budget``; ``max_waits`` bounds how often thinking that ended early is continued."""
        super().__init__(wrapped)
        self.budget = budget
        self.max_waits = max_waits

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Think within the budget, then answer."""
        opening, closing = self.profile.get("thinking_tags", DEFAULT_THINKING_TAGS)
        usage, thinking, spent, waits = RequestUsage(), "", 0, 0
        while True:
            settings = _thinking_step(model_settings, self.budget.tokens - spent, closing, is_continued=bool(thinking))
            begun = [*messages, _unfinished(f"{opening}{thinking}")] if thinking else messages
            response = await self.wrapped.request(begun, settings, model_request_parameters)
            usage += response.usage
            if any(isinstance(part, ToolCallPart) for part in response.parts):
                return replace(response, usage=usage)
            thought = _thought(response, opening, closing)
            thinking += thought
            spent += response.usage.output_tokens or len(thought.split())
            is_cut = response.finish_reason == "length"
            if is_cut or not thought or spent >= self.budget.tokens or waits >= self.max_waits:
                break
            thinking += WAIT
            waits += 1
        begun = [*messages, _unfinished(f"{opening}{thinking}\n{closing}\n{ANSWER}")]
        response = await self.wrapped.request(begun, _continued(model_settings), model_request_parameters)
        said = [part for part in response.parts if not isinstance(part, ThinkingPart)]
        parts = [ThinkingPart(content=thinking.strip(), provider_name=self.system), *said]
        return replace(response, parts=parts, usage=usage + response.usage)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The reply as a stream of whole parts: forcing needs each step whole before the next."""
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)


def _unfinished(text: str) -> ModelResponse:
    return ModelResponse(parts=[TextPart(content=text)])


def _continued(settings: ModelSettings | None) -> ModelSettings:
    given = dict(settings or {})
    body = given.get("extra_body")
    given["extra_body"] = {**(body if isinstance(body, dict) else {}), **_CONTINUE}
    return cast(ModelSettings, given)


def _thinking_step(settings: ModelSettings | None, tokens: int, closing: str, *, is_continued: bool) -> ModelSettings:
    given = _continued(settings) if is_continued else cast(ModelSettings, dict(settings or {}))
    given["max_tokens"] = tokens
    given["stop_sequences"] = [*given.get("stop_sequences", []), closing]
    return given


def _thought(response: ModelResponse, opening: str, closing: str) -> str:
    """What the model thought in this step: its thinking parts, or its text up to where the thinking closes."""
    thinking = "".join(part.content for part in response.parts if isinstance(part, ThinkingPart))
    if thinking:
        return thinking
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    return text.removeprefix(opening).partition(closing)[0]
