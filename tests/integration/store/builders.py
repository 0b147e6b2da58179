"""Small contexts and learned contexts for the store's tests."""

from __future__ import annotations

from sleeptime.core.context import Context, Part
from sleeptime.core.note import LearnedContext, Note, NoteKind


def context(name: str = "shop", **texts: str) -> Context:
    """A context with a part per keyword, in order."""
    return Context(name, tuple(Part(part, text) for part, text in texts.items()))


def note(statement: str, *parts: Part) -> Note:
    """A fact that rests on the parts."""
    return Note(NoteKind.FACT, statement, depends_on=tuple(part.sha256 for part in parts))


def learned(of: Context, *notes: Note, model: str = "scripted") -> LearnedContext:
    """A learned context of the version that ``of`` stands at."""
    return LearnedContext(of.name, of.version, notes, "notes", model)
