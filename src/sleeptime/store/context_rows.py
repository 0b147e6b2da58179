"""Rows of contexts: parts kept once, and the version a context stands at.

Every function works on a connection whose transaction belongs to the caller, and on one tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.command import command
from sleeptime.core.context import Context, Part, appended_parts, version_of
from sleeptime.core.errors import NotFound, TooLarge
from sleeptime.store import version_rows
from sleeptime.store.conflict import insert_unless_there
from sleeptime.store.entry import Appended, ContextEntry, Status
from sleeptime.store.tables import ContextRow, ContextVersionRow, LearnedRow, PartRow, VersionPartRow

_BATCH: Final = 500
"""Values in one ``IN``: below the bound-parameter limits of both engines."""


@dataclass(frozen=True, slots=True)
class Head:
    """A context's row and the version it stands at."""

    id: int
    name: str
    version: str
    version_id: int


async def find_head(connection: AsyncConnection, tenant: str, name: str) -> Head:
    """The context of this name.

    Raises:
        NotFound: the tenant has none of this name.
    """
    statement = (
        select(ContextRow.id, ContextRow.name, ContextRow.version, ContextVersionRow.id)
        .join(ContextVersionRow, _stands_at())
        .where(ContextRow.tenant == tenant, ContextRow.name == name)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"there is no context named {name!r}; `{command('add', name, 'SOURCE')}` makes one")
    return Head(*row)


async def lock_head(connection: AsyncConnection, tenant: str, name: str) -> Head:
    """The context of this name, as it stays until the transaction ends: writers of one context take turns.

    Who only reads it, or records a query about it, does not wait. (On SQLite all writers take turns already.)

    Raises:
        NotFound: the tenant has none of this name.
    """
    # Before the look-up: a row that is locked while it is joined is checked again with only half of the join renewed.
    locked = select(ContextRow.id).where(ContextRow.tenant == tenant, ContextRow.name == name)
    await connection.execute(locked.with_for_update(key_share=True))
    return await find_head(connection, tenant, name)


async def add_context(connection: AsyncConnection, tenant: str, context: Context) -> bool:
    """Keep the parts that are not kept yet, and let the context stand at this version; False when it already did."""
    before = await _locked(connection, tenant, context.name)
    if before is not None and before.version == context.version:
        return False
    ids = await _add_parts(connection, tenant, context.parts)
    parts = [(part.name, ids[part.sha256]) for part in context.parts]
    await _stand_at(connection, tenant, context.name, before, context.version, parts)
    return True


async def append(
    connection: AsyncConnection,
    tenant: str,
    name: str,
    given: Sequence[Part | str],
    *,
    max_parts: int | None,
    max_bytes: int | None,
) -> Appended:
    """Put parts behind those that are there, of which no text is read or sent; a context that is not there is made.

    Raises:
        InputError: a part has the name of another one with another text.
        TooLarge: the context would have too many parts or bytes.
    """
    before = await _locked(connection, tenant, name)
    there = () if before is None else await version_rows.list_parts(connection, before.version_id)
    added = appended_parts({part.name: part.sha256 for part in there}, given)
    num_parts = len(there) + len(added)
    num_bytes = sum(part.size for part in there) + sum(len(part.text.encode()) for part in added)
    names = tuple(part.name for part in added)
    if before is not None and not added:
        return Appended(before.version, names, num_parts, num_bytes)
    for number, limit, unit in ((num_parts, max_parts, "parts"), (num_bytes, max_bytes, "bytes")):
        if limit is not None and number > limit:
            raise TooLarge(
                f"context {name!r} would have {number:,} {unit}; the limit for one context is {limit:,}. "
                "Nothing was stored."
            )
    ids = await _add_parts(connection, tenant, added)
    parts = [(part.name, part.part_id) for part in there] + [(part.name, ids[part.sha256]) for part in added]
    version = version_of([*((part.name, part.sha256) for part in there), *((part.name, part.sha256) for part in added)])
    await _stand_at(connection, tenant, name, before, version, parts, num_same=len(there))
    return Appended(version, names, num_parts, num_bytes)


async def _locked(connection: AsyncConnection, tenant: str, name: str) -> Head | None:
    """The context as it stays until the transaction ends; None when there is none of this name."""
    try:
        return await lock_head(connection, tenant, name)
    except NotFound:
        return None


async def _stand_at(
    connection: AsyncConnection,
    tenant: str,
    name: str,
    before: Head | None,
    version: str,
    parts: Sequence[version_rows.PartOfLine],
    *,
    num_same: int = 0,
) -> None:
    """Let a context stand at a version; make it when there was none."""
    now = datetime.now(UTC)
    if before is None:
        values = {"tenant": tenant, "name": name, "version": version, "created_at": now}
        context_id = (await connection.execute(insert(ContextRow).values(values).returning(ContextRow.id))).scalar_one()
        await version_rows.add_version(connection, context_id, None, version, parts, now)
        return
    await connection.execute(update(ContextRow).where(ContextRow.id == before.id).values(version=version))
    await version_rows.add_version(connection, before.id, before.version, version, parts, now, num_same=num_same)


async def _add_parts(connection: AsyncConnection, tenant: str, parts: Sequence[Part]) -> dict[str, int]:
    """Keep the texts that are not kept yet; the row id of every part's text, by sha256."""
    texts = {part.sha256: part.text for part in parts}
    ids: dict[str, int] = {}
    for digests in _batches(sorted(texts)):  # sorted: two writers of the same parts wait for each other in one order
        kept = select(PartRow.sha256, PartRow.id).where(PartRow.tenant == tenant, PartRow.sha256.in_(digests))
        ids |= {row.sha256: row.id for row in await connection.execute(kept)}
        rows = [
            {"tenant": tenant, "sha256": digest, "text": texts[digest], "size": len(texts[digest].encode())}
            for digest in digests
            if digest not in ids
        ]
        if rows:
            await insert_unless_there(connection, PartRow, rows)
            ids |= {row.sha256: row.id for row in await connection.execute(kept)}
    return ids


async def load_context(connection: AsyncConnection, head: Head) -> Context:
    """The context with its texts, at the version it stood at when ``head`` was read."""
    return Context(head.name, await version_rows.load_parts(connection, head.version_id))


async def list_contexts(connection: AsyncConnection, tenant: str) -> tuple[ContextEntry, ...]:
    """One line per context, by name."""
    statement = (
        select(
            ContextRow.name,
            ContextRow.version,
            func.count(VersionPartRow.position),
            func.coalesce(func.sum(PartRow.size), 0),
            LearnedRow.number,
            ContextRow.created_at,
        )
        .join(ContextVersionRow, _stands_at())
        .outerjoin(VersionPartRow, version_rows.has_part())
        .outerjoin(PartRow, PartRow.id == VersionPartRow.part_id)
        .outerjoin(LearnedRow, and_(LearnedRow.context_id == ContextRow.id, LearnedRow.status == Status.LIVE))
        .where(ContextRow.tenant == tenant)
        .group_by(ContextRow.name, ContextRow.version, LearnedRow.number, ContextRow.created_at)
        .order_by(ContextRow.name)
    )
    rows = (await connection.execute(statement)).all()
    return tuple(
        ContextEntry(name, version, parts, int(size), live, created_at)
        for name, version, parts, size, live, created_at in rows
    )


def _stands_at() -> ColumnElement[bool]:
    """The version row of the version that a context stands at."""
    return and_(ContextVersionRow.context_id == ContextRow.id, ContextVersionRow.version == ContextRow.version)


def _batches(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while batch := list(islice(rest, _BATCH)):
        yield batch
