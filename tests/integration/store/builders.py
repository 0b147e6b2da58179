"""Small contexts and learned contexts for the store's tests."""

from __future__ import annotations

from alembic import command
from sqlalchemy import Connection

from sleeptime.core.context import Context, Part
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.store.migrations import alembic_config


def context(name: str = "shop", **texts: str) -> Context:
    """A context with a part per keyword, in order."""
    return Context(name, tuple(Part(part, text) for part, text in texts.items()))


def note(statement: str, *parts: Part) -> Note:
    """A fact that rests on the parts."""
    return Note(NoteKind.FACT, statement, depends_on=tuple(part.sha256 for part in parts))


def learned(of: Context, *notes: Note, model: str = "scripted") -> LearnedContext:
    """A learned context of the version that ``of`` stands at."""
    return LearnedContext(of.name, of.version, notes, "notes", model)


def make_first_release(connection: Connection) -> None:
    """The tables as the first release made them."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
