"""Rows of versions: the ordered parts of each version of a context.

Versions that begin alike share their rows, a *line*: each version is so many parts of one line, from its beginning.
Thus a conversation to which messages are appended has one row per message, and one per version, however many versions
there are. A version that differs from the one before in the middle begins a line of its own.

Every function works on a connection whose transaction belongs to the caller. Writers of one context take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.context import Part
from sleeptime.store.tables import ContextVersionRow, PartRow, VersionPartRow

PartOfLine = tuple[str, int]
"""Name of a part and id of its text."""


@dataclass(frozen=True, slots=True)
class PartEntry:
    """A part without its text."""

    name: str
    part_id: int
    sha256: str
    size: int


async def find_version(connection: AsyncConnection, context_id: int, version: str) -> int | None:
    """Id of a version of a context; None when it never had that version."""
    known = select(ContextVersionRow.id).where(
        ContextVersionRow.context_id == context_id, ContextVersionRow.version == version
    )
    found: int | None = (await connection.execute(known)).scalar_one_or_none()
    return found


async def add_version(
    connection: AsyncConnection,
    context_id: int,
    before: str | None,
    version: str,
    parts: Sequence[PartOfLine],
    now: datetime,
    *,
    num_same: int = 0,
) -> None:
    """Keep the parts of a version, unless it was seen before.

    Args:
        context_id: of the context, locked.
        before: the version it stood at, whose line this one goes on with where it can; None for a new context.
        version: the new version.
        parts: of the new version, in order.
        now: when it came.
        num_same: so many parts are known to be all those of the version before.
    """
    if await find_version(connection, context_id, version) is not None:
        return
    line_id = None if before is None else await _line_of(connection, context_id, before)
    there = 0 if line_id is None else await _num_shared(connection, line_id, parts, num_same)
    values = {
        "context_id": context_id,
        "version": version,
        "created_at": now,
        "line_id": line_id if there else None,
        "num_parts": len(parts),
    }
    added = insert(ContextVersionRow).values(values).returning(ContextVersionRow.id)
    version_id = (await connection.execute(added)).scalar_one()
    rows = [
        {"version_id": line_id if there else version_id, "position": position, "name": name, "part_id": part_id}
        for position, (name, part_id) in enumerate(parts[there:], start=there)
    ]
    if rows:
        await connection.execute(insert(VersionPartRow), rows)


async def load_parts(connection: AsyncConnection, version_id: int) -> tuple[Part, ...]:
    """The parts of a version with their texts."""
    rows = await connection.execute(_of_version(version_id, VersionPartRow.name, PartRow.text))
    return tuple(Part(name, text) for name, text in rows.all())


async def list_parts(connection: AsyncConnection, version_id: int) -> tuple[PartEntry, ...]:
    """The parts of a version without their texts."""
    columns = (VersionPartRow.name, PartRow.id, PartRow.sha256, PartRow.size)
    rows = await connection.execute(_of_version(version_id, *columns))
    return tuple(PartEntry(*row) for row in rows.all())


async def part_digests(connection: AsyncConnection, version_id: int) -> tuple[str, ...]:
    """sha256 of every part of a version, in order."""
    return tuple((await connection.execute(_of_version(version_id, PartRow.sha256))).scalars())


def has_part() -> ColumnElement[bool]:
    """The rows of `VersionPartRow` that are parts of a row of `ContextVersionRow`."""
    line_id = func.coalesce(ContextVersionRow.line_id, ContextVersionRow.id)
    return and_(VersionPartRow.version_id == line_id, VersionPartRow.position < ContextVersionRow.num_parts)


def _of_version(version_id: int, *columns: Any) -> Select[Any]:
    return (
        select(*columns)
        .select_from(ContextVersionRow)
        .join(VersionPartRow, has_part())
        .join(PartRow, PartRow.id == VersionPartRow.part_id)
        .where(ContextVersionRow.id == version_id)
        .order_by(VersionPartRow.position)
    )


async def _line_of(connection: AsyncConnection, context_id: int, version: str) -> int:
    line_id = select(func.coalesce(ContextVersionRow.line_id, ContextVersionRow.id)).where(
        ContextVersionRow.context_id == context_id, ContextVersionRow.version == version
    )
    return int((await connection.execute(line_id)).scalar_one())


async def _num_shared(connection: AsyncConnection, line_id: int, parts: Sequence[PartOfLine], num_same: int) -> int:
    """How many parts a line already has, all of its own or all of these; 0 when the two differ before either ends."""
    of_line = VersionPartRow.version_id == line_id
    last = (await connection.execute(select(func.max(VersionPartRow.position)).where(of_line))).scalar_one()
    if num_same and last == num_same - 1:
        return num_same
    rows = select(VersionPartRow.name, VersionPartRow.part_id).where(of_line).order_by(VersionPartRow.position)
    line = [(name, part_id) for name, part_id in await connection.execute(rows)]
    common = min(len(line), len(parts))
    return common if line[:common] == list(parts[:common]) else 0
