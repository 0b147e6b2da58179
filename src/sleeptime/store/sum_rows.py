"""Rows of sums: the lines of the ledger, of each context and of a tenant, kept up to date in the transaction of each
call.

So the ledger is read by index, however many calls there are. Rows are taken after those of spend, whose order holds for
these too. Every function works on a connection whose transaction belongs to the caller.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Executable, func, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import Call, Phase
from sleeptime.core.price import Tier
from sleeptime.core.spend import Lane, Scope
from sleeptime.core.text import kept_text
from sleeptime.core.totals import LedgerRow, Sums, Totals
from sleeptime.core.usage import Usage
from sleeptime.store import listed
from sleeptime.store.spend_rows import ALL_DAYS
from sleeptime.store.tables import CallSumRow, SpendRow

_COUNTS: Final = ("calls", "failed_calls", "lost_calls", "running_calls", "unknown_calls")
_CLASSES: Final = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_SECONDS_AND_USD: Final = ("known_cost_usd", "latency_s")
_AMOUNTS: Final = (*_COUNTS, *_CLASSES, *_SECONDS_AND_USD)
_COLUMNS: Final = [getattr(CallSumRow, name) for name in ("subject", "phase", "model", "tier", *_AMOUNTS)]
# Written out, for an engine uses a partial index only where it sees that the condition holds.
_OF_CONTEXTS: Final = (
    SpendRow.scope == literal_column(f"'{Scope.CONTEXT}'"),
    SpendRow.day == literal_column(f"'{ALL_DAYS}'"),
)


class SumKey(NamedTuple):
    """A row; keys sort in the order in which rows are taken: those that most calls share come last."""

    scope: Scope
    tenant: str
    subject: str
    phase: Phase
    model: str
    tier: Tier

    @property
    def line(self) -> str:
        """Digest of what makes a line of its own."""
        return hashlib.sha256("\n".join((self.phase, self.tier, self.model)).encode()).hexdigest()[:16]


Change = tuple[str, Call | None, Call | None]
"""Tenant, a call as it was kept, and as it is kept now; None where it is not."""


async def add(connection: AsyncConnection, changes: Iterable[Change]) -> None:
    """Let the sums follow what became of calls."""
    amounts: dict[SumKey, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_AMOUNTS, 0))
    for tenant, before, after in changes:
        for call, sign in ((before, -1), (after, 1)):
            if call is None:
                continue
            counted = Totals.of_call(call).as_dict()
            for scope, subject in ((Scope.CONTEXT, call.context), (Scope.TENANT, "")):
                of_key = amounts[SumKey(scope, tenant, subject, call.phase, kept_text(call.model), call.tier)]
                for name in _AMOUNTS:
                    of_key[name] += sign * (counted[name] or 0)
    rows = [key._asdict() | {"line": key.line} | amounts[key] for key in sorted(amounts)]
    if rows:
        await connection.execute(_adding(connection.dialect.name), rows)


@cache
def _adding(dialect: str) -> Executable:
    """Insert rows, or add their amounts to those that are there."""
    insert = postgresql.insert(CallSumRow) if dialect == "postgresql" else sqlite.insert(CallSumRow)
    return insert.on_conflict_do_update(
        index_elements=list(CallSumRow.__table__.primary_key),
        set_={name: getattr(CallSumRow, name) + insert.excluded[name] for name in _AMOUNTS},
    )


async def sum_calls(connection: AsyncConnection, tenant: str, context: str | None, limit: int) -> Sums:
    """The ledger of one context, or of all.

    Args:
        connection: of the caller.
        tenant: whose calls.
        context: its name; None for all, and for calls that served none.
        limit: for all: how many contexts have rows of their own, those whose sleep, or whose queries, used most tokens
            first.
    """
    if context is not None:
        rows = await _rows(connection, tenant, Scope.CONTEXT, [context])
        return Sums(rows, _by_phase(rows), int(bool(rows)))
    rows = await _rows(connection, tenant, Scope.CONTEXT, ["", *await _biggest(connection, tenant, limit)])
    totals = _by_phase(await _rows(connection, tenant, Scope.TENANT, [""]))
    return Sums(rows, {phase: totals[phase] for phase in Phase if phase in totals}, await _count(connection, tenant))


async def _biggest(connection: AsyncConnection, tenant: str, limit: int) -> list[str]:
    """The contexts whose calls of one lane used most tokens: the first of either lane, by index."""
    tokens: dict[str, int] = {}
    for lane in Lane:
        of_lane = select(SpendRow.subject, SpendRow.tokens).where(SpendRow.tenant == tenant, *_OF_CONTEXTS)
        most = of_lane.where(SpendRow.lane == lane).order_by(SpendRow.tokens.desc()).limit(limit)
        for row in await connection.execute(most):
            tokens[row.subject] = max(row.tokens, tokens.get(row.subject, 0))
    return sorted(tokens, key=lambda name: (-tokens[name], name))[:limit]


async def _count(connection: AsyncConnection, tenant: str) -> int:
    """How many contexts have calls, at most `listed.COUNTED`."""
    named: tuple[ColumnElement[bool], ...] = (CallSumRow.tenant == tenant, CallSumRow.scope == Scope.CONTEXT)
    # In the order of the key, so that both engines stop at the limit.
    names = select(CallSumRow.subject).where(*named, CallSumRow.subject > "").distinct().order_by(CallSumRow.subject)
    found = select(func.count()).select_from(names.limit(listed.COUNTED).subquery())
    return int((await connection.execute(found)).scalar_one())


async def _rows(
    connection: AsyncConnection, tenant: str, scope: Scope, subjects: Sequence[str]
) -> tuple[LedgerRow, ...]:
    there = (CallSumRow.calls > 0) | (CallSumRow.running_calls > 0)  # and not all withdrawn
    mine = (CallSumRow.tenant == tenant, CallSumRow.scope == scope, CallSumRow.subject.in_(subjects))
    found = [
        LedgerRow(row.subject, Phase(row.phase), row.model, Tier(row.tier), _totals(row))
        for row in await connection.execute(select(*_COLUMNS).where(*mine, there))
    ]
    phases = list(Phase)
    return tuple(sorted(found, key=lambda row: (row.context, phases.index(row.phase), row.model, row.tier)))


def _by_phase(rows: Iterable[LedgerRow]) -> dict[Phase, Totals]:
    totals: dict[Phase, Totals] = {}
    for row in rows:
        totals[row.phase] = totals.get(row.phase, Totals()) + row.totals
    return totals


def _totals(row: Any) -> Totals:
    return Totals(
        **{name: getattr(row, name) for name in (*_COUNTS, *_SECONDS_AND_USD)},
        usage=Usage(**{name: getattr(row, name) for name in _CLASSES}),
    )
