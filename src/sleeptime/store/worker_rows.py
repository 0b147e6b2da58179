"""Rows of workers: who is alive, by the database's own clock, so that machines need not agree about the time.

Every function works on a connection whose transaction belongs to the caller.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.worker import Worker, WorkerState
from sleeptime.store.listed import Listed, listed
from sleeptime.store.tables import WorkerRow


async def now(connection: AsyncConnection) -> datetime:
    """The time on the database's clock; on SQLite that is this machine's."""
    if connection.dialect.name != "postgresql":
        return datetime.now(UTC)
    moment: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return moment.astimezone(UTC)


async def beat(connection: AsyncConnection, worker_id: str, host: str, pid: int, state: WorkerState) -> bool:
    """Keep that a worker is alive; False when nobody knew it: it is new, or was taken for dead."""
    moment = await now(connection)
    alive = update(WorkerRow).where(WorkerRow.id == worker_id).values(state=state, heartbeat_at=moment)
    if (await connection.execute(alive)).rowcount:
        return True
    values = {"id": worker_id, "host": host, "pid": pid, "state": state, "started_at": moment, "heartbeat_at": moment}
    await connection.execute(insert(WorkerRow).values(values))
    return False


async def lock_dead(connection: AsyncConnection, worker: Worker) -> bool:
    """Let nobody else act on a worker's death until the transaction ends; False when it was heard since, or is gone."""
    same = (WorkerRow.id == worker.id, WorkerRow.heartbeat_at == worker.heartbeat_at)
    found = select(WorkerRow.id).where(*same).with_for_update()
    return (await connection.execute(found)).one_or_none() is not None


async def leave(connection: AsyncConnection, worker_id: str) -> None:
    """Forget a worker."""
    await connection.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))


async def silent_workers(
    connection: AsyncConnection, dead_after: timedelta, *, host: str | None = None
) -> tuple[Worker, ...]:
    """Workers without a heartbeat for so long; those of ``host`` as well, however lately they were heard."""
    moment = await now(connection)
    silent = WorkerRow.heartbeat_at < moment - dead_after
    statement = select(*WorkerRow.__table__.columns).where(or_(silent, WorkerRow.host == host) if host else silent)
    return tuple(_worker(row) for row in await connection.execute(statement.order_by(WorkerRow.heartbeat_at)))


async def list_workers(connection: AsyncConnection) -> tuple[Worker, ...]:
    """Every worker that is not known to be gone, the oldest first."""
    return tuple(_worker(row) for row in await connection.execute(_by_age()))


async def list_first(connection: AsyncConnection, limit: int) -> Listed[Worker]:
    """The oldest of them, and how many there are."""
    return await listed(connection, _by_age(), _worker, limit)


def _by_age() -> Select[*tuple[Any, ...]]:
    return select(*WorkerRow.__table__.columns).order_by(WorkerRow.started_at, WorkerRow.id)


def _worker(row: Any) -> Worker:
    return Worker(
        id=row.id,
        host=row.host,
        pid=row.pid,
        state=WorkerState(row.state),
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
    )
