"""Rows of spend: what the calls of each job, context and tenant used, kept up to date in the transaction of each call.

A reservation is one conditional update per row, so calls begun side by side, by tasks or by processes, never go over a
cap together. Rows are always taken in one order, so that no two transactions wait for each other, and the tenant's come
last, for all its calls share them. Every function works on a connection whose transaction belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from typing import Any, Final, NamedTuple

from sqlalchemy import Executable, and_, bindparam, delete, literal_column, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import Call, WorstCase
from sleeptime.core.caps import NO_CAP, NO_CAPS, Cap, Caps, refusal
from sleeptime.core.errors import CapReached
from sleeptime.core.spend import Lane, Scope, Spend, utc_day
from sleeptime.store.tables import SpendRow

ALL_DAYS: Final = ""

KEPT_DAYS: Final = 7
"""Days whose rows are kept. A cap looks at today's alone; a call that ends later than this makes the row of its day
anew, which nobody reads."""

PAGE: Final = 1_000
"""Rows that are removed in one transaction."""

_AMOUNTS: Final = tuple(item.name for item in fields(Spend))


class SpendKey(NamedTuple):
    """A row; keys sort in the order in which rows are taken."""

    rank: int
    tenant: str
    scope: Scope
    day: str
    subject: str
    lane: Lane

    @classmethod
    def of(cls, tenant: str, scope: Scope, subject: str, day: str, lane: Lane) -> SpendKey:
        """The key of a scope's row on a day, or on all days together."""
        return cls(list(Scope).index(scope), tenant, scope, day, subject, lane)


def keys_of(tenant: str, call: Call) -> list[SpendKey]:
    """The rows that a call counts in."""
    day, lane = utc_day(call.at), Lane.of(call.phase)
    counted = [(Scope.TENANT, "", day), (Scope.TENANT, "", ALL_DAYS)]
    if call.context:
        counted += [(Scope.CONTEXT, call.context, day), (Scope.CONTEXT, call.context, ALL_DAYS)]
    if call.job_id is not None:
        counted.append((Scope.JOB, call.job_id, ALL_DAYS))
    return sorted(SpendKey.of(tenant, scope, subject, when, lane) for scope, subject, when in counted)


async def reserve(connection: AsyncConnection, tenant: str, call: Call, caps: Caps) -> None:
    """Count the worst case of a call in every row of it, unless that could bring one over its cap.

    Raises:
        CapReached: it could; the caller's transaction must not be kept.
        InputError: a cap in USD stands alone, and the price is unknown.
    """
    if Lane.of(call.phase) is Lane.WAKE:
        caps = NO_CAPS
    caps.check_price(call.reserved.cost_usd, call.model)
    worst = call.reserved
    amounts = Spend(reserved_tokens=worst.tokens, reserved_usd=worst.cost_usd or 0.0)
    limits = {key: _cap_on(key, caps) for key in keys_of(tenant, call)}
    if not all(cap.has_room(Spend(), worst) for cap in limits.values()):  # not even a new row has room
        raise await _refusal(connection, limits, worst)
    for (by_tokens, by_usd), run in groupby(limits.items(), lambda item: _capped(item[1])):
        rows = [_row(key, amounts) | _limits(cap) for key, cap in run]
        result = await connection.execute(_adding(connection.dialect.name, by_tokens=by_tokens, by_usd=by_usd), rows)
        if (by_tokens or by_usd) and result.rowcount != len(rows):
            raise await _refusal(connection, limits, worst)


async def add(connection: AsyncConnection, changes: Mapping[SpendKey, Spend]) -> None:
    """Add to rows, which are made when missing; whatever the caps say."""
    if changes:
        rows = [_row(key, changes[key]) for key in sorted(changes)]
        await connection.execute(_adding(connection.dialect.name), rows)


async def load(connection: AsyncConnection, tenant: str, scope: Scope, subject: str, day: str, lane: Lane) -> Spend:
    """What a row says; nothing when there is none."""
    columns = [getattr(SpendRow, name) for name in _AMOUNTS]
    where = (SpendRow.tenant == tenant, SpendRow.scope == scope, SpendRow.day == day, SpendRow.subject == subject)
    found = (await connection.execute(select(*columns).where(*where, SpendRow.lane == lane))).one_or_none()
    # What was added and taken away again leaves some 1e-17 of a dollar.
    return Spend() if found is None else Spend(**{name: round(amount, 12) for name, amount in found._asdict().items()})


async def prune(connection: AsyncConnection, today: str) -> int:
    """Remove rows of days that are over for long, of every tenant, a page of them; how many that were."""
    first_kept = (date.fromisoformat(today) - timedelta(days=KEPT_DAYS)).isoformat()
    key = list(SpendRow.__table__.primary_key)
    # Written out, for an engine uses a partial index only where it sees that the condition holds.
    old = select(*key).where(SpendRow.day != literal_column(f"'{ALL_DAYS}'"), SpendRow.day < first_kept)
    page = old.order_by(SpendRow.day).limit(PAGE).with_for_update(skip_locked=True)
    return (await connection.execute(delete(SpendRow).where(tuple_(*key).in_(page)))).rowcount


@cache
def _adding(dialect: str, *, by_tokens: bool = False, by_usd: bool = False) -> Executable:
    """Insert rows, or add their amounts to those that are there; within limits, where there are any, or not at all."""
    insert = postgresql.insert(SpendRow) if dialect == "postgresql" else sqlite.insert(SpendRow)
    new = insert.excluded
    tokens = SpendRow.tokens + SpendRow.reserved_tokens + SpendRow.doubt_tokens + new.reserved_tokens
    usd = SpendRow.cost_usd + SpendRow.reserved_usd + SpendRow.doubt_usd + new.reserved_usd
    limits = [tokens <= bindparam("max_tokens")] * by_tokens + [usd <= bindparam("max_usd")] * by_usd
    statement = insert.on_conflict_do_update(
        index_elements=list(SpendRow.__table__.primary_key),
        set_={name: getattr(SpendRow, name) + new[name] for name in _AMOUNTS},
        where=and_(*limits) if limits else None,
    )
    return statement.execution_options(preserve_rowcount=True)


def _row(key: SpendKey, amounts: Spend) -> dict[str, Any]:
    where = {"tenant": key.tenant, "scope": key.scope, "day": key.day, "subject": key.subject, "lane": key.lane}
    return where | asdict(amounts)


def _cap_on(key: SpendKey, caps: Caps) -> Cap:
    """The cap on a row: on the whole of a job, and on single days of the rest."""
    return caps.of(key.scope) if (key.scope is Scope.JOB) == (key.day == ALL_DAYS) else NO_CAP


def _capped(cap: Cap) -> tuple[bool, bool]:
    return cap.max_tokens is not None, cap.max_usd is not None


def _limits(cap: Cap) -> dict[str, Any]:
    return {name: amount for name, amount in asdict(cap).items() if amount is not None}


async def _refusal(connection: AsyncConnection, limits: Mapping[SpendKey, Cap], worst: WorstCase) -> CapReached:
    """What to raise: a cap whose room no call under way can give back comes before one where it can."""
    refusals = []
    for key, cap in limits.items():
        spend = await load(connection, key.tenant, key.scope, key.subject, key.day, key.lane) if cap else Spend()
        if not cap.has_room(spend, worst):
            refusals.append(refusal(key.scope, cap, spend, worst))
    if not refusals:  # what held the room has ended since
        return CapReached("calls under way held what a cap leaves", is_held=True)
    return min(refusals, key=lambda each: each.is_held)
