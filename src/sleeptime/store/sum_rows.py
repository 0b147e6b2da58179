"""Sums over rows of the ledger, made by the database: no call is read one by one.

Every function works on a connection whose transaction belongs to the caller, and on one tenant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import LOST, OK, RUNNING, Phase
from sleeptime.core.price import Tier
from sleeptime.core.spend import Scope
from sleeptime.core.totals import LedgerRow, Sums, Totals
from sleeptime.core.usage import Usage
from sleeptime.store.spend_rows import ALL_DAYS
from sleeptime.store.tables import CallRow, SpendRow

_CLASSES = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_IS_OPEN = CallRow.outcome == RUNNING


def _count(such: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((such, 1), else_=0)), 0)


_TOTALS = (
    _count(~_IS_OPEN).label("calls"),
    _count(CallRow.outcome.not_in((OK, RUNNING, LOST))).label("failed_calls"),
    _count(CallRow.outcome == LOST).label("lost_calls"),
    _count(_IS_OPEN).label("running_calls"),
    _count(CallRow.cost_usd.is_(None) & ~_IS_OPEN).label("unknown_calls"),
    *(func.sum(getattr(CallRow, name)).label(name) for name in _CLASSES),
    func.coalesce(func.sum(CallRow.cost_usd), 0.0).label("known_cost_usd"),
    func.sum(CallRow.latency_s).label("latency_s"),
)


async def sum_calls(connection: AsyncConnection, tenant: str, context: str | None, limit: int) -> Sums:
    """The ledger of one context, or of all.

    Args:
        connection: of the caller.
        tenant: whose calls.
        context: its name; None for all, and for calls that served none.
        limit: for all: how many contexts have rows of their own, those that used most tokens first.
    """
    if context is not None:
        rows = await _rows(connection, tenant, [context])
        totals: dict[Phase, Totals] = {}
        for row in rows:
            totals[row.phase] = totals.get(row.phase, Totals()) + row.totals
        return Sums(rows, totals, int(bool(rows)))
    rows = await _rows(connection, tenant, ["", *await _biggest(connection, tenant, limit)])
    by_phase = select(CallRow.phase, *_TOTALS).where(CallRow.tenant == tenant).group_by(CallRow.phase)
    found = {Phase(row.phase): _totals(row) for row in await connection.execute(by_phase)}
    all_contexts = select(func.count(SpendRow.subject.distinct())).where(*_of_contexts(tenant))
    num_contexts = (await connection.execute(all_contexts)).scalar_one()
    return Sums(rows, {phase: found[phase] for phase in Phase if phase in found}, num_contexts)


async def _biggest(connection: AsyncConnection, tenant: str, limit: int) -> list[str]:
    """The contexts that used most tokens, asleep and awake."""
    used = func.sum(SpendRow.tokens + SpendRow.doubt_tokens + SpendRow.reserved_tokens)
    named = select(SpendRow.subject).where(*_of_contexts(tenant)).group_by(SpendRow.subject)
    return list((await connection.execute(named.order_by(used.desc(), SpendRow.subject).limit(limit))).scalars())


def _of_contexts(tenant: str) -> tuple[ColumnElement[bool], ...]:
    return SpendRow.tenant == tenant, SpendRow.scope == Scope.CONTEXT, SpendRow.day == ALL_DAYS


async def _rows(connection: AsyncConnection, tenant: str, contexts: Sequence[str]) -> tuple[LedgerRow, ...]:
    keys = (CallRow.context, CallRow.phase, CallRow.model, CallRow.tier)
    statement = select(*keys, *_TOTALS).where(CallRow.tenant == tenant, CallRow.context.in_(contexts)).group_by(*keys)
    found = [
        LedgerRow(row.context, Phase(row.phase), row.model, Tier(row.tier), _totals(row))
        for row in await connection.execute(statement)
    ]
    phases = list(Phase)
    return tuple(sorted(found, key=lambda row: (row.context, phases.index(row.phase), row.model, row.tier)))


def _totals(row: Any) -> Totals:
    """Sums of a row; PostgreSQL adds whole numbers up to decimals, which are made numbers of ours again."""
    return Totals(
        calls=row.calls,
        failed_calls=row.failed_calls,
        unknown_calls=row.unknown_calls,
        usage=Usage(**{name: int(getattr(row, name)) for name in _CLASSES}),
        known_cost_usd=float(row.known_cost_usd),
        latency_s=float(row.latency_s),
        lost_calls=row.lost_calls,
        running_calls=row.running_calls,
    )
