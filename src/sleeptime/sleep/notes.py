"""Notes: typed notes by one call of a tool, each with its working and the parts of the context it rests on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.context import Context
from sleeptime.core.counted import counted
from sleeptime.core.errors import ModelError
from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.text import kept_text
from sleeptime.core.tokens import TokenCounter
from sleeptime.prompts.line import note_line
from sleeptime.sleep.dialogue import MAX_WASTED_TURNS, Dialogue, accepted, refused, unknown_tool
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import SleepSettings

WRITE: Final = "write_notes"


class WrittenNote(BaseModel):
    """One note as a model writes it."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    kind: NoteKind = Field(
        description="fact: said by the context. derived: a value worked out from facts. function: a rule with an "
        "unknown. question: a likely question with its answer. plan: how to go about a likely task. text: all else."
    )
    text: str = Field(default="", description="The statement, in words that can be understood without the context.")
    subject: str = Field(
        default="",
        description="What exactly it is about: the quantity (always in the same words, one value per subject), or the "
        "question itself.",
    )
    value: str = Field(default="", description="The value, the rule or the answer alone, as short as possible.")
    derivation: str = Field(default="", description="The working, as plain arithmetic where it can be: 24 * 3 = 72.")
    parts: list[str] = Field(default_factory=list, description="Names of the parts of the context it rests on.")

    @field_validator("text", "subject", "value", "derivation", mode="before")
    @classmethod
    def _null_is_empty(cls, value: object) -> object:
        return "" if value is None else value

    @field_validator("parts", mode="before")
    @classmethod
    def _null_is_none(cls, value: object) -> object:
        return [] if value is None else value

    def note(self, context: Context) -> Note | None:
        """The note it stands for; ``None`` when it says nothing."""
        text, subject, value, derivation = (
            kept_text(field).strip() for field in (self.text, self.subject, self.value, self.derivation)
        )
        if not text and subject and value:
            text = f"{subject} {value}" if self.kind is NoteKind.QUESTION else f"{subject} = {value}"
        if not text:
            return None
        return Note(self.kind, text, subject, value, derivation, _dependencies(self.parts, context))


class WrittenNotes(BaseModel):
    """Arguments of the tool."""

    notes: list[WrittenNote] = Field(description="All notes; an empty list when nothing is worth noting.")


NOTES_TOOLS: Final = (
    ToolDefinition(
        name=WRITE,
        description="Write all notes on the context, in one call.",
        parameters_json_schema=WrittenNotes.model_json_schema(),
    ),
)


async def write_notes(dialogue: Dialogue, context: Context, settings: SleepSettings, count: TokenCounter) -> Draft:
    """Make one draft of typed notes.

    Notes that cannot be read are left out when there are others. Notes over the cap are refused once, so that the model
    can shorten them; after that, those that fit are kept in its order.

    Returns:
        ``wrote``; ``nothing new`` when the model writes an empty list; ``failed`` when it wrote nothing that could be
        kept.

    Raises:
        Exception: whatever the model raises.
    """
    fallback: Draft | None = None
    complaint, was_refused = "it called no tool", False
    for turn in range(MAX_WASTED_TURNS):
        try:
            calls = await dialogue.calls()
        except ModelError:
            if fallback is None:
                raise
            break
        written = _Written.read(calls, context)
        fitting = _fitting(written.notes, settings.max_note_tokens, count)
        if written.is_empty_list and fallback is None:
            return Draft(Outcome.NOTHING_NEW, (), "the model found nothing worth noting", dialogue.usage)
        is_whole = len(fitting) == len(written.notes)
        if fitting and (is_whole or was_refused or turn == MAX_WASTED_TURNS - 1):
            return _draft(written, fitting, dialogue)
        if written.notes:
            was_refused = True
            tokens = sum(count(note_line(note)) for note in written.notes)
            too_long = f"{tokens} tokens are too many, at most {settings.max_note_tokens} are allowed"
            complaint = f"its notes were over the cap: {too_long}"
            dialogue.reply(
                [refused(call, f"Nothing is kept: {too_long}. Write fewer or shorter notes.") for call in calls]
            )
            fallback = _draft(written, fitting, dialogue) if fitting else fallback
        elif calls:
            complaint = written.complaint
            dialogue.reply(written.returns)
        else:
            dialogue.remind()
    if fallback is not None:
        return replace(fallback, usage=dialogue.usage)
    reason = f"the model wrote nothing that could be kept: {complaint}"
    return Draft(Outcome.FAILED, (), reason, dialogue.usage)


