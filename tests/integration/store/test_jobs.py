"""Jobs: one row per work, one worker per run, and no effect of a run that has passed, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff, Quarantine, SleepState
from sleeptime.core.errors import InputError, NotFound
from sleeptime.core.job import BY_HAND, BY_TRIGGER, MAX_DEATHS, Ending, Job, JobState, NewJob, Wanted
from sleeptime.core.outcome import Outcome
from sleeptime.core.worker import Worker, WorkerState
from sleeptime.store.store import Store
from sleeptime.store.tables import WorkerRow
from sleeptime.store.work_store import Reaped, WorkStore
from tests.integration.store.builders import context, learned, note

SHOP = context(a="one")
DEAD_AFTER = timedelta(seconds=15)


def new_job(*, model: str | None = "nano", drafts: int = 1, priority: int = BY_HAND, trigger: str = "hand") -> NewJob:
    """A job on `SHOP`."""
    settings = {"model": model, "drafts": drafts}
    return NewJob(context_version=SHOP.version, settings=settings, drafts=drafts, trigger=trigger, priority=priority)


@pytest.fixture
async def shop(store: Store) -> Store:
    """A store with the context `SHOP`."""
    await store.add_context(SHOP)
    return store


async def running(store: Store, worker: str = "w1", new: NewJob | None = None) -> Job:
    """A job that this worker runs."""
    job, is_mine = await store.jobs.begin("shop", new or new_job(), worker)
    assert is_mine
    return job


async def reap(store: Store, host: str, is_gone: Callable[[Worker], bool]) -> tuple[Reaped, ...]:
    """What was taken from workers that are dead."""
    reaped = [await store.work.reap(worker) for worker in await store.work.dead_workers(DEAD_AFTER, host, is_gone)]
    return tuple(found for found in reaped if found is not None)


async def let_pass(store: Store, worker: str, time: timedelta) -> None:
    """Let the last heartbeat of a worker be so long ago."""

    async def operation(connection: AsyncConnection) -> None:
        since = WorkerRow.heartbeat_at
        (last,) = (await connection.execute(select(since).where(WorkerRow.id == worker))).scalars()
        await connection.execute(update(WorkerRow).where(WorkerRow.id == worker).values(heartbeat_at=last - time))

    await store._database.write(operation)


async def test_the_same_work_is_one_job_until_it_is_over(shop: Store) -> None:
    first, is_new = await shop.jobs.add("shop", new_job())
    assert is_new
    again, is_new = await shop.jobs.add("shop", new_job())
    assert (again, is_new) == (first, False)
    other, is_new = await shop.jobs.add("shop", new_job(drafts=2))
    assert is_new
    assert other.id != first.id
    await shop.jobs.cancel(first.id)
    third, is_new = await shop.jobs.add("shop", new_job())
    assert is_new
    assert third.id != first.id


@pytest.mark.parametrize("stood", ["paused", "to pause", "interrupted", "waiting"])
async def test_what_stands_still_goes_on_when_a_user_asks_for_it_in_the_background(shop: Store, stood: str) -> None:
    job = await running(shop)
    match stood:
        case "paused":
            await shop.jobs.pause(job.id)
            assert await shop.work.give_up(job) is JobState.PAUSED
        case "to pause":
            await shop.jobs.pause(job.id)
        case "interrupted":
            await shop.work.give_up(job, is_interrupted=True, reason="Ctrl-C")
        case "waiting":
            assert await shop.work.wait(job, datetime.now(UTC) + timedelta(hours=1), "a batch")
    again, is_new = await shop.jobs.add("shop", new_job())
    assert (again.id, is_new, again.wanted) == (job.id, False, Wanted.RUN)
    assert again.state is (JobState.RUNNING if stood == "to pause" else JobState.QUEUED)


async def test_the_same_work_asked_for_at_once_is_one_job(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(4)]
    await stores[0].add_context(SHOP)
    added = await asyncio.gather(*(stores[n % 4].jobs.add("shop", new_job()) for n in range(12)))
    assert len({job.id for job, _ in added}) == 1
    assert sum(is_new for _, is_new in added) == 1
    for store in stores:
        await store.close()


async def test_a_run_is_taken_once_however_many_try(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(4)]
    await stores[0].add_context(SHOP)
    job, _ = await stores[0].jobs.add("shop", new_job())
    taken = await asyncio.gather(*(stores[n % 4].work.take(job.id, 1, f"w{n}") for n in range(12)))
    (mine,) = [each for each in taken if each is not None]
    assert mine.state is JobState.RUNNING
    assert (await stores[1].jobs.job(job.id)).worker == mine.worker
    for store in stores:
        await store.close()


async def test_every_queued_job_is_handed_over_by_one_worker(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(3)]
    await stores[0].add_context(SHOP)
    ids = [(await stores[0].jobs.add("shop", new_job(drafts=n + 1)))[0].id for n in range(30)]

    async def take_all(store: Store, worker: str) -> list[str]:
        got: list[str] = []
        while assigned := await store.work.assign(worker, 4):
            got += [each.job_id for each in assigned]
        return got

    shares = await asyncio.gather(*(take_all(store, f"w{n}") for n, store in enumerate(stores)))
    assert sorted(chain.from_iterable(shares)) == sorted(ids)
    for store in stores:
        await store.close()


async def test_what_a_user_asked_for_is_handed_over_before_what_a_trigger_called_for(shop: Store) -> None:
    for n, priority in enumerate((BY_TRIGGER, BY_HAND, BY_TRIGGER, BY_HAND)):
        await shop.jobs.add("shop", new_job(drafts=n + 1, priority=priority))
    assert [each.priority for each in await shop.work.assign("w1", 4)] == [BY_HAND] * 2 + [BY_TRIGGER] * 2


async def test_tenants_take_turns_in_being_handed_over(shop: Store) -> None:
    many = [(await shop.jobs.add("shop", new_job(drafts=n + 1)))[0].id for n in range(6)]
    other = shop.for_tenant("other")
    await other.add_context(SHOP)
    late = [(await other.jobs.add("shop", new_job(drafts=n + 1, priority=BY_TRIGGER)))[0].id for n in range(2)]
    pages = [[each.job_id for each in await shop.work.assign("w", 3)] for _ in range(3)]
    assert pages == [[many[0], late[0], many[1]], [many[2], late[1], many[3]], many[4:]]


async def test_jobs_are_handed_over_oldest_first(shop: Store) -> None:
    ids = [(await shop.jobs.add("shop", new_job(drafts=n + 1)))[0].id for n in range(5)]
    first = await shop.work.assign("w1", 3)
    second = await shop.work.assign("w1", 3)
    assert [each.job_id for each in (*first, *second)] == ids
    await shop.work.hand_over("w1", ids[2:])
    assert await shop.work.in_queue("", 10) == tuple((job_id, 1) for job_id in sorted(ids[2:]))
    await shop.work.hand_over("w1", ids, is_done=False)
    assert [each.job_id for each in await shop.work.assign("w2", 5)] == ids[:2]


async def test_a_job_that_the_queue_has_lost_is_handed_over_again(shop: Store) -> None:
    job, _ = await shop.jobs.add("shop", new_job())
    await shop.work.assign("w1", 1)
    await shop.work.hand_over("w1", [job.id])
    assert await shop.work.assign("w2", 1) == ()
    assert await shop.work.queue_again([(job.id, 1)]) == 1
    (again,) = await shop.work.assign("w2", 1)
    assert again.run == 2
    assert await shop.work.queue_again([(job.id, 1)]) == 0


async def test_a_job_that_its_worker_forgot_is_queued_again(shop: Store) -> None:
    known, forgotten = await running(shop), await running(shop, new=new_job(drafts=2))
    assert await shop.work.orphans("w1", {(known.id, 1)}) == (forgotten,)
    states = {job.id: job.state for job in await shop.jobs.list()}
    assert states == {known.id: JobState.RUNNING, forgotten.id: JobState.QUEUED}


async def test_a_job_that_kills_its_workers_stands_still(shop: Store) -> None:
    job = await running(shop, "w0")
    for n in range(MAX_DEATHS):
        await shop.work.beat(f"w{n}", "here", n, WorkerState.WORKING)
        assert await reap(shop, "here", lambda worker: True)
        job = await shop.jobs.job(job.id)
        if n < MAX_DEATHS - 1:
            assert await shop.work.take(job.id, job.run, f"w{n + 1}") is not None
    assert (job.state, job.deaths) == (JobState.PAUSED, MAX_DEATHS)
    assert "workers died" in job.reason


async def test_a_run_that_has_passed_changes_nothing(shop: Store) -> None:
    work, stale = shop.work, await running(shop)
    assert await work.give_up(stale) is JobState.QUEUED
    assert await work.wanted(stale) is None
    assert not await work.finish(stale, Ending(Outcome.FAILED, "too late"), BackOff())
    assert await work.give_up(stale) is None
    assert not await work.wait(stale, datetime.now(UTC), "a batch")
    await work.progress(stale, 1, 2)
    assert await work.take(stale.id, 1, "w1") is None
    now = await shop.jobs.job(stale.id)
    assert (now.state, now.run, now.worker, now.drafts_done) == (JobState.QUEUED, 2, None, 0)
    fresh = await work.take(stale.id, 2, "w2")
    assert fresh is not None
    assert not await work.finish(stale, Ending(Outcome.FAILED, "too late"), BackOff())
    assert await work.finish(fresh, Ending(Outcome.NOTHING_NEW, "all known"), BackOff())
    assert await shop.jobs.sleep_state("shop") != SleepState()


async def test_pause_resume_and_cancel_act_at_once_on_a_job_that_does_not_run(shop: Store) -> None:
    job, _ = await shop.jobs.add("shop", new_job())
    (paused,) = await shop.jobs.pause(job.id)
    assert paused.state is JobState.PAUSED
    assert await shop.work.take(job.id, 1, "w1") is None
    (resumed,) = await shop.jobs.resume("shop")
    assert (resumed.state, resumed.run) == (JobState.QUEUED, 2)
    (over,) = await shop.jobs.cancel(job.id)
    assert (over.state, over.outcome, over.reason) == (JobState.OVER, Outcome.SKIPPED, "cancelled")
    assert over.finished_at is not None
    with pytest.raises(InputError, match="is over: skipped: cancelled"):
        await shop.jobs.resume(job.id)


@pytest.mark.parametrize(
    ("wish", "wanted", "end"),
    [("pause", Wanted.PAUSE, JobState.PAUSED), ("cancel", Wanted.CANCEL, JobState.OVER)],
)
async def test_what_is_wanted_of_a_running_job_waits_for_it(
    shop: Store, wish: str, wanted: Wanted, end: JobState
) -> None:
    job = await running(shop)
    (told,) = await getattr(shop.jobs, wish)(job.id)
    assert told.state is JobState.RUNNING
    assert await shop.work.wanted(job) is wanted
    assert not await shop.work.wait(job, datetime.now(UTC), "a batch")
    assert await shop.work.give_up(job) is end


async def test_a_pause_of_a_running_job_can_be_taken_back(shop: Store) -> None:
    job = await running(shop)
    await shop.jobs.pause(job.id)
    await shop.jobs.resume(job.id)
    assert await shop.work.wanted(job) is Wanted.RUN
    assert await shop.work.give_up(job) is JobState.QUEUED


async def test_a_pause_and_a_start_at_once_never_lose_the_pause(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(2)]
    await stores[0].add_context(SHOP)
    for n in range(8):
        job, _ = await stores[0].jobs.add("shop", new_job(drafts=n + 1))
        taken, _ = await asyncio.gather(stores[0].work.take(job.id, 1, "w1"), stores[1].jobs.pause(job.id))
        now = await stores[0].jobs.job(job.id)
        assert now.state is JobState.PAUSED if taken is None else now.wanted is Wanted.PAUSE
    for store in stores:
        await store.close()


async def test_a_waiting_job_goes_on_when_its_moment_has_come(shop: Store) -> None:
    soon, later = await running(shop), await running(shop, new=new_job(drafts=2))
    assert await shop.work.wait(soon, datetime.now(UTC) - timedelta(seconds=1), "a batch")
    assert await shop.work.wait(later, datetime.now(UTC) + timedelta(hours=1), "a batch")
    assert await shop.work.end_waiting(10) == 1
    states = {job.id: (job.state, job.run, job.reason) for job in await shop.jobs.list()}
    assert states == {soon.id: (JobState.QUEUED, 2, ""), later.id: (JobState.WAITING, 1, "a batch")}


async def test_a_dead_worker_loses_its_jobs_and_a_living_one_does_not(shop: Store) -> None:
    work = shop.work
    for worker in ("w1", "w2"):
        assert not await work.beat(worker, "elsewhere", 1, WorkerState.WORKING)
    ran, homeless = await running(shop), await running(shop, new=new_job(model=None))
    handed, _ = await shop.jobs.add("shop", new_job(drafts=2))
    await work.assign("w1", 1)
    alive = await running(shop, "w2", new_job(drafts=3))
    await let_pass(shop, "w1", DEAD_AFTER)
    (reaped,) = await reap(shop, "here", lambda worker: False)
    assert reaped.worker.id == "w1"
    assert sorted(reaped.runs) == sorted([(ran.id, 1), (homeless.id, 1)])
    jobs = {job.id: job for job in await shop.jobs.list()}
    assert (jobs[ran.id].state, jobs[ran.id].run) == (JobState.QUEUED, 2)
    assert (jobs[homeless.id].state, jobs[homeless.id].run) == (JobState.PAUSED, 1)
    assert "its model is gone" in jobs[homeless.id].reason
    assert (jobs[handed.id].state, jobs[handed.id].run, jobs[handed.id].worker) == (JobState.QUEUED, 1, None)
    assert jobs[alive.id] == alive
    assert [worker.id for worker in await work.workers()] == ["w2"]
    assert not await work.beat("w1", "elsewhere", 1, WorkerState.WORKING), "it is told that it was taken for dead"


async def test_a_process_that_ended_on_this_host_is_dead_at_once(shop: Store) -> None:
    for worker, host, pid in (("w1", "here", 1), ("w2", "here", 2), ("w3", "elsewhere", 1)):
        await shop.work.beat(worker, host, pid, WorkerState.WORKING)
    reaped = await reap(shop, "here", lambda worker: worker.pid == 1)
    assert [each.worker.id for each in reaped] == ["w1"]


async def test_a_worker_that_is_heard_again_is_not_reaped(shop: Store) -> None:
    await shop.work.beat("w1", "elsewhere", 1, WorkerState.WORKING)
    job = await running(shop)
    await let_pass(shop, "w1", DEAD_AFTER)
    (suspect,) = await shop.work.dead_workers(DEAD_AFTER, "here", lambda worker: False)
    assert await shop.work.beat("w1", "elsewhere", 1, WorkerState.WORKING)
    assert await shop.work.reap(suspect) is None
    assert await shop.work.wanted(job) is Wanted.RUN


async def test_two_reapers_take_a_dead_worker_once(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(3)]
    await stores[0].add_context(SHOP)
    await stores[0].work.beat("w1", "here", 1, WorkerState.WORKING)
    job = await running(stores[0])
    reaped = await asyncio.gather(*(reap(store, "here", lambda worker: True) for store in stores))
    assert len([*chain.from_iterable(reaped)]) == 1
    assert (await stores[0].jobs.job(job.id)).run == 2
    for store in stores:
        await store.close()


async def test_a_job_that_begins_reads_the_context_as_it_stands_and_keeps_to_that(shop: Store) -> None:
    job, _ = await shop.jobs.add("shop", new_job())
    changed = context(a="two")
    await shop.add_context(changed)
    begun = await shop.work.take(job.id, 1, "w1")
    assert begun is not None
    assert (begun.context_version, begun.base) == (changed.version, None)
    assert not (await shop.jobs.add("shop", replace(new_job(), context_version=changed.version)))[1]
    await shop.add_context(context(a="three"))
    await shop.make_live("shop", await shop.stage(learned(changed, note("said"))))
    assert await shop.work.give_up(begun) is JobState.QUEUED
    again = await shop.work.take(job.id, 2, "w1")
    assert again is not None
    assert (again.context_version, again.base) == (changed.version, None)
    fresh = await running(shop, new=new_job(drafts=2))
    assert (fresh.context_version, fresh.base) == (context(a="three").version, 1)


async def test_a_job_that_would_do_the_work_of_another_is_over(shop: Store) -> None:
    stale, _ = await shop.jobs.add("shop", new_job())
    changed = context(a="two")
    await shop.add_context(changed)
    other, is_new = await shop.jobs.add("shop", replace(new_job(), context_version=changed.version))
    assert is_new
    assert await shop.work.take(stale.id, 1, "w1") is None
    over = await shop.jobs.job(stale.id)
    assert (over.outcome, other.id in over.reason) == (Outcome.SKIPPED, True)


async def test_a_sleep_by_hand_goes_on_with_what_stands_still_and_leaves_what_runs(shop: Store) -> None:
    job = await running(shop)
    assert await shop.jobs.begin("shop", new_job(), "w2") == (job, False)
    await shop.work.give_up(job, is_interrupted=True, reason="interrupted")
    assert (await shop.jobs.job(job.id)).reason == "interrupted"
    taken, is_mine = await shop.jobs.begin("shop", new_job(), "w2")
    assert (taken.id, taken.run, taken.worker, is_mine) == (job.id, 2, "w2", True)
    assert await shop.work.wait(taken, datetime.now(UTC) + timedelta(hours=1), "a batch")
    taken, is_mine = await shop.jobs.begin("shop", new_job(), "w3")
    assert (taken.run, taken.due_at, is_mine) == (3, None, True)


async def test_what_is_wanted_of_a_job_outlives_its_worker(shop: Store) -> None:
    paused, cancelled = await running(shop), await running(shop, new=new_job(drafts=2))
    await shop.jobs.pause(paused.id)
    await shop.jobs.cancel(cancelled.id)
    await shop.work.beat("w1", "here", 1, WorkerState.WORKING)
    await reap(shop, "here", lambda worker: True)
    assert (await shop.jobs.job(paused.id)).state is JobState.PAUSED
    assert (await shop.jobs.job(cancelled.id)).outcome is Outcome.SKIPPED


async def test_a_tenant_neither_sees_nor_steers_the_jobs_of_another(shop: Store) -> None:
    job, _ = await shop.jobs.add("shop", new_job())
    other = shop.for_tenant("other").jobs
    assert await other.list() == ()
    for act in (other.job, other.pause, other.resume, other.cancel, other.release):
        with pytest.raises(NotFound):
            await act(job.id)
        with pytest.raises(NotFound):
            await act("shop")


async def test_the_list_shows_the_oldest_unfinished_and_the_youngest_that_are_over(shop: Store) -> None:
    ids = [(await shop.jobs.add("shop", new_job(drafts=n + 1)))[0].id for n in range(6)]
    for job_id in ids[:3]:
        await shop.jobs.cancel(job_id)
    assert [job.id for job in await shop.jobs.list(limit=2)] == [ids[1], ids[2], ids[3], ids[4]]
    assert [job.id for job in await shop.jobs.list("shop")] == ids


async def test_failures_in_a_row_quarantine_a_context_until_it_is_released(shop: Store) -> None:
    for n in range(BackOff().max_failures):
        by_hand = await running(shop, new=new_job(drafts=n + 10))
        assert await shop.work.finish(by_hand, Ending(Outcome.FAILED, "not theirs"), BackOff())
        job = await running(shop, new=new_job(drafts=n + 1, trigger="change"))
        assert await shop.work.finish(job, Ending(Outcome.FAILED, f"failure {n}"), BackOff())
    state = await shop.jobs.sleep_state("shop")
    assert state.quarantined_at is not None
    assert state.last_error == "failure 4"
    assert await shop.jobs.quarantines() == (Quarantine("shop", state.quarantined_at, 5, "failure 4"),)
    assert await shop.for_tenant("other").jobs.quarantines() == ()
    assert await shop.jobs.release("shop") == state
    assert (await shop.jobs.sleep_state("shop")).quarantined_at is None
    assert await shop.jobs.quarantines() == ()


async def test_sleeps_that_end_at_once_are_all_counted(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(4)]
    await stores[0].add_context(SHOP)
    jobs = [await running(stores[0], new=new_job(drafts=n + 1, trigger="change")) for n in range(4)]
    ending = Ending(Outcome.FAILED, "down")
    await asyncio.gather(*(store.work.finish(job, ending, BackOff()) for store, job in zip(stores, jobs, strict=True)))
    assert (await stores[0].jobs.sleep_state("shop")).failures == 4
    for store in stores:
        await store.close()


async def test_counters_of_workers_are_read_by_the_clock_of_the_database(shop: Store) -> None:
    work: WorkStore = shop.work
    await work.beat("w1", "elsewhere", 1, WorkerState.ALONE)
    (worker,) = await work.workers()
    assert abs(worker.heartbeat_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert worker.state is WorkerState.ALONE
    await work.leave("w1")
    assert await work.workers() == ()
