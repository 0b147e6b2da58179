"""Rows of learned contexts that are pruned: page by page, by index, so that no step grows with what is kept.

Works on a connection whose transaction belongs to the caller, and on a locked `Head` (`lock_head`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.store.context_rows import Head
from sleeptime.store.entry import Keep, Status
from sleeptime.store.tables import JobRow, LearnedRow, QueryRow

PAGE: Final = 20
"""Learned contexts that one transaction looks at, and at most removes with their notes."""

_PRUNABLE: Final = frozenset({Status.STAGED, Status.RETIRED, Status.REFUSED})


async def prune_page(
    connection: AsyncConnection, head: Head, keep: Keep, after: int = 0, *, is_dry_run: bool = False
) -> tuple[tuple[int, ...], int | None]:
    """Remove what need not be kept of one page.

    Args:
        keep: what is kept.
        after: the page begins behind this number.
        is_dry_run: only say what would be removed.

    Returns:
        the numbers that were removed, and where the next page begins; None after the last page.
    """
    edge = await _newest_to_prune(connection, head, keep)
    since = func.coalesce(LearnedRow.status_at, LearnedRow.created_at).label("since")
    page = (
        select(LearnedRow.id, LearnedRow.number, LearnedRow.status, since)
        .where(LearnedRow.context_id == head.id, LearnedRow.number > after, LearnedRow.number <= edge)
        .order_by(LearnedRow.number)
        .limit(PAGE)
    )
    rows = (await connection.execute(page)).all()
    long_ago = keep.since(datetime.now(UTC))
    ids = [row.id for row in rows if row.status in _PRUNABLE and row.since <= long_ago]
    removed = await _remove(connection, ids, keep, is_dry_run=is_dry_run) if ids else ()
    return removed, rows[-1].number if len(rows) == PAGE else None


async def prune_in_turn(connection: AsyncConnection, head: Head, keep: Keep, turn: int) -> None:
    """Prune one page of many: with each turn the next one, and the first again after the last."""
    pages = -(-await _newest_to_prune(connection, head, keep) // PAGE)
    if pages:
        await prune_page(connection, head, keep, turn % pages * PAGE)


async def _newest_to_prune(connection: AsyncConnection, head: Head, keep: Keep) -> int:
    """Number of the newest one that is not among the last ones to keep; 0 when all are."""
    found = (
        select(LearnedRow.number)
        .where(LearnedRow.context_id == head.id)
        .order_by(LearnedRow.number.desc())
        .offset(keep.last)
        .limit(1)
    )
    return int((await connection.execute(found)).scalar_one_or_none() or 0)


async def _remove(connection: AsyncConnection, ids: Sequence[int], keep: Keep, *, is_dry_run: bool) -> tuple[int, ...]:
    """Remove these, but for those that a job builds on or, if they are kept, that a query points to."""
    job = exists().where(JobRow.context_id == LearnedRow.context_id, JobRow.base == LearnedRow.number)
    unneeded = [~job.where(JobRow.finished_at.is_(None))]
    if keep.queried:
        unneeded.append(~exists().where(QueryRow.learned_id == LearnedRow.id))
    if is_dry_run:
        found = await connection.execute(select(LearnedRow.number).where(LearnedRow.id.in_(ids), *unneeded))
    else:
        # Locked before it is looked whether a query points to them, so that none begins to in between; what a query is
        # beginning to point to at this moment is left for the next time.
        locked = select(LearnedRow.id).where(LearnedRow.id.in_(ids)).with_for_update(skip_locked=True)
        mine = (await connection.execute(locked)).scalars().all()
        gone = delete(LearnedRow).where(LearnedRow.id.in_(mine), *unneeded)
        found = await connection.execute(gone.returning(LearnedRow.number))
    return tuple(sorted(found.scalars()))
