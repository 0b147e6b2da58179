"""Rows of the ledger: calls, each known before it is made, and how it ended. Sums follow in the same transaction.

::

    (none) --begin--> running --end--> ok, or the name of an error
                      running --withdraw--> (none): it was never made
                      running --leave--> running, of no worker: a provider has it in hand
                      running --lose--> lost --end--> as above: its maker was not dead after all
                                        lost --begin--> running: it is taken up again

Every function works on a connection whose transaction belongs to the caller, and, but for `lose`, on one tenant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import LOST, OK, RUNNING, Call, Phase, WorstCase
from sleeptime.core.caps import Caps
from sleeptime.core.price import Tier
from sleeptime.core.spend import Spend
from sleeptime.core.text import kept_text
from sleeptime.core.usage import Usage
from sleeptime.store import spend_rows, sum_rows
from sleeptime.store.conflict import insert_unless_there
from sleeptime.store.spend_rows import SpendKey, keys_of
from sleeptime.store.sum_rows import Change
from sleeptime.store.tables import CallRow

_OPEN = (RUNNING, LOST)
# Written out, for an engine uses a partial index only where it sees that the condition holds.
_IS_RUNNING = CallRow.outcome == literal_column(f"'{RUNNING}'")
_IS_ANSWERED = CallRow.outcome == literal_column(f"'{OK}'")
_COLUMNS = CallRow.__table__.columns
# Every query waits for these two, so they are made once.
_IS_CALL = (CallRow.tenant == bindparam("of_tenant"), CallRow.id == bindparam("of_id"))
_FINDING = select(*_COLUMNS).where(*_IS_CALL).with_for_update()
_CHANGING = update(CallRow).where(*_IS_CALL)


async def begin(connection: AsyncConnection, tenant: str, call: Call, caps: Caps) -> None:
    """Keep that a call is about to be made, and reserve its worst case; both once. One that was left or lost goes on.

    Raises:
        CapReached, InputError: as `spend_rows.reserve`; the caller's transaction must not be kept.
    """
    assert call.outcome == RUNNING, "a call begins before it ends"
    if await insert_unless_there(connection, CallRow, [_row(tenant, call, None)]):
        await spend_rows.reserve(connection, tenant, call, caps)
        await sum_rows.add(connection, [(tenant, None, call)])
    elif (there := await _find(connection, tenant, call)) is not None and there.outcome in _OPEN:
        await connection.execute(_CHANGING, {"outcome": RUNNING, "worker": call.worker} | _which(tenant, call))
        await _follow(connection, [(tenant, there, replace(there, outcome=RUNNING))])


async def end(connection: AsyncConnection, tenant: str, call: Call, reply: str | None = None) -> None:
    """Keep how a call ended, once, begun or not: it was paid for.

    A second answer to the same call of a job has no key any more: the first one counts.
    """
    assert call.outcome not in _OPEN, "a call that ended has an outcome of its own"
    row = _row(tenant, call, reply)
    if call.key is not None and call.outcome == OK and await _has_answer(connection, tenant, call):
        row |= {"key": None, "reply": None}
    there = await _find(connection, tenant, call)
    if there is None:
        await connection.execute(insert(CallRow), row)
    elif there.outcome in _OPEN:
        call = replace(call, at=there.at)  # it counts to the day on which it began
        await connection.execute(_CHANGING, row | {"at": there.at} | _which(tenant, call))
    else:
        return
    await _follow(connection, [(tenant, there, call)])


async def leave(connection: AsyncConnection, tenant: str, call: Call) -> None:
    """Take a running call from its worker: a provider has it in hand, whatever becomes of the worker."""
    await connection.execute(_CHANGING.where(_IS_RUNNING), {"worker": None} | _which(tenant, call))


async def withdraw(connection: AsyncConnection, tenant: str, call: Call) -> None:
    """Take a call back that was begun, and will not be made."""
    gone = delete(CallRow).where(*_IS_CALL, _IS_RUNNING).returning(*_COLUMNS)
    found = (await connection.execute(gone, _which(tenant, call))).one_or_none()
    if found is not None:
        await _follow(connection, [(tenant, _call(found), None)])


async def lose(connection: AsyncConnection, workers: Collection[str], *, unowned_before: datetime | None = None) -> int:
    """Mark the running calls of dead workers as lost, of every tenant; what they may have used stays counted.

    Args:
        connection: of the caller.
        workers: that are dead.
        unowned_before: also the calls of no job and no worker that began before.

    Returns:
        How many there were.
    """
    lost = await _lose(connection, CallRow.worker.in_(workers)) if workers else 0
    if unowned_before is not None:
        unowned = CallRow.worker.is_(None) & CallRow.key.is_(None) & (CallRow.at < unowned_before)
        lost += await _lose(connection, unowned)
    return lost


async def close_job(connection: AsyncConnection, tenant: str, job_id: str) -> None:
    """Forget the replies of a job that is over, and give up calls that are still under way; for the transaction that
    finishes it.
    """
    of_job = (CallRow.tenant == tenant) & (CallRow.job_id == job_id)
    await connection.execute(update(CallRow).where(of_job, CallRow.reply.is_not(None)).values(reply=None))
    await _lose(connection, of_job)


async def _lose(connection: AsyncConnection, such: ColumnElement[bool]) -> int:
    losing = update(CallRow).where(_IS_RUNNING, such).values(outcome=LOST).returning(*_COLUMNS)
    lost = [(row.tenant, _call(row)) for row in await connection.execute(losing)]
    await _follow(connection, [(tenant, replace(call, outcome=RUNNING), call) for tenant, call in lost])
    return len(lost)


async def _follow(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    """Let what was spent, and the lines of the ledger, follow what became of calls."""
    spends: dict[SpendKey, Spend] = defaultdict(Spend)
    for tenant, before, after in changes:
        if before is not None:
            for key in keys_of(tenant, before):
                spends[key] -= Spend.of(before)
        if after is not None:
            for key in keys_of(tenant, after):
                spends[key] += Spend.of(after)
    await spend_rows.add(connection, spends)
    await sum_rows.add(connection, changes)


async def answered(connection: AsyncConnection, tenant: str, job_id: str, key: str) -> str | None:
    """The kept reply to a job's call, if it was answered."""
    kept = select(CallRow.reply).where(CallRow.tenant == tenant, CallRow.job_id == job_id, CallRow.key == key)
    return (await connection.execute(kept.where(_IS_ANSWERED))).scalar_one_or_none()


