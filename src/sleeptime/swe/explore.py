"""Explore: sleep on one change of a repository with a model; it reads around the change and writes notes on its files.

What it writes are notes of c': each names the files that it is about, and rests on their contents, so that a later
commit takes exactly those out of service whose files it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import Field
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.errors import InputError, ModelError
from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.text import kept_text
from sleeptime.core.tokens import approximate_tokens
from sleeptime.prompts.load import load_prompt
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import PAPER_RETHINKS
from sleeptime.sources.entry import printable
from sleeptime.swe.agent import Agent, Work
from sleeptime.swe.toolbox import Arguments, NoArguments, Reader, Tool, reading_tools

STEPS: Final = 20
"""Steps of one exploration where none are given."""
MAX_NOTE_TOKENS: Final = 400
MAX_FILES: Final = 12
"""Files that one note is about."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """A change that is studied.

    Args:
        commit: its hex id.
        message: of it.
        files: paths that it changed, as they are called now.
    """

    commit: str
    message: str
    files: tuple[str, ...]


async def explore(
    model: Model,
    reader: Reader,
    sibling: Sibling,
    contents: Mapping[str, str],
    *,
    steps: int = STEPS,
    max_rethinks: int = PAPER_RETHINKS,
    max_note_tokens: int = MAX_NOTE_TOKENS,
    settings: ModelSettings | None = None,
) -> Draft:
    """Study one change.

    Args:
        model: metered and retried as the caller likes.
        reader: the repository, at the commit that the notes are to be true of.
        sibling: the change.
        contents: address of the content of each text file, by path: what notes rest on.
        steps: the budget.
        max_rethinks: how many notes may be written or written anew.
        max_note_tokens: size of one note.
        settings: of every request.

    Returns:
        the notes as a draft; they stay when the model fails after them.

    Raises:
        InputError: the model cannot call tools.
        CapReached, NotNow: the next call has no room, or has to wait.
        ModelError: the model failed before it wrote anything.
    """
    pad = _Pad(sibling, contents, max_rethinks, max_note_tokens)
    agent = Agent(
        model,
        load_prompt("default", "explore"),
        [*reading_tools(reader), *pad.tools()],
        last="finish",
        steps=steps,
        settings=settings,
        message=sibling.message,
        files=tuple(map(printable, sibling.files)),
        max_rethinks=max_rethinks,
    )
    work = await agent.work()
    if work.error is not None and not (isinstance(work.error, ModelError) and pad.notes):
        raise work.error
    return pad.draft(work)


class _Rethink(Arguments):
    files: list[str] = Field(
        min_length=1, max_length=MAX_FILES, description="Paths that the note is about, one of the change among them."
    )
    note: str = Field(min_length=1, description="The whole note.")


class _Pad:
    """The notes that are written about one change."""

    def __init__(self, sibling: Sibling, contents: Mapping[str, str], max_rethinks: int, max_note_tokens: int) -> None:
        self._sibling = sibling
        self._contents = contents
        self._shown = {printable(path): path for path in contents}
        self._max_note_tokens = max_note_tokens
        self._left = max_rethinks
        self.notes: dict[tuple[str, ...], Note] = {}

    def tools(self) -> tuple[Tool, Tool]:
        return (
            Tool("rethink", "Write a note about files, in place of the one about the same.", _Rethink, self.rethink),
            Tool("finish", "End the work.", NoArguments, lambda _: "Finished."),
        )

    def rethink(self, given: _Rethink) -> str:
        """Write a note, or say why not; what is refused does not count."""
        text = kept_text(given.note).strip()
        files = tuple(sorted({self._shown.get(path, path) for path in given.files}))
        unknown = [path for path in files if path not in self._contents]
        if self._left <= 0:
            raise InputError("no rethink is left; call finish")
        if unknown:
            raise InputError(f"there is no text file {printable(unknown[0])[:200]!r}; give paths as tree shows them")
        if set(files).isdisjoint(self._sibling.files):
            raise InputError("a note is about at least one file of the change")
        if not text:
            raise InputError("the note is blank")
        if (tokens := approximate_tokens(text)) > self._max_note_tokens:
            raise InputError(f"the note has {tokens} tokens, at most {self._max_note_tokens} are allowed")
        self._left -= 1
        depends_on = tuple(dict.fromkeys(self._contents[path] for path in files))
        self.notes[files] = Note(NoteKind.TEXT, text, subject=", ".join(map(printable, files)), depends_on=depends_on)
        return f"The note is kept. {self._left} calls of rethink are left."

    def draft(self, work: Work) -> Draft:
        """What was written, and how the work ended."""
        why = str(work.error) if work.error is not None else str(work.end)
        notes = tuple(self.notes.values())
        if notes:
            reason = "" if work.error is None else f"the model failed after its last note ({why})"
            return Draft(Outcome.WROTE, notes, reason, work.usage)
        return Draft(Outcome.NOTHING_NEW, (), f"no note about {self._sibling.commit[:12]}: {why}", work.usage)
