"""Rows of what became of a context's sleeps so far. Works on a connection whose transaction belongs to the caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import Quarantine, SleepState
from sleeptime.store.context_rows import Head
from sleeptime.store.listed import Listed, listed
from sleeptime.store.tables import ContextRow, SleepStateRow

_COLUMNS = tuple(getattr(SleepStateRow, field.name) for field in fields(SleepState))


async def load_sleep_state(connection: AsyncConnection, context_id: int) -> SleepState:
    """What became of the context's sleeps so far."""
    found = select(*_COLUMNS).where(SleepStateRow.context_id == context_id)
    row = (await connection.execute(found)).one_or_none()
    return SleepState() if row is None else SleepState(*row)


async def change_sleep_state(
    connection: AsyncConnection, context_id: int, change: Callable[[SleepState], SleepState]
) -> SleepState:
    """Put what ``change`` makes of the state in its place; two changes at once happen one after the other."""
    # The row of the context is there to be locked also while the state has none.
    locked = select(ContextRow.tenant).where(ContextRow.id == context_id).with_for_update()
    tenant = (await connection.execute(locked)).scalar_one()
    before = await load_sleep_state(connection, context_id)
    after = change(before)
    known = update(SleepStateRow).where(SleepStateRow.context_id == context_id)
    if after != before and not (await connection.execute(known.values(asdict(after)))).rowcount:
        await connection.execute(insert(SleepStateRow).values(context_id=context_id, tenant=tenant, **asdict(after)))
    return after


async def list_quarantines(
    connection: AsyncConnection, tenant: str, limit: int, *, head: Head | None = None
) -> Listed[Quarantine]:
    """Contexts of a tenant in quarantine, the youngest first; with ``head`` that one alone."""
    state = SleepStateRow
    # By the tenant of the state, whose index holds those in quarantine alone, and not by that of all its contexts.
    mine = state.tenant == tenant if head is None else state.context_id == head.id
    statement = (
        select(ContextRow.name, state.quarantined_at, state.failures, state.last_error)
        .join(ContextRow, ContextRow.id == state.context_id)
        .where(state.quarantined_at.is_not(None), mine)
        .order_by(state.quarantined_at.desc())
    )
    counted = select(state.quarantined_at).where(state.quarantined_at.is_not(None), mine)
    return await listed(connection, statement, lambda row: Quarantine(*row), limit, counted=counted)
