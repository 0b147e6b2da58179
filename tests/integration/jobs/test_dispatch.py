"""Dispatch: a turn hands a page of jobs to the queue, and takes up the wake-ups that are due before each page."""

from __future__ import annotations

import pytest

from sleeptime.core.back_off import BackOff
from sleeptime.jobs import dispatch
from sleeptime.jobs.dispatch import Dispatch
from sleeptime.jobs.engine import Engine
from sleeptime.store.store import Store
from tests.support.jobs import asked_for, known_as, sleep_settings

WORKER = "w1"


async def run(job_id: str, number: int) -> None:
    raise AssertionError(f"job {job_id} is only to be queued, and run {number} was begun")


async def test_wake_ups_are_taken_up_while_many_jobs_are_handed_over(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PAGE", 2)
    settings = sleep_settings(database_url, "nano")
    await store.add_context(known_as("ada"))
    for seed in range(5):
        await store.jobs.add("ada", asked_for(known_as("ada"), sleep_settings(database_url, "nano", seed=seed)))
    engine = Engine(database_url, WORKER, 1, run)
    await engine.start()
    engine.stop_taking()
    try:
        turn = Dispatch(store.work, engine, WORKER, settings, BackOff()).turn
        assert await turn(), "there are more"
        await store.add_context(known_as("bob"))
        await store.policies.change("bob", lambda policy: policy.changed({"on_change": "0s"}))
        assert await turn()
        states = {(job.context, job.worker) for job in await store.jobs.list()}
        assert ("bob", None) in states, "it has its job before all of the others are handed over"
        assert await turn()
        assert not await turn()
        assert {job.worker for job in await store.jobs.list()} == {"queue"}
    finally:
        await engine.stop()
