"""Store: what workers and users look at again and again touches few rows, however many contexts a tenant has."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff
from sleeptime.core.call import Call, Phase
from sleeptime.core.job import BY_HAND, Ending, NewJob
from sleeptime.core.outcome import Outcome
from sleeptime.core.spend import Lane, Scope, Spend, utc_day
from sleeptime.core.usage import Usage
from sleeptime.store import listed, spend_rows
from sleeptime.store.job_rows import add_job
from sleeptime.store.store import Store
from sleeptime.store.tables import WakeUpRow
from sleeptime.store.wake_rows import Due
from tests.integration.store.test_lookup import Statement, plans, watched
from tests.support.crowd import QUARANTINED, a_context, fill, notes_of

CROWD, LIMIT, COUNTED = 300, 5, 20
FEW = 60
"""Rows that a statement may touch: those of a page, of its joins, and those that are counted."""
NAME = a_context(7).name


@pytest.fixture
async def crowd(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with many contexts, in which little is counted."""
    monkeypatch.setattr(listed, "COUNTED", COUNTED)
    await fill(store, CROWD)
    return store


def _job(version: str) -> NewJob:
    return NewJob(context_version=version, settings={}, drafts=1, trigger="hand", priority=BY_HAND)


async def _claim(store: Store) -> None:
    """Take three wake-ups, which are made due."""

    async def let_be_due(connection: AsyncConnection) -> None:
        few = WakeUpRow.context_id.in_([11, 12, 13])
        await connection.execute(update(WakeUpRow).where(few).values(due_at=datetime.now(UTC) - timedelta(hours=1)))

    async def make_job(connection: AsyncConnection, due: Due) -> None:
        await add_job(connection, due.tenant, due.head, _job(due.head.version), now=datetime.now(UTC))

    await store._database.write(let_be_due)
    assert len(await store.work.claim_due(LIMIT, make_job)) == 3


async def _turn(store: Store) -> None:
    await store.jobs.add(NAME, _job(a_context(7).version))
    assert await store.work.has_something()
    await store.work.end_waiting(LIMIT)
    assert len(await store.work.assign("w", LIMIT)) == 1
    await store.work.in_queue("", LIMIT)
    await store.work.orphans("w", ())
    await store.work.lose_unowned(datetime.now(UTC))
    await store.batches.abandoned(LIMIT)


async def _sleep(store: Store) -> None:
    job, _ = await store.jobs.begin(NAME, _job(a_context(7).version), "w")
    await store.unstudied(NAME)
    await store.commit_sleep(notes_of(a_context(7)), job_id=job.id)
    assert await store.work.finish(job, Ending(Outcome.FAILED, "no key"), BackOff())


LOOKS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "the overview": lambda store: store.overviews.load(limit=LIMIT),
    "the overview of one": lambda store: store.overviews.load(NAME, limit=LIMIT),
    "quarantines": lambda store: store.jobs.quarantines(limit=LIMIT),
    "jobs": lambda store: store.jobs.list(limit=LIMIT),
    "the ledger": lambda store: store.ledger.sums(limit=LIMIT),
    "the ledger of one": lambda store: store.ledger.sums(NAME),
    "an ask": lambda store: store.serving(NAME),
    "adding": lambda store: store.add_context(a_context(7, " again")),
    "claiming": _claim,
    "a turn": _turn,
    "a sleep": _sleep,
}


@pytest.mark.parametrize("look", LOOKS)
async def test_no_look_up_goes_through_the_contexts_of_a_tenant(crowd: Store, look: str) -> None:
    with watched(crowd) as statements:
        await LOOKS[look](crowd)
    assert statements
    async with crowd._database.reading() as connection:
        if connection.dialect.name == "postgresql":
            for sql, touched in await _touched(connection, statements):
                assert touched <= FEW, sql
        else:
            for plan in await plans(connection, statements):
                assert not re.search(r"\((?:\w+\.)?tenant=\?\)", plan), f"by tenant alone: {plan}"


async def _touched(connection: AsyncConnection, statements: Sequence[Statement]) -> list[tuple[str, int]]:
    """Each statement that only reads, and most rows that one step of it touches when it is run."""
    await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    found = []
    for sql, parameters in statements:
        if sql.startswith("SELECT"):
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}"
            ((plan,),) = await connection.exec_driver_sql(explain, parameters)
            found.append((sql, _most_rows(plan[0]["Plan"])))
    return found


def _most_rows(plan: dict[str, Any]) -> int:
    removed = sum(rows for name, rows in plan.items() if name.startswith("Rows Removed"))
    own = int((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    return max([own, *map(_most_rows, plan.get("Plans", []))])


async def test_a_crowd_is_as_the_store_would_have_made_it(crowd: Store) -> None:
    serving = await crowd.serving(NAME)
    assert (serving.context, serving.learned) == (a_context(7), notes_of(a_context(7)))
    calls = await crowd.ledger.calls(NAME)
    spent = {lane: Spend() for lane in Lane}
    for call in calls:
        spent[Lane.of(call.phase)] += Spend.of(call)
    for lane, spend in spent.items():
        assert await crowd.ledger.spend(Scope.CONTEXT, NAME, lane=lane) == spend
    assert (await crowd.overviews.load()).quarantines.count == -(-CROWD // QUARANTINED)
    new, _ = await crowd.add_context(a_context(CROWD)), await crowd.stage(notes_of(a_context(7)))
    assert new == (a_context(CROWD).version, True), "what comes after it is numbered behind it"


async def test_the_ledger_reads_no_call(crowd: Store) -> None:
    with watched(crowd) as statements:
        sums = await crowd.ledger.sums(limit=LIMIT)
        await crowd.ledger.sums(NAME)
    assert not [sql for sql, _ in statements if re.search(r'FROM "?call"?\b(?!_)', sql)]
    assert sums.contexts == COUNTED
    assert sum(totals.calls for totals in sums.totals.values()) == len(await crowd.ledger.calls())


async def test_spend_of_days_long_over_is_removed_page_by_page_and_the_rest_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spend_rows, "PAGE", 2)
    now = datetime.now(UTC)
    days = [now - timedelta(days=age) for age in (0, spend_rows.KEPT_DAYS, spend_rows.KEPT_DAYS + 1, 400)]
    for tenant in (store, store.for_tenant("other")):
        for at in days:
            await tenant.ledger.end(
                Call(phase=Phase.SLEEP, model="m", usage=Usage(5), context="shop", job_id="j", at=at)
            )
    with watched(store) as statements:
        removed = [await store.work.prune_spend() for _ in range(5)]
    assert removed == [2, 2, 2, 2, 0], "of two days, the context's and the tenant's row, of two tenants"
    for tenant in (store, store.for_tenant("other")):
        of_day = [(await tenant.ledger.spend(Scope.CONTEXT, "shop", day=utc_day(at))).calls for at in days]
        assert of_day == [1, 1, 0, 0]
        assert (await tenant.ledger.spend(Scope.CONTEXT, "shop")).calls == 4
        assert (await tenant.ledger.spend(Scope.JOB, "j")).calls == 4
    async with store._database.reading() as connection:
        for plan in await plans(connection, statements):
            assert "SCAN" not in plan
            assert "Seq Scan" not in plan
            assert "ix_spend_day" in plan
