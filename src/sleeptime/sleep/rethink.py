"""Rethink: the paper's own strategy (arXiv:2504.13171, section 3 and appendix F).

The model overwrites a memory by calling ``rethink_memory``, at most ten times, and ends with
``finish_rethinking_memory``. The released code caps the memory at 5,000 characters; here a rewrite over the cap is
refused with an error that the model can react to, and the memory before it stays. A refused rewrite counts as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.context import Context
from sleeptime.core.errors import ModelError
from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.text import kept_text
from sleeptime.core.tokens import TokenCounter
from sleeptime.sleep.dialogue import MAX_WASTED_TURNS, Dialogue, accepted, refused, unknown_tool
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import SleepSettings

RETHINK: Final = "rethink_memory"
FINISH: Final = "finish_rethinking_memory"

RETHINK_TOOLS: Final = (
    ToolDefinition(
        name=RETHINK,
        description="Replace the whole memory by a new text. What the new text does not repeat is lost.",
        parameters_json_schema={
            "type": "object",
            "properties": {"new_memory": {"type": "string", "description": "The whole new memory."}},
            "required": ["new_memory"],
            "additionalProperties": False,
        },
    ),
    ToolDefinition(
        name=FINISH,
        description="End the work, when the memory can be improved no more or nothing is worth keeping.",
        parameters_json_schema={"type": "object", "properties": {}, "additionalProperties": False},
    ),
)


async def rethink(dialogue: Dialogue, context: Context, settings: SleepSettings, count: TokenCounter) -> Draft:
    """Make one draft: a single free-text note that depends on every part.

    Returns:
        ``wrote`` with the last memory that was accepted, also when the model stopped without finishing, hit the limit
        or failed afterwards (the reason says so); ``nothing new`` when it finished without writing; ``failed`` when
        nothing it did could be kept.

    Raises:
        Exception: what the model raises while the memory is still empty; later on, what is no `ModelError`.
    """
    memory = _Memory(settings, count)
    wasted = 0
    while not memory.is_finished and wasted < MAX_WASTED_TURNS and memory.rewrites < settings.max_rethinks:
        try:
            calls = await dialogue.calls()
        except ModelError as error:
            if not memory.text:
                raise
            memory.end = f"the model failed after its last rewrite ({type(error).__name__}: {error})"
            break
        if not calls and memory.text:
            break  # a closing remark instead of the finishing call
        made_progress, returns = False, []
        for call in calls:
            before = memory.rewrites
            returns.append(memory.take(call))
            made_progress |= memory.rewrites > before
        wasted += not made_progress
        if calls:
            dialogue.reply(returns)
        else:
            dialogue.remind()
    if memory.rewrites >= settings.max_rethinks and not memory.is_finished:
        memory.end = f"the model reached the limit of {settings.max_rethinks} rewrites"
    return memory.draft(context, dialogue)


@dataclass(slots=True)
class _Memory:
    """The memory block, and what became of the calls on it."""

    settings: SleepSettings
    count: TokenCounter
    text: str = ""
    rewrites: int = 0
    is_finished: bool = False
    complaint: str = ""
    end: str = ""

    def take(self, call: ToolCallPart) -> ToolReturnPart:
        """Carry out one call."""
        if call.tool_name == FINISH:
            self.is_finished = True
            return accepted(call, "Finished.")
        if call.tool_name != RETHINK:
            self.complaint = f"it called the unknown tool {call.tool_name!r}"
            return unknown_tool(call, RETHINK_TOOLS)
        new = call.args_as_dict().get("new_memory")
        if not isinstance(new, str):
            self.complaint = f"it called {RETHINK} without a text"
            return refused(call, "The argument new_memory has to be a text: the whole new memory.")
        if self.rewrites >= self.settings.max_rethinks:
            return refused(call, f"The memory stays as it is: you have used all calls of {RETHINK}.")
        self.rewrites += 1
        return self._rewrite(call, kept_text(new).strip())

    def _rewrite(self, call: ToolCallPart, new: str) -> ToolReturnPart:
        cap = self.settings.max_note_tokens
        left = f"{self.settings.max_rethinks - self.rewrites} calls of {RETHINK} are left."
        if not new:
            self.complaint = "it wrote an empty memory"
            return refused(call, f"The memory cannot be emptied; if nothing is worth keeping, call {FINISH}. {left}")
        tokens = self.count(new)
        if tokens > cap:
            self.complaint = f"its memory of {tokens} tokens was over the cap of {cap}"
            return refused(
                call, f"Too long: {tokens} tokens, at most {cap} are allowed. The memory stays as it was. {left}"
            )
        self.text = new
        return accepted(call, f"The memory is replaced; it has {tokens} of at most {cap} tokens. {left}")

    def draft(self, context: Context, dialogue: Dialogue) -> Draft:
        """What the calls came to."""
        if self.text:
            depends_on = tuple(dict.fromkeys(part.sha256 for part in context.parts))
            note = Note(NoteKind.TEXT, self.text, depends_on=depends_on)
            return Draft(Outcome.WROTE, (note,), self.end, dialogue.usage)
        if self.is_finished and not self.complaint:
            return Draft(Outcome.NOTHING_NEW, (), "the model finished without writing anything", dialogue.usage)
        reason = f"the model wrote nothing that could be kept: {self.complaint or 'it called no tool'}"
        return Draft(Outcome.FAILED, (), reason, dialogue.usage)
