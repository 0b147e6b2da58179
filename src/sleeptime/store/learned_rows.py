"""Rows of learned contexts: staged, made live one at a time, rolled back, and served only where they still hold.

Every function works on a connection whose transaction belongs to the caller; a context's `Head` has passed the tenant
filter.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.errors import EmptyInput, InputError, NotFound
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.core.text import kept_text
from sleeptime.store.context_rows import Head
from sleeptime.store.entry import LearnedEntry, Status
from sleeptime.store.tables import ContextRow, ContextVersionRow, LearnedRow, NoteRow


async def stage(
    connection: AsyncConnection,
    tenant: str,
    head: Head,
    learned: LearnedContext,
    *,
    job_id: str | None,
    prompt_digest: str | None,
) -> int:
    """Keep a learned context, not served yet; its number.

    Raises:
        EmptyInput: it has no notes.
        NotFound: its context never had the version it names.
    """
    if not learned.notes:
        raise EmptyInput(f"a learned context of {head.name!r} without notes is never kept; keep the one before instead")
    version_id = await _version_id(connection, head, learned.context_version)
    # A model's words are kept even when it put a character among them that no database keeps.
    learned = replace(learned, notes=tuple(_kept(note) for note in learned.notes))
    await _lock(connection, head)
    highest = select(func.coalesce(func.max(LearnedRow.number), 0)).where(LearnedRow.context_id == head.id)
    number = int((await connection.execute(highest)).scalar_one()) + 1
    values = {
        "tenant": tenant,
        "context_id": head.id,
        "context_version_id": version_id,
        "number": number,
        "status": Status.STAGED,
        "strategy": learned.strategy,
        "model": learned.model,
        "digest": learned.digest,
        "job_id": job_id,
        "prompt_digest": prompt_digest,
        "created_at": datetime.now(UTC),
    }
    learned_id = (await connection.execute(insert(LearnedRow).values(values).returning(LearnedRow.id))).scalar_one()
    rows = [_note_row(learned_id, position, note) for position, note in enumerate(learned.notes)]
    await connection.execute(insert(NoteRow), rows)
    return number


async def make_live(connection: AsyncConnection, head: Head, number: int, allowed: Collection[Status]) -> None:
    """Serve this learned context and retire the live one; nothing changes when it is live already.

    Raises:
        NotFound: the context has no learned context of this number.
        InputError: it is in none of the ``allowed`` states.
    """
    await _lock(connection, head)
    found = select(LearnedRow.status).where(LearnedRow.context_id == head.id, LearnedRow.number == number)
    status = (await connection.execute(found)).scalar_one_or_none()
    if status is None:
        raise NotFound(
            f"context {head.name!r} has no learned context {number}; `sleeptime notes {head.name}` lists them"
        )
    if status == Status.LIVE:
        return
    if status not in allowed:
        wanted = " or ".join(sorted(allowed))
        raise InputError(f"learned context {number} of {head.name!r} is {status}; this needs one that is {wanted}")
    of_context = update(LearnedRow).where(LearnedRow.context_id == head.id)
    await connection.execute(of_context.where(LearnedRow.status == Status.LIVE).values(status=Status.RETIRED))
    await connection.execute(of_context.where(LearnedRow.number == number).values(status=Status.LIVE))


async def came_too_late(connection: AsyncConnection, head: Head, number: int) -> bool:
    """Whether this learned context is of a former version of its context while the live one is of the present one."""
    of_context = _with_version().where(LearnedRow.context_id == head.id)
    live = (await connection.execute(of_context.where(LearnedRow.status == Status.LIVE))).one_or_none()
    late = (await connection.execute(of_context.where(LearnedRow.number == number))).one_or_none()
    return live is not None and late is not None and live.version == head.version != late.version


async def load_learned(connection: AsyncConnection, head: Head, number: int) -> LearnedContext:
    """A learned context by its number, with every note, whether it still holds or not.

    Raises:
        NotFound: the context has no learned context of this number.
    """
    loaded = await _load(connection, head, _with_version().where(LearnedRow.number == number))
    if loaded is None:
        raise NotFound(
            f"context {head.name!r} has no learned context {number}; `sleeptime notes {head.name}` lists them"
        )
    return loaded[1]


async def load_live(
    connection: AsyncConnection, head: Head, digests: Collection[str]
) -> tuple[int, LearnedContext] | None:
    """Number and content of the live learned context, with the notes that still hold; None when none do."""
    loaded = await _load(connection, head, _with_version().where(LearnedRow.status == Status.LIVE))
    if loaded is None:
        return None
    number, learned = loaded
    is_same_version = learned.context_version == head.version
    notes = tuple(note for note in learned.notes if note.holds(digests, is_same_version=is_same_version))
    return (number, replace(learned, notes=notes)) if notes else None


async def list_learned(connection: AsyncConnection, head: Head) -> tuple[LearnedEntry, ...]:
    """One line per learned context, by number."""
    note_count = select(func.count()).where(NoteRow.learned_id == LearnedRow.id).scalar_subquery()
    statement = (
        _with_version()
        .add_columns(
            LearnedRow.status,
            LearnedRow.digest,
            note_count.label("notes"),
            LearnedRow.job_id,
            LearnedRow.prompt_digest,
            LearnedRow.created_at,
        )
        .where(LearnedRow.context_id == head.id)
        .order_by(LearnedRow.number)
    )
    return tuple(
        LearnedEntry(
            number=row.number,
            status=Status(row.status),
            context_version=row.version,
            strategy=row.strategy,
            model=row.model,
            digest=row.digest,
            notes=row.notes,
            job_id=row.job_id,
            prompt_digest=row.prompt_digest,
            created_at=row.created_at,
        )
        for row in await connection.execute(statement)
    )


async def _version_id(connection: AsyncConnection, head: Head, version: str) -> int:
    known = select(ContextVersionRow.id).where(
        ContextVersionRow.context_id == head.id, ContextVersionRow.version == version
    )
    version_id = (await connection.execute(known)).scalar_one_or_none()
    if version_id is None:
        raise NotFound(f"context {head.name!r} never had version {version}; it stands at {head.version}")
    return version_id


async def _lock(connection: AsyncConnection, head: Head) -> None:
    """Writers of one context's learned contexts take turns (on SQLite they do already)."""
    await connection.execute(select(ContextRow.id).where(ContextRow.id == head.id).with_for_update())