def _draft(written: _Written, fitting: tuple[Note, ...], dialogue: Dialogue) -> Draft:
    over = len(written.notes) - len(fitting)
    losses = [counted(over, "note over the cap was", "notes over the cap were") + " left out"] if over else []
    losses += [f"{counted(written.unreadable, 'note')} could not be read"] if written.unreadable else []
    return Draft(Outcome.WROTE, fitting, "; ".join(losses), dialogue.usage)


def _fitting(notes: list[Note], cap: int, count: TokenCounter) -> tuple[Note, ...]:
    """The notes that fit under the cap, taken in order; a long one is left out and does not end the list."""
    fitting, room = [], cap
    for note in notes:
        tokens = count(note_line(note))
        if tokens <= room:
            room -= tokens
            fitting.append(note)
    return tuple(fitting)


@dataclass(slots=True)
class _Written:
    """What the calls of one reply wrote.

    Args:
        returns: an answer to each call.
        complaint: what was wrong with the last bad call.
        is_empty_list: there was a proper call, and it held no notes.
    """

    notes: list[Note] = field(default_factory=list)
    unreadable: int = 0
    returns: list[ToolReturnPart] = field(default_factory=list)
    complaint: str = ""
    is_empty_list: bool = False

    @classmethod
    def read(cls, calls: Sequence[ToolCallPart], context: Context) -> _Written:
        """Read all calls of one reply; a reply may write its notes in several."""
        written = cls()
        for call in calls:
            written.returns.append(written._take(call, context))
        written.is_empty_list = written.is_empty_list and not written.notes and not written.complaint
        return written

    def _take(self, call: ToolCallPart, context: Context) -> ToolReturnPart:
        if call.tool_name != WRITE:
            self.complaint = f"it called the unknown tool {call.tool_name!r}"
            return unknown_tool(call, NOTES_TOOLS)
        items = _items(call)
        if items is None:
            self.complaint = f"it called {WRITE} without a list of notes"
            return refused(call, "The argument notes has to be a list of notes.")
        self.is_empty_list |= not items
        problem = ""
        for item in items:
            try:
                note = WrittenNote.model_validate(item).note(context)
            except ValidationError as error:
                note = None
                first = error.errors(include_url=False, include_context=False)[0]
                problem = problem or f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            except ValueError as error:  # a number of more digits than Python writes
                note = None
                problem = problem or str(error)
            if note is None:
                self.unreadable += 1
            else:
                self.notes.append(note)
        if items and not self.notes:
            self.complaint = f"none of its notes could be read ({problem or 'they have no text'})"
            return refused(call, f"None of the notes can be read: {problem or 'each needs a text'}.")
        return accepted(call, "Written.")


def _items(call: ToolCallPart) -> list[Any] | None:
    """The list of notes of a call; some models write it as a text of JSON."""
    items = call.args_as_dict().get("notes")
    if isinstance(items, str):
        try:
            items = json.loads(items)
        except (ValueError, RecursionError):  # no JSON, or nested without end
            return None
    return items if isinstance(items, list) else None


def _dependencies(names: list[str], context: Context) -> tuple[str, ...]:
    """Addresses of the named parts; of all parts when none is named or one is unknown, to be on the safe side."""
    known = {part.name: part.sha256 for part in context.parts}
    is_sure = bool(names) and all(name in known for name in names)
    return tuple(dict.fromkeys(known[name] for name in names) if is_sure else dict.fromkeys(known.values()))
