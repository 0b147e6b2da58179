"""Rows of requests that a provider answers in a batch; gone with their job. Works on a connection of the caller."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict

from sqlalchemy import delete, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.batch import BatchEntry, BatchState
from sleeptime.store.conflict import insert_into
from sleeptime.store.tables import BatchRow, JobRow

# Written out, for an engine uses a partial index only where it sees that the condition holds.
_IS_OPEN = BatchRow.state.in_([literal_column(f"'{state}'") for state in (BatchState.INTENDED, BatchState.SUBMITTED)])


async def list_entries(connection: AsyncConnection, job_id: str) -> tuple[BatchEntry, ...]:
    """All of a job, by key."""
    statement = select(*BatchRow.__table__.columns).where(BatchRow.job_id == job_id).order_by(BatchRow.key)
    return tuple(
        BatchEntry(
            job_id=row.job_id,
            key=row.key,
            provider=row.provider,
            handle=row.handle,
            state=BatchState(row.state),
            intended_at=row.intended_at,
            deadline=row.deadline,
        )
        for row in await connection.execute(statement)
    )


async def intend(connection: AsyncConnection, entries: Sequence[BatchEntry]) -> None:
    """Keep that these are about to be sent, in place of what was intended before."""
    new = insert_into(connection, BatchRow)
    kept = new.on_conflict_do_update(
        index_elements=[BatchRow.job_id, BatchRow.key],
        set_={name: new.excluded[name] for name in ("provider", "handle", "state", "intended_at", "deadline")},
        where=BatchRow.state == BatchState.INTENDED,
    )
    await connection.execute(kept, [asdict(entry) for entry in entries])


async def submitted(connection: AsyncConnection, job_id: str, keys: Collection[str], handle: str) -> None:
    """Keep that the provider has intended ones, and what it calls the batch."""
    intended = update(BatchRow).where(BatchRow.job_id == job_id, BatchRow.key.in_(keys))
    intended = intended.where(BatchRow.state == BatchState.INTENDED)
    await connection.execute(intended.values(state=BatchState.SUBMITTED, handle=handle))


async def settle(connection: AsyncConnection, job_id: str, keys: Collection[str], state: BatchState | None) -> None:
    """Let them be ended or overdue; None forgets them, for they were never sent."""
    if state is None:
        statement = delete(BatchRow).where(BatchRow.job_id == job_id, BatchRow.key.in_(keys))
        await connection.execute(statement.where(BatchRow.state == BatchState.INTENDED))
        return
    await connection.execute(
        update(BatchRow).where(BatchRow.job_id == job_id, BatchRow.key.in_(keys)).values(state=state)
    )


async def abandoned(connection: AsyncConnection, limit: int) -> tuple[str, ...]:
    """Ids of jobs that are over, and whose batches a provider may still work on."""
    over = (
        select(JobRow.id)
        .where(JobRow.finished_at.is_not(None), JobRow.id.in_(select(BatchRow.job_id).where(_IS_OPEN)))
        .limit(limit)
    )
    return tuple((await connection.execute(over)).scalars())


async def known(connection: AsyncConnection, handles: Collection[str]) -> frozenset[str]:
    """Those that are the handle of a batch of any job."""
    found = select(BatchRow.handle).where(BatchRow.handle.in_(handles)).distinct()
    return frozenset(handle for handle in (await connection.execute(found)).scalars() if handle is not None)
