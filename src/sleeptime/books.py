"""Books: what calls cost, what sleep saved, what the caps leave today, and how sleep stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sleeptime.core.caps import Caps
from sleeptime.core.errors import NotFound
from sleeptime.core.spend import Lane, Scope, Spend, utc_day
from sleeptime.ledger.savings import measure_saving
from sleeptime.results import BudgetSaving, CapLeft, Ledger, SleepStatus
from sleeptime.settings import Settings, changed_settings
from sleeptime.store.entry import AgentQuery
from sleeptime.store.listed import Listed
from sleeptime.store.store import Store

AGENT_QUERIES: Final = 20
"""Queries of agents that a ledger lists."""


async def ledger(store: Store, settings: Settings, name: str | None, *, limit: int) -> Ledger:
    """As `Sleeptime.ledger`."""
    sums = await store.ledger.sums(name, limit=limit)
    day, today, caps = await _spent_today(store, settings, name)
    savings = []
    by_agent: Listed[AgentQuery] = Listed((), 0)
    if name is not None:
        by_agent = await store.agent_queries(name, limit=AGENT_QUERIES)
        queries = await store.queries(name)
        for budget in dict.fromkeys(query.budget for query in queries):
            saving = measure_saving((query for query in queries if query.budget == budget), sums.sleep)
            if saving.with_notes.queries and saving.without_notes.queries:
                savings.append(BudgetSaving(budget, saving))
    return Ledger(sums.rows, sums.totals, tuple(savings), by_agent, sums.contexts, day, today, caps)


async def status(store: Store, settings: Settings, name: str | None, *, limit: int) -> SleepStatus:
    """As `Sleeptime.status`."""
    overview = await store.overviews.load(name, limit=limit)
    day, today, caps = await _spent_today(store, settings, name)
    return SleepStatus(overview, settings.dead_after_s, day, today, caps)


async def _spent_today(
    store: Store, settings: Settings, name: str | None
) -> tuple[str, dict[Lane, Spend], tuple[CapLeft, ...]]:
    """The UTC date, what was spent on it by lane, and the caps on sleep: of one context, or of all."""
    day, scope = utc_day(datetime.now(UTC)), Scope.TENANT if name is None else Scope.CONTEXT
    today = {lane: await store.ledger.spend(scope, name or "", day=day, lane=lane) for lane in Lane}
    caps = await _caps(store, settings, name)
    of_tenant = await store.ledger.spend(Scope.TENANT, day=day)
    left = [CapLeft(Scope.JOB, caps.job, None), CapLeft(Scope.TENANT, caps.tenant_day, of_tenant)]
    if name is not None:
        left.insert(1, CapLeft(Scope.CONTEXT, caps.context_day, today[Lane.SLEEP]))
    return day, today, tuple(left)


async def _caps(store: Store, settings: Settings, name: str | None) -> Caps:
    """The caps on sleeping on a context, with those of its policy; or those that hold for all."""
    if name is None:
        return settings.caps
    try:
        policy = (await store.policies.standing(name)).policy
    except NotFound:  # a context that has calls, and is not there
        policy = None
    return settings.caps if policy is None else changed_settings(settings, **policy.limits).caps
