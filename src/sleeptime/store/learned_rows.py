"""Rows of learned contexts: staged, made live one at a time, rolled back, and served only where they still hold.

Every function works on a connection whose transaction belongs to the caller; a context's `Head` has passed the tenant
filter, and for those that change something it is locked (`lock_head`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.command import command
from sleeptime.core.context import Context
from sleeptime.core.errors import EmptyInput, InputError, NotFound
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.core.text import kept_text
from sleeptime.store.context_rows import Head
from sleeptime.store.entry import Check, Committed, LearnedEntry, Status, Unstudied
from sleeptime.store.tables import ContextRow, ContextVersionRow, JobRow, LearnedRow, NoteRow
from sleeptime.store.version_rows import find_version, load_parts, part_digests

LATE: Final = "the context changed meanwhile, and the live notes serve it better"
OVERRULED: Final = "a user rolled back, approved or rejected a version meanwhile, and that stands"
ASKED: Final = "approval was asked for"


async def stage(
    connection: AsyncConnection,
    tenant: str,
    head: Head,
    learned: LearnedContext,
    *,
    job_id: str | None,
    prompt_digest: str | None,
) -> int:
    """Keep a learned context, not served yet; its number. What a job staged before keeps its number.

    Raises:
        EmptyInput: it has no notes.
        NotFound: its context never had the version it names.
    """
    if not learned.notes:
        raise EmptyInput(f"a learned context of {head.name!r} without notes is never kept; keep the one before instead")
    version_id = await _version_id(connection, head, learned.context_version)
    if job_id is not None:
        of_job = select(LearnedRow.number).where(LearnedRow.context_id == head.id, LearnedRow.job_id == job_id)
        number = (await connection.execute(of_job)).scalar_one_or_none()
        if number is not None:
            return int(number)
    # A model's words are kept even when it put a character among them that no database keeps.
    learned = replace(learned, notes=tuple(_kept(note) for note in learned.notes))
    highest = select(func.coalesce(func.max(LearnedRow.number), 0)).where(LearnedRow.context_id == head.id)
    number = int((await connection.execute(highest)).scalar_one()) + 1
    now = datetime.now(UTC)
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
        "unread": list(learned.unread),
        "created_at": now,
        "status_at": now,
    }
    learned_id = (await connection.execute(insert(LearnedRow).values(values).returning(LearnedRow.id))).scalar_one()
    rows = [_note_row(learned_id, position, note) for position, note in enumerate(learned.notes)]
    await connection.execute(insert(NoteRow), rows)
    return number


async def settle(
    connection: AsyncConnection, head: Head, number: int, check: Check | None, *, needs_approval: bool
) -> Committed:
    """Decide what becomes of a staged learned context: live, waiting, refused, or staged still, for it came too late.

    Nothing changes when that was decided before.

    Args:
        number: of a learned context that was staged.
        check: what may speak against it; nothing does by default.
        needs_approval: a user is to look at it before it is served.
    """
    status, reason = await _state(connection, head, number)
    if status is not Status.STAGED:
        return Committed(number, status, reason)
    digests = frozenset(await part_digests(connection, head.version_id))
    learned = await load_learned(connection, head, number)
    holding = _holding(learned, head, digests)
    live = await _load(connection, head, _with_version().where(LearnedRow.status == Status.LIVE))
    served = () if live is None else _holding(live[1], head, digests)
    if live is not None and _is_late(learned, holding, live[1], served, head):
        status, reason = Status.STAGED, LATE
    elif not needs_approval and await _is_overruled(connection, head, number, live and live[0]):
        status, reason = Status.STAGED, OVERRULED
    elif check is not None and (reason := check(learned, holding, served)):
        status = Status.REFUSED
    else:
        status = Status.WAITING if needs_approval else Status.LIVE
        reason = ASKED if needs_approval else ""
    await _move(connection, head, number, status, reason)
    return Committed(number, status, reason)


async def make_live(connection: AsyncConnection, head: Head, number: int, allowed: Collection[Status]) -> None:
    """Serve this learned context and retire the live one, as a user decided; nothing changes when it is live already.

    Raises:
        NotFound: the context has no learned context of this number.
        InputError: it is in none of the ``allowed`` states.
    """
    if await _is_to_move(connection, head, number, Status.LIVE, allowed):
        await _move(connection, head, number, Status.LIVE, "")
        await _decide(connection, head)


async def refuse(connection: AsyncConnection, head: Head, number: int, reason: str) -> None:
    """Take this learned context out of the running, or out of service; nothing changes when it was refused before.

    Raises:
        NotFound: the context has no learned context of this number.
        InputError: it is retired.
    """
    allowed = {Status.STAGED, Status.WAITING, Status.LIVE}
    if await _is_to_move(connection, head, number, Status.REFUSED, allowed):
        if number == await live_number(connection, head):
            await _decide(connection, head)
        await _move(connection, head, number, Status.REFUSED, reason)


async def load_learned(connection: AsyncConnection, head: Head, number: int) -> LearnedContext:
    """A learned context by its number, with every note, whether it still holds or not.

    Raises:
        NotFound: the context has no learned context of this number.
    """
    loaded = await _load(connection, head, _with_version().where(LearnedRow.number == number))
    if loaded is None:
        raise _no_such(head, number)
    return loaded[1]


async def load_live(
    connection: AsyncConnection, head: Head, digests: Collection[str]
) -> tuple[int, LearnedContext] | None:
    """Number and content of the live learned context, with the notes that still hold; None when none do."""
    loaded = await _load(connection, head, _with_version().where(LearnedRow.status == Status.LIVE))
    if loaded is None:
        return None
    number, learned = loaded
    notes = _holding(learned, head, digests)
    return (number, replace(learned, notes=notes)) if notes else None


async def load_unstudied(connection: AsyncConnection, head: Head, version: str, base: int | None) -> Unstudied:
    """What a sleep starts from.

    Args:
        head: of the context.
        version: that is to be slept on.
        base: number of the learned context that it builds on; None for none.

    Raises:
        NotFound: the context never had that version, or has no learned context of this number.
    """
    context = Context(head.name, await load_parts(connection, await _version_id(connection, head, version)))
    if base is None:
        return Unstudied(context, None, ())
    learned = await load_learned(connection, head, base)
    read = await part_digests(connection, await _version_id(connection, head, learned.context_version))
    return Unstudied(context, learned, read)


async def live_number(connection: AsyncConnection, head: Head) -> int | None:
    """Number of the learned context that is live."""
    live = select(LearnedRow.number).where(LearnedRow.context_id == head.id, LearnedRow.status == Status.LIVE)
    number: int | None = (await connection.execute(live)).scalar_one_or_none()
    return number


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
            LearnedRow.reason,
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
            reason=row.reason,
        )
        for row in await connection.execute(statement)
    )


async def count_learned(connection: AsyncConnection, head: Head) -> int:
    """How many learned contexts it has."""
    count = select(func.count()).select_from(LearnedRow).where(LearnedRow.context_id == head.id)
    return int((await connection.execute(count)).scalar_one())


async def _version_id(connection: AsyncConnection, head: Head, version: str) -> int:
    version_id = await find_version(connection, head.id, version)
    if version_id is None:
        raise NotFound(f"context {head.name!r} never had version {version}; it stands at {head.version}")
    return version_id


async def _state(connection: AsyncConnection, head: Head, number: int) -> tuple[Status, str]:
    """Status and reason of a learned context; `NotFound` without one."""
    found = select(LearnedRow.status, LearnedRow.reason).where(
        LearnedRow.context_id == head.id, LearnedRow.number == number
    )
    row = (await connection.execute(found)).one_or_none()
    if row is None:
        raise _no_such(head, number)
    return Status(row.status), row.reason


async def _is_to_move(
    connection: AsyncConnection, head: Head, number: int, to: Status, allowed: Collection[Status]
) -> bool:
    """Whether it is not there already; `InputError` when it may not go there from its state."""
    status, _ = await _state(connection, head, number)
    if status is to:
        return False
    if status not in allowed:
        raise InputError(
            f"learned context {number} of {head.name!r} is {status}; this needs one that is "
            f"{' or '.join(sorted(allowed))}{_way_back(head, number, status)}"
        )
    return True


def _way_back(head: Head, number: int, status: Status) -> str:
    """How a learned context that is not live is served after all."""
    if status is Status.LIVE:
        return ""
    option = "--rollback" if status is Status.RETIRED else "--approve"
    return f"; `{command('notes', head.name, f'{option} {number}')}` serves it"


async def _move(connection: AsyncConnection, head: Head, number: int, status: Status, reason: str) -> None:
    """Let it come to this status; one that it takes the place of leaves it first."""
    of_context = update(LearnedRow).where(LearnedRow.context_id == head.id)
    now = datetime.now(UTC)
    if status is Status.LIVE:
        retired = {"status": Status.RETIRED, "reason": "", "status_at": now}
        await connection.execute(of_context.where(LearnedRow.status == Status.LIVE).values(retired))
    if status in (Status.LIVE, Status.WAITING):
        replaced = {"status": Status.REFUSED, "reason": f"version {number} took its place", "status_at": now}
        older = of_context.where(LearnedRow.status == Status.WAITING, LearnedRow.number < number)
        await connection.execute(older.values(replaced))
    values = {"status": status, "reason": reason, "status_at": now}
    await connection.execute(of_context.where(LearnedRow.number == number).values(values))


async def _decide(connection: AsyncConnection, head: Head) -> None:
    """Keep that a user decided what is live: jobs that began before are not to undo it."""
    of_context = update(ContextRow).where(ContextRow.id == head.id)
    await connection.execute(of_context.values(decisions=ContextRow.decisions + 1))


async def _is_overruled(connection: AsyncConnection, head: Head, number: int, live: int | None) -> bool:
    """Whether a user decided, since the job that wrote this began, that others are live than those it built on.

    Another job may have put others there as well: then the last one to end is served.
    """
    began_before = (
        select(JobRow.base)
        .join(LearnedRow, LearnedRow.job_id == JobRow.id)
        .join(ContextRow, ContextRow.id == JobRow.context_id)
        .where(LearnedRow.context_id == head.id, LearnedRow.number == number, JobRow.context_id == head.id)
        .where(JobRow.decisions != ContextRow.decisions)
    )
    job = (await connection.execute(began_before)).one_or_none()
    return job is not None and job.base != live


def _is_late(
    learned: LearnedContext, holding: tuple[Note, ...], live: LearnedContext, served: tuple[Note, ...], head: Head
) -> bool:
    """Whether the context changed since this was read, and what is live serves it better: it was made from the present
    version, or it alone has notes that hold."""
    if learned.context_version == head.version:
        return False
    return live.context_version == head.version or bool(served and not holding)


def _holding(learned: LearnedContext, head: Head, digests: Collection[str]) -> tuple[Note, ...]:
    """The notes that hold for the context as it is now."""
    is_same_version = learned.context_version == head.version
    return tuple(note for note in learned.notes if note.holds(digests, is_same_version=is_same_version))


def _no_such(head: Head, number: int) -> NotFound:
    return NotFound(
        f"context {head.name!r} has no learned context {number}; `{command('notes', head.name)}` lists them"
    )


def _with_version() -> Select[*tuple[Any, ...]]:
    return select(
        LearnedRow.id,
        LearnedRow.number,
        LearnedRow.strategy,
        LearnedRow.model,
        LearnedRow.unread,
        ContextVersionRow.version,
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
        NoteRow.made_from,
    )
    found = await connection.execute(notes.where(NoteRow.learned_id == row.id).order_by(NoteRow.position))
    learned = LearnedContext(
        head.name,
        row.version,
        tuple(_note(found_note) for found_note in found),
        row.strategy,
        row.model,
        tuple(row.unread),
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
        made_from=row.made_from or "",
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
        "made_from": note.made_from or None,
    }


def _kept(note: Note) -> Note:
    return replace(
        note,
        text=kept_text(note.text),
        subject=kept_text(note.subject),
        value=kept_text(note.value),
        derivation=kept_text(note.derivation),
    )
