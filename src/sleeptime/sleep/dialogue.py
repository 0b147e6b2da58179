"""Dialogue: a conversation in which only the model's tool calls count.

A model that replies without a usable call is told what was wrong, a few times. Knows nothing of what the tools do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydantic_ai.direct import model_request
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.text import kept_text
from sleeptime.core.usage import Usage
from sleeptime.prompts.load import Prompt

MAX_WASTED_TURNS: Final = 3
"""Turns without a usable tool call (text alone, nothing at all, an unknown tool, bad arguments) that end a draft. After
each one before the last the model is told what to do; one reminder suffices for most models, weak ones need two."""


class Dialogue:
    """One draft's conversation with a model.

    Args:
        model: any model, metered and retried as the caller likes.
        prompt: what it is asked.
        tools: what it can call.
        settings: model settings of every request.
        variables: of the prompt.
    """

    def __init__(
        self,
        model: Model,
        prompt: Prompt,
        tools: Sequence[ToolDefinition],
        settings: ModelSettings,
        **variables: object,
    ) -> None:
        parts: list[ModelRequestPart] = []
        if system := prompt.system():
            parts.append(SystemPromptPart(system))
        parts.append(UserPromptPart("\n\n".join(prompt.user(**variables))))
        self._messages: list[ModelMessage] = [ModelRequest(parts)]
        self._model = model
        self._parameters = ModelRequestParameters(function_tools=list(tools), allow_text_output=True)
        self._settings = settings
        self.usage = Usage()
        """Tokens of the requests that were answered so far."""

    async def calls(self) -> list[ToolCallPart]:
        """Send what there is to say, and return the tool calls of the reply; none when it has none.

        Raises:
            Exception: whatever the model raises.
        """
        response = await model_request(
            self._model,
            self._messages,
            model_settings=self._settings,
            model_request_parameters=self._parameters,
        )
        self.usage += Usage.from_inclusive(response.usage)
        calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
        if calls or _says_something(response):
            self._messages.append(_sendable(response))
        return calls

    def say(self, text: str) -> None:
        """Say something of our own to the model with the next request."""
        self._append([UserPromptPart(text)])

    def reply(self, returns: Sequence[ToolReturnPart]) -> None:
        """Answer each tool call of the last reply with the next request."""
        self._append(returns)

    def remind(self) -> None:
        """Tell a model that called no tool that only tool calls count."""
        names = " or ".join(tool.name for tool in self._parameters.function_tools)
        self.say(f"Your reply called no tool, so nothing of it was kept. Call {names}.")

    def _append(self, parts: Sequence[ModelRequestPart]) -> None:
        last = self._messages[-1]
        if isinstance(last, ModelRequest):  # the model said nothing at all in between
            self._messages[-1] = ModelRequest([*last.parts, *parts])
        else:
            self._messages.append(ModelRequest(parts))


def accepted(call: ToolCallPart, text: str) -> ToolReturnPart:
    """The result of a call that did what it should."""
    return ToolReturnPart(call.tool_name, text, call.tool_call_id)


def refused(call: ToolCallPart, text: str) -> ToolReturnPart:
    """The error of a call that has to be made again; the model can react to it."""
    return ToolReturnPart(call.tool_name, text, call.tool_call_id, outcome="retried")


def unknown_tool(call: ToolCallPart, tools: Sequence[ToolDefinition]) -> ToolReturnPart:
    """The error of a call of a tool that does not exist."""
    return refused(call, f"There is no such tool. There is: {', '.join(tool.name for tool in tools)}.")


def request_digest(prompt: Prompt, tools: Sequence[ToolDefinition]) -> str:
    """16 hex digits of everything constant that a model is told: the prompt file and the tools."""
    told = [(tool.name, tool.description, tool.parameters_json_schema) for tool in tools]
    return hashlib.sha256(json.dumps([prompt.digest, told], sort_keys=True).encode()).hexdigest()[:16]


def _sendable(response: ModelResponse) -> ModelResponse:
    """A reply whose texts can be sent again: a lone surrogate in them has no form on the wire."""
    return replace(response, parts=[_sendable_part(part) for part in response.parts])


def _sendable_part(part: ModelResponsePart) -> ModelResponsePart:
    if isinstance(part, TextPart | ThinkingPart):
        return replace(part, content=kept_text(part.content))
    if isinstance(part, ToolCallPart) and part.args:
        given = part.args if isinstance(part.args, str) else json.dumps(part.args, ensure_ascii=False)
        return part if kept_text(given) == given else replace(part, args=kept_text(given))
    return part


def _says_something(response: ModelResponse) -> bool:
    """Whether a reply without tool calls can stand in a conversation; providers refuse an empty one."""
    return any(part.has_content() for part in response.parts if hasattr(part, "has_content"))
