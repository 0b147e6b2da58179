"""Rows of contexts: parts kept once, versions, and the version a context stands at.

Every function works on a connection whose transaction belongs to the caller, and on one tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import NotFound
from sleeptime.store.conflict import insert_unless_there
from sleeptime.store.entry import ContextEntry, Status
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
        raise NotFound(f"there is no context named {name!r}; `sleeptime add {name} SOURCE` makes one")
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
    now = datetime.now(UTC)
    found = (
        await connection.execute(
            select(ContextRow.id, ContextRow.version)
            .where(ContextRow.tenant == tenant, ContextRow.name == context.name)
            .with_for_update(key_share=True)  # whoever records a query about it need not wait
        )
    ).one_or_none()
    if found is not None and found.version == context.version:
        return False
    part_ids = await _add_parts(connection, tenant, context.parts)
    if found is None:
        values = {"tenant": tenant, "name": context.name, "version": context.version, "created_at": now}
        context_id = (await connection.execute(insert(ContextRow).values(values).returning(ContextRow.id))).scalar_one()
    else:
        context_id = found.id
        await connection.execute(update(ContextRow).where(ContextRow.id == context_id).values(version=context.version))
    await _add_version(connection, context_id, context, part_ids, now)
    return True


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


async def _add_version(
    connection: AsyncConnection, context_id: int, context: Context, part_ids: Mapping[str, int], now: datetime
) -> None:
    known = select(ContextVersionRow.id).where(
        ContextVersionRow.context_id == context_id, ContextVersionRow.version == context.version
    )
    if (await connection.execute(known)).scalar_one_or_none() is not None:
        return
    values = {"context_id": context_id, "version": context.version, "created_at": now}
    version_id = (
        await connection.execute(insert(ContextVersionRow).values(values).returning(ContextVersionRow.id))
    ).scalar_one()
    rows = [
        {"version_id": version_id, "position": position, "name": part.name, "part_id": part_ids[part.sha256]}
        for position, part in enumerate(context.parts)
    ]
    if rows:
        await connection.execute(insert(VersionPartRow), rows)


async def load_context(connection: AsyncConnection, head: Head) -> Context:
    """The context with its texts, at the version it stood at when ``head`` was read."""
    statement = (
        select(VersionPartRow.name, PartRow.text)
        .join(PartRow, PartRow.id == VersionPartRow.part_id)
        .where(VersionPartRow.version_id == head.version_id)
        .order_by(VersionPartRow.position)
    )
    rows = (await connection.execute(statement)).all()
    return Context(head.name, tuple(Part(name, text) for name, text in rows))


async def part_digests(connection: AsyncConnection, version_id: int) -> frozenset[str]:
    """sha256 of every part of a version."""
    statement = (
        select(PartRow.sha256)
        .join(VersionPartRow, VersionPartRow.part_id == PartRow.id)
        .where(VersionPartRow.version_id == version_id)
    )
    return frozenset((await connection.execute(statement)).scalars())


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
        .outerjoin(VersionPartRow, VersionPartRow.version_id == ContextVersionRow.id)
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
