"""Attempt: an agent makes a change that is asked for, in a scratch work tree; the files it modified are its answer.

The tools are those of sleep, and beside them ``edit``, ``submit`` and, where sleep has left something to search,
``search_notes``. Nothing outside the scratch tree is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import Field
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.errors import InputError
from sleeptime.core.note import Note
from sleeptime.prompts.load import load_prompt
from sleeptime.sources.entry import printable
from sleeptime.swe.agent import Agent, Work
from sleeptime.swe.scratch import Scratch, lines_of
from sleeptime.swe.tasks import Related
from sleeptime.swe.toolbox import Arguments, NoArguments, Reader, Tool, reading_tools
from sleeptime.wake.select import select_notes

STEPS: Final = 20
"""The budget where none is given."""
MAX_READ_LINES: Final = 400
"""Lines of an edited file that are shown at once."""
NOTES_TOKENS: Final = 800
"""Room for notes in what a search tells."""

Search = Callable[[str], str]
"""What sleep left about a query, in words for a model."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an agent made of a change.

    Args:
        modified: files of the commit that it modified: the prediction.
        created: new files; no change modifies those, so they are no part of it.
        diff: all edits.
        work: steps, tokens and how it ended.
    """

    modified: tuple[str, ...]
    created: tuple[str, ...]
    diff: str
    work: Work


async def attempt(
    model: Model,
    scratch: Scratch,
    reader: Reader,
    query: str,
    *,
    steps: int = STEPS,
    search: Search | None = None,
    related: Sequence[Related] = (),
    settings: ModelSettings | None = None,
) -> Attempt:
    """Let an agent make a change.

    Args:
        model: metered and retried as the caller likes.
        scratch: where it edits, of the commit that `reader` reads.
        reader: the repository.
        query: what is asked for.
        steps: the budget.
        search: what sleep has left; without it there is no such tool.
        related: earlier changes that are told in the prompt, as the paper's baseline tells them.
        settings: of every request.

    Returns:
        what it came to, whatever the end; where a call of the model failed, ``work.error`` says why.

    Raises:
        InputError: the model cannot call tools, or the budget is none.
    """
    tools = [*_with_edits(reading_tools(reader), scratch), *_own_tools(scratch, search)]
    prompt = load_prompt("default", "modify")
    shown = tuple(replace(one, files=tuple(map(printable, one.files))) for one in related)
    agent = Agent(model, prompt, tools, last="submit", steps=steps, settings=settings, query=query, related=shown)
    work = await agent.work()
    return Attempt(scratch.modified, scratch.created, scratch.diff(), work)


def near_notes(notes: Sequence[Note], query: str) -> tuple[Note, ...]:
    """The notes that a search for a query tells: those nearest to it that fit."""
    return select_notes(notes, query, NOTES_TOKENS)


def told_notes(notes: Sequence[Note], query: str) -> str:
    """The notes that are nearest to a query, each with the files that it is about."""
    return "\n".join(f"- {note.subject}: {' '.join(note.text.split())}" for note in near_notes(notes, query))


class _Edit(Arguments):
    path: str = Field(min_length=1, description="File to edit; one that does not exist is created.")
    old: str = Field(description="Text that stands there exactly once; empty for a new or empty file.")
    new: str = Field(description="What takes its place.")


class _Search(Arguments):
    query: str = Field(min_length=1, description="The change, or words of it.")


class _Submit:
    """Ends the work; without any edit it asks once whether that is meant."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._has_asked = False

    def __call__(self, _: NoArguments) -> str:
        if not self._scratch.modified and not self._has_asked:
            self._has_asked = True
            raise InputError("no file is modified yet; edit those of the change, or submit again to leave it so")
        return "Submitted."


def _own_tools(scratch: Scratch, search: Search | None) -> Iterable[Tool]:
    def edit(given: _Edit) -> str:
        scratch.edit(given.path, given.old, given.new)
        return f"Edited. Modified so far: {len(scratch.modified)} files, created: {len(scratch.created)}."

    if search is not None:
        found = search
        yield Tool(
            "search_notes",
            "Search what was learned about this repository: files that a change may touch, each with the reason, and "
            "notes about them. Ask here first.",
            _Search,
            lambda given: found(given.query),
            finds_data=True,
        )
    yield Tool("edit", "Replace a text in a file by another one.", _Edit, edit)
    yield Tool("submit", "End the work. The files that you modified are the answer.", NoArguments, _Submit(scratch))


def _with_edits(tools: Iterable[Tool], scratch: Scratch) -> Iterable[Tool]:
    """The tools, of which ``read`` shows a file that was edited as it is now."""
    for tool in tools:
        yield (
            tool
            if tool.name != "read"
            else Tool(tool.name, tool.description, tool.arguments, _reading(tool, scratch), tool.finds_data)
        )


def _reading(tool: Tool, scratch: Scratch) -> Callable[..., str]:
    def read(given: Arguments) -> str:
        path, first, last = (getattr(given, name) for name in ("path", "first", "last"))
        if not scratch.has(path):
            return tool.run(given)
        lines = [line.rstrip("\r\n") for line in lines_of(scratch.text(path))]
        shown = range(first, min(last, len(lines), first + MAX_READ_LINES - 1) + 1)
        head = f"{path}, with your edits, {len(lines)} lines"
        return "\n".join([head, *(f"{number}: {lines[number - 1][:400]}" for number in shown)])

    return read
