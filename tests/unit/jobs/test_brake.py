"""Brake: a job that is to stop begins no call, and those under way end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sleeptime.core.call import OK, RUNNING, Call, Phase
from sleeptime.core.caps import Caps
from sleeptime.core.errors import NotNow
from sleeptime.core.job import Job
from sleeptime.core.usage import Usage
from sleeptime.jobs.brake import BrakedCalls
from sleeptime.store.calls import StoredCalls
from sleeptime.store.store import Store
from tests.support.jobs import asked_for, known_as, sleep_settings

ADA = known_as("ada")
WORKER = "w1"


@pytest.fixture
async def job(store: Store) -> Job:
    """A job that a worker runs."""
    await store.add_context(ADA)
    begun, is_mine = await store.jobs.begin("ada", asked_for(ADA, sleep_settings("sqlite:///x.db", "nano")), WORKER)
    assert is_mine
    return begun


def braked(store: Store, job: Job, *, is_stopping: bool = False) -> BrakedCalls:
    return BrakedCalls(StoredCalls(store, Caps(), worker=WORKER), store.work, job, lambda: is_stopping)


def call_of(job: Job, key: str = "0.0") -> Call:
    return Call(
        phase=Phase.SLEEP,
        model="m",
        usage=Usage(),
        context="ada",
        job_id=job.id,
        key=key,
        outcome=RUNNING,
        worker=WORKER,
    )


async def keys(store: Store, job: Job) -> list[str | None]:
    return [call.key for call in await store.ledger.of_job(job.id)]


async def test_a_call_of_a_job_that_may_go_on_is_begun(store: Store, job: Job) -> None:
    brake = braked(store, job)
    await brake.begin(call_of(job))
    assert (await keys(store, job), brake.is_pulled) == (["0.0"], False)


async def pause(store: Store, job: Job) -> None:
    await store.jobs.pause(job.id)


async def cancel(store: Store, job: Job) -> None:
    await store.jobs.cancel(job.id)


async def hand_over(store: Store, job: Job) -> None:
    await store.work.give_up(job)


async def take_elsewhere(store: Store, job: Job) -> None:
    await store.work.leave(WORKER)
    taken = await store.work.take(job.id, job.run + 1, "w2")
    assert taken is not None


async def end(store: Store, job: Job) -> None:
    await store.work.give_up(job)
    await store.jobs.cancel(job.id)


@pytest.mark.parametrize("stop", [pause, cancel, hand_over, take_elsewhere, end])
async def test_a_job_that_is_to_stop_begins_no_further_call(
    store: Store, job: Job, stop: Callable[[Store, Job], Awaitable[None]]
) -> None:
    brake = braked(store, job)
    first = call_of(job)
    await brake.begin(first)
    await stop(store, job)
    with pytest.raises(NotNow, match="the job is to stop"):
        await brake.begin(call_of(job, "0.1"))
    assert (await keys(store, job), brake.is_pulled) == (["0.0"], True)
    answered = replace(first, outcome=OK)
    await brake.end(answered)
    assert await store.ledger.of_job(job.id) == (answered,), "a call under way ends as it would have"


async def test_a_worker_that_stops_begins_no_further_call(store: Store, job: Job) -> None:
    brake = braked(store, job, is_stopping=True)
    with pytest.raises(NotNow):
        await brake.begin(call_of(job))
    assert (await keys(store, job), brake.is_pulled) == ([], True)


async def test_a_job_that_was_resumed_in_time_goes_on(store: Store, job: Job) -> None:
    await store.jobs.pause(job.id)
    await store.jobs.resume(job.id)
    brake = braked(store, job)
    await brake.begin(call_of(job))
    assert (await keys(store, job), brake.is_pulled) == (["0.0"], False)
