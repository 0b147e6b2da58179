"""Rows of breakers, shared by all workers; a model without a row has not failed since it last answered.

Every function works on a connection whose transaction belongs to the caller.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.breaker import Breaker, BreakerPolicy
from sleeptime.store.conflict import insert_into
from sleeptime.store.listed import Listed, listed
from sleeptime.store.tables import BreakerRow

_COLUMNS = (BreakerRow.model, BreakerRow.failures, BreakerRow.open_until, BreakerRow.last_error)


async def find(connection: AsyncConnection, model: str) -> Breaker | None:
    """The breaker of a model."""
    row = (await connection.execute(select(*_COLUMNS).where(BreakerRow.model == model))).one_or_none()
    return None if row is None else Breaker(*row)


async def list_breakers(connection: AsyncConnection) -> tuple[Breaker, ...]:
    """Every model that failed when it was last asked, by name."""
    rows = await connection.execute(select(*_COLUMNS).order_by(BreakerRow.model))
    return tuple(Breaker(*row) for row in rows)


async def list_open(connection: AsyncConnection, limit: int) -> Listed[Breaker]:
    """Those that are open or half open, by name."""
    statement = select(*_COLUMNS).where(BreakerRow.open_until.is_not(None)).order_by(BreakerRow.model)
    return await listed(connection, statement, lambda row: Breaker(*row), limit)


async def extend(connection: AsyncConnection, model: str, open_until: datetime, until: datetime) -> bool:
    """Leave an open one open until another moment; False when it is not open until ``open_until`` any more."""
    open_one = update(BreakerRow).where(BreakerRow.model == model, BreakerRow.open_until == open_until)
    return bool((await connection.execute(open_one.values(open_until=until))).rowcount)


async def fail(connection: AsyncConnection, model: str, error: str, policy: BreakerPolicy, *, now: datetime) -> None:
    """Count an error of a closed one, which may open it; one that is open stays as it is."""
    until = now + policy.pause(policy.errors)
    failures = BreakerRow.failures + 1
    new = insert_into(connection, BreakerRow).values(
        model=model, failures=1, open_until=until if policy.errors <= 1 else None, last_error=error
    )
    counted = new.on_conflict_do_update(
        index_elements=[BreakerRow.model],
        set_={
            "failures": failures,
            "open_until": case((failures >= policy.errors, until), else_=None),
            "last_error": error,
        },
        where=BreakerRow.open_until.is_(None),
    )
    await connection.execute(counted)


async def fail_probe(
    connection: AsyncConnection, model: str, error: str, lease: datetime, policy: BreakerPolicy, *, now: datetime
) -> None:
    """Count the error of the probe that holds this lease, and open again for longer."""
    probed = select(BreakerRow.failures).where(BreakerRow.model == model, BreakerRow.open_until == lease)
    failures = (await connection.execute(probed.with_for_update())).scalar_one_or_none()
    if failures is None:
        return
    values = {"failures": failures + 1, "open_until": now + policy.pause(failures + 1), "last_error": error}
    await connection.execute(update(BreakerRow).where(BreakerRow.model == model).values(values))


async def close(connection: AsyncConnection, model: str, lease: datetime | None = None) -> None:
    """Forget the errors of a closed one; with the lease of its probe, of an open one."""
    which = BreakerRow.open_until.is_(None) if lease is None else BreakerRow.open_until == lease
    await connection.execute(delete(BreakerRow).where(BreakerRow.model == model, which))