async def list_calls(
    connection: AsyncConnection, tenant: str, *, context: str | None = None, job_id: str | None = None
) -> tuple[Call, ...]:
    """Calls of one context, of one job, or all, oldest first."""
    statement = select(*_COLUMNS).where(CallRow.tenant == tenant).order_by(CallRow.at, CallRow.id)
    if context is not None:
        statement = statement.where(CallRow.context == context)
    if job_id is not None:
        statement = statement.where(CallRow.job_id == job_id)
    return tuple(_call(row) for row in await connection.execute(statement))


async def _find(connection: AsyncConnection, tenant: str, call: Call) -> Call | None:
    """The call as it is kept, locked."""
    found = (await connection.execute(_FINDING, _which(tenant, call))).one_or_none()
    return None if found is None else _call(found)


async def _has_answer(connection: AsyncConnection, tenant: str, call: Call) -> bool:
    there = select(CallRow.id).where(CallRow.tenant == tenant, CallRow.job_id == call.job_id, CallRow.key == call.key)
    return (await connection.execute(there.where(_IS_ANSWERED))).first() is not None


def _which(tenant: str, call: Call) -> dict[str, Any]:
    return {"of_tenant": tenant, "of_id": call.id}


def _row(tenant: str, call: Call, reply: str | None) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "id": call.id,
        "phase": call.phase,
        "model": kept_text(call.model),
        "tier": call.tier,
        "context": call.context,
        "query_id": call.query_id,
        "job_id": call.job_id,
        "key": call.key,
        "worker": call.worker,
        "outcome": kept_text(call.outcome),
        "cost_usd": call.cost_usd,
        "reserved_tokens": call.reserved.tokens,
        "reserved_usd": call.reserved.cost_usd,
        "latency_s": call.latency_s,
        "at": call.at,
        "reply": reply,
        **call.usage.as_dict(),
    }


def _call(row: Any) -> Call:
    return Call(
        phase=Phase(row.phase),
        model=row.model,
        usage=usage_of(row),
        context=row.context,
        tier=Tier(row.tier),
        cost_usd=row.cost_usd,
        latency_s=row.latency_s,
        query_id=row.query_id,
        job_id=row.job_id,
        key=row.key,
        worker=row.worker,
        outcome=row.outcome,
        reserved=WorstCase(row.reserved_tokens, row.reserved_usd),
        at=row.at,
        id=row.id,
    )


def usage_of(row: Any) -> Usage:
    """The token classes of a row of calls or queries."""
    return Usage(
        row.input_tokens, row.cached_input_tokens, row.cache_write_tokens, row.output_tokens, row.reasoning_tokens
    )