def _with_version() -> Select[*tuple[Any, ...]]:
    return select(
        LearnedRow.id, LearnedRow.number, LearnedRow.strategy, LearnedRow.model, ContextVersionRow.version
    ).join(ContextVersionRow, ContextVersionRow.id == LearnedRow.context_version_id)


async def _load(
    connection: AsyncConnection, head: Head, statement: Select[*tuple[Any, ...]]
) -> tuple[int, LearnedContext] | None:
    row = (await connection.execute(statement.where(LearnedRow.context_id == head.id))).one_or_none()
    if row is None:
        return None
    notes = select(
        NoteRow.kind,
        NoteRow.text,
        NoteRow.subject,
        NoteRow.value,
        NoteRow.derivation,
        NoteRow.depends_on,
        NoteRow.votes,
        NoteRow.verdict,
    )
    found = await connection.execute(notes.where(NoteRow.learned_id == row.id).order_by(NoteRow.position))
    learned = LearnedContext(
        head.name, row.version, tuple(_note(found_note) for found_note in found), row.strategy, row.model
    )
    return row.number, learned


def _note(row: Any) -> Note:
    return Note(
        kind=NoteKind(row.kind),
        text=row.text,
        subject=row.subject,
        value=row.value,
        derivation=row.derivation,
        depends_on=tuple(row.depends_on),
        votes=row.votes,
        verdict=Verdict(row.verdict),
    )


def _note_row(learned_id: int, position: int, note: Note) -> dict[str, object]:
    return {
        "learned_id": learned_id,
        "position": position,
        "kind": note.kind,
        "text": note.text,
        "subject": note.subject,
        "value": note.value,
        "derivation": note.derivation,
        "depends_on": list(note.depends_on),
        "votes": note.votes,
        "verdict": note.verdict,
    }


def _kept(note: Note) -> Note:
    return replace(
        note,
        text=kept_text(note.text),
        subject=kept_text(note.subject),
        value=kept_text(note.value),
        derivation=kept_text(note.derivation),
    )
