"""Agent: works with tools on a repository within a number of steps (arXiv:2504.13171, section 6).

A step is one call of a tool, or a reply without any; the budget is told in the prompt, and each result says which step
it was. Calls beyond the budget are not carried out. Knows nothing of what the tools do, nor of how a model is paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.models import Model
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings, merge_model_settings

from sleeptime.core.errors import InputError, SleeptimeError
from sleeptime.core.usage import Usage
from sleeptime.models.resolve import prompt_profile
from sleeptime.prompts.load import Prompt
from sleeptime.sleep.dialogue import MAX_WASTED_TURNS, Dialogue, accepted, refused
from sleeptime.swe.toolbox import Tool, Toolbox


class End(StrEnum):
    """How the work of an agent ended."""

    DONE = "done"
    """It said so."""
    OUT_OF_STEPS = "out of steps"
    SILENT = "silent"
    """It called no tool several times in a row."""
    BROKEN = "broken"
    """A call of the model failed, or a tool could not do its work, as on a full disk."""


@dataclass(frozen=True, slots=True)
class Work:
    """What became of an agent's work; what its tools did stands in them.

    Args:
        end: how it ended.
        steps: that were used.
        turns: replies of the model.
        usage: tokens of all of them.
        error: why it is ``broken``.
    """

    end: End
    steps: int
    turns: int
    usage: Usage
    error: SleeptimeError | None = None


class Agent:
    """A model with tools.

    Args:
        model: metered and retried as the caller likes.
        prompt: what it is asked; told ``steps`` beside its own variables.
        tools: what it can call.
        last: the tool that ends the work, unless it refuses.
        steps: the budget, at least 1.
        settings: of every request.
        variables: of the prompt.

    Raises:
        InputError: the model cannot call tools, or there is no step.
    """

    def __init__(
        self,
        model: Model,
        prompt: Prompt,
        tools: Sequence[Tool],
        *,
        last: str,
        steps: int,
        settings: ModelSettings | None = None,
        **variables: object,
    ) -> None:
        check_model(model)
        if steps < 1:
            raise InputError(f"an agent has at least 1 step, got {steps}")
        self._box = Toolbox(tools)
        self._last = last
        self._steps = steps
        self._used = 0
        self._turns = 0
        told = merge_model_settings(ModelSettings(cache=True), settings) or ModelSettings()
        self._dialogue = Dialogue(model, prompt, self._box.definitions, told, steps=steps, **variables)

    async def work(self) -> Work:
        """Work to the end. What the tools did stays, however it ends.

        Raises:
            Exception: what the model raises that is no error of ours.
        """
        silent = 0
        while self._used < self._steps:
            try:
                calls = await self._dialogue.calls()
            except SleeptimeError as error:
                return self._ended(End.BROKEN, error)
            self._turns += 1
            if not calls:
                self._used, silent = self._used + 1, silent + 1
                if silent >= MAX_WASTED_TURNS:
                    return self._ended(End.SILENT)
                self._dialogue.remind()
                self._dialogue.say(self._mark(self._used))
                continue
            silent, is_done = 0, False
            returns = []
            for call in calls:
                try:
                    returned, is_last = await self._take(call, is_done=is_done)
                except SleeptimeError as error:
                    return self._ended(End.BROKEN, error)
                returns.append(returned)
                is_done |= is_last
            if is_done:
                return self._ended(End.DONE)
            self._dialogue.reply(returns)
        return self._ended(End.OUT_OF_STEPS)

    async def _take(self, call: ToolCallPart, *, is_done: bool) -> tuple[ToolReturnPart, bool]:
        """Carry out one call, and tell whether it ends the work."""
        if is_done or self._used >= self._steps:
            return refused(call, "Not done: the work has ended."), False
        self._used += 1
        result = await self._box.call(call)
        told = f"{result.text}\n{self._mark(self._used)}"
        if result.is_refused:
            return refused(call, told), False
        return accepted(call, told), call.tool_name == self._last

    def _mark(self, step: int) -> str:
        return f"[Step: {step}/{self._steps}]"

    def _ended(self, end: End, error: SleeptimeError | None = None) -> Work:
        return Work(end, self._used, self._turns, self._dialogue.usage, error)


NO_TOOLS: Final = "nano calls no tools; the agent needs a model that does: --model openai:... or another provider's"


def check_model(model: Model) -> None:
    """Refuse a model that cannot be an agent.

    Raises:
        InputError: it cannot.
    """
    inner = model
    while isinstance(inner, WrapperModel):
        inner = inner.wrapped
    if prompt_profile(inner) == "nano":
        raise InputError(NO_TOOLS)
