"""The overview: what stands where, counted and cut, by index, and of one tenant, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff, Quarantine
from sleeptime.core.breaker import BreakerPolicy
from sleeptime.core.errors import NotFound
from sleeptime.core.job import BY_HAND, Ending, Job, JobState, NewJob
from sleeptime.core.outcome import Outcome
from sleeptime.core.trigger import Trigger
from sleeptime.core.worker import WorkerState
from sleeptime.store import listed
from sleeptime.store.store import Store
from sleeptime.store.tables import WorkerRow
from tests.integration.store.builders import context
from tests.integration.store.test_lookup import plans, watched


def new_job(seed: int = 0) -> NewJob:
    """A sleep of its own on the context as it stands."""
    version = context(a="one").version
    return NewJob(context_version=version, settings={"seed": seed}, drafts=3, trigger="hand", priority=BY_HAND)


async def running(store: Store, name: str, trigger: Trigger = Trigger.HAND) -> Job:
    """A job on a context that a worker runs."""
    job, is_mine = await store.jobs.begin(name, replace(new_job(), trigger=trigger), "w1")
    assert is_mine
    return job


@pytest.fixture
async def shop(store: Store) -> Store:
    """A store with three contexts."""
    for name in ("a", "b", "c"):
        await store.add_context(context(name, a="one"))
    return store


def names(found: listed.Listed[Job]) -> list[str]:
    """Whose jobs they are."""
    return [job.context for job in found.items]


async def test_jobs_are_found_in_the_state_they_stand_in(shop: Store) -> None:
    under_way = await running(shop, "a")
    await shop.work.progress(under_way, 2, 3)
    waiting = await running(shop, "b")
    assert await shop.work.wait(waiting, datetime.now(UTC) + timedelta(hours=1), "the batch is not done")
    queued, _ = await shop.jobs.add("c", new_job())
    paused, _ = await shop.jobs.add("c", new_job(seed=1))
    await shop.jobs.pause(paused.id)
    over = await running(shop, "b")
    assert over.id == waiting.id, "a sleep by hand goes on with what waits"
    await shop.work.finish(over, Ending(Outcome.NOTHING_NEW, "nothing"), BackOff())
    found = (await shop.overviews.load()).jobs
    assert {state: [job.id for job in found[state].items] for state in found} == {
        JobState.QUEUED: [queued.id],
        JobState.RUNNING: [under_way.id],
        JobState.WAITING: [],
        JobState.PAUSED: [paused.id],
    }
    assert (found[JobState.RUNNING].items[0].drafts_done, found[JobState.RUNNING].items[0].drafts) == (2, 3)
    of_c = (await shop.overviews.load("c")).jobs
    assert {state: of_c[state].count for state in of_c} == {
        JobState.QUEUED: 1,
        JobState.RUNNING: 0,
        JobState.WAITING: 0,
        JobState.PAUSED: 1,
    }


async def test_a_list_is_cut_and_what_is_left_out_is_counted(shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(6):
        await shop.jobs.add("a", new_job(seed))
    found = (await shop.overviews.load(limit=2)).jobs[JobState.QUEUED]
    assert (names(found), found.count, found.more, found.is_exact) == (["a", "a"], 6, 4, True)
    monkeypatch.setattr(listed, "COUNTED", 5)
    found = (await shop.overviews.load(limit=2)).jobs[JobState.QUEUED]
    assert (found.count, found.more, found.is_exact) == (5, 3, False)


async def test_wake_ups_and_quarantines_are_found_for_all_and_for_one(shop: Store) -> None:
    for name, idle in (("a", "20m"), ("b", "10m")):
        await shop.policies.change(name, lambda policy, idle=idle: policy.changed({"idle": idle}))  # type: ignore[misc]
    failing = await running(shop, "c", Trigger.CHANGE)
    await shop.work.finish(failing, Ending(Outcome.FAILED, "no key"), BackOff(max_failures=1))
    found = await shop.overviews.load()
    assert [(name, trigger) for name, _, trigger in found.wake_ups.items] == [
        ("b", Trigger.IDLE),
        ("a", Trigger.IDLE),
    ]
    assert found.quarantines.items == (Quarantine("c", ANY, 1, "no key"),)
    of_a, of_c = await shop.overviews.load("a"), await shop.overviews.load("c")
    assert ([name for name, _, _ in of_a.wake_ups.items], of_a.quarantines.count) == (["a"], 0)
    assert (of_c.wake_ups.count, of_c.quarantines.items) == (0, found.quarantines.items)


async def test_workers_have_the_age_of_their_heartbeat_by_the_clock_of_the_database(shop: Store) -> None:
    await shop.work.beat("w1", "host", 7, WorkerState.WORKING)
    hour = timedelta(hours=1)

    async def let_pass(connection: AsyncConnection) -> None:
        (worker,) = (await shop.overviews.load()).workers.items
        await connection.execute(update(WorkerRow).values(heartbeat_at=worker.heartbeat_at - hour))

    await shop._database.write(let_pass)
    found = await shop.overviews.load()
    (worker,) = found.workers.items
    assert (worker.id, worker.host, worker.pid, worker.state) == ("w1", "host", 7, WorkerState.WORKING)
    assert hour <= found.at - worker.heartbeat_at < 2 * hour


async def test_only_breakers_that_are_open_are_shown(shop: Store) -> None:
    now = datetime.now(UTC)
    await shop.breakers.fail("openai:shaky", "Timeout", BreakerPolicy(errors=2), now=now)
    await shop.breakers.fail("openai:gone", "ServerError", BreakerPolicy(errors=1), now=now)
    (breaker,) = (await shop.overviews.load()).breakers.items
    assert (breaker.model, breaker.last_error, breaker.failures) == ("openai:gone", "ServerError", 1)


async def test_a_tenant_sees_nothing_of_another(shop: Store) -> None:
    await shop.jobs.add("a", new_job())
    await shop.policies.change("a", lambda policy: policy.changed({"idle": "10m"}))
    failing = await running(shop, "c", Trigger.CHANGE)
    await shop.work.finish(failing, Ending(Outcome.FAILED, "no key"), BackOff(max_failures=1))
    other = shop.for_tenant("other")
    found = await other.overviews.load()
    assert (found.jobs[JobState.QUEUED].count, found.wake_ups.count, found.quarantines.count) == (0, 0, 0)
    with pytest.raises(NotFound):
        await other.overviews.load("a")


@pytest.mark.parametrize("name", [None, "a"])
async def test_no_look_up_reads_a_whole_table_that_grows_with_contexts(shop: Store, name: str | None) -> None:
    await shop.jobs.add("a", new_job())
    with watched(shop) as statements:
        await shop.overviews.load(name, limit=1)
    small = ("FROM worker", "FROM breaker")
    growing = [(sql, values) for sql, values in statements if not any(table in sql for table in small)]
    assert len(growing) > 6
    async with shop._database.reading() as connection:
        for plan in await plans(connection, growing):
            assert "SCAN" not in plan.replace("SCAN CONSTANT ROW", "").replace("SCAN anon_1", ""), plan
            assert "Seq Scan" not in plan
