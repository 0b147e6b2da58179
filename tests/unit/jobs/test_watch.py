"""Watch: a call that waits for its turn waits no longer when its job is to stop, and keeps no place."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sleeptime.core.call import OK, RUNNING, Call, Phase
from sleeptime.core.caps import Caps
from sleeptime.core.errors import NotNow
from sleeptime.core.pace import Pace
from sleeptime.core.usage import Usage
from sleeptime.jobs.brake import BrakedCalls
from sleeptime.jobs.watch import WatchedCalls
from sleeptime.models.pace import PacedCalls, Pacer
from sleeptime.store.calls import StoredCalls
from sleeptime.store.store import Store
from tests.support.jobs import PATIENCE_S, asked_for, known_as, sleep_settings

ADA = known_as("ada")
WORKER = "w1"


@pytest.mark.parametrize("wish", ["pause", "cancel", "the process is to stop"])
async def test_a_call_that_waits_for_its_turn_waits_no_longer_when_its_job_is_to_stop(
    store: Store, wish: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sleeptime.jobs.watch.LOOK_S", 0.01)
    await store.add_context(ADA)
    job, _ = await store.jobs.begin("ada", asked_for(ADA, sleep_settings("sqlite:///x.db", "nano")), WORKER)
    is_stopping = asyncio.Event()
    brake = BrakedCalls(StoredCalls(store, Caps(), worker=WORKER), store.work, job, is_stopping.is_set)
    pacer = Pacer("provider", Pace(calls_at_once=1, longest_wait_s=PATIENCE_S), store.rates)
    calls = WatchedCalls(PacedCalls(brake, pacer), brake)

    def call(key: str) -> Call:
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

    under_way = call("0.0")
    await calls.begin(under_way)
    waits = asyncio.create_task(calls.begin(call("1.0")))
    done, _ = await asyncio.wait({waits}, timeout=0.1)
    assert not done, "the only place is taken"
    if wish == "the process is to stop":
        is_stopping.set()
    else:
        await getattr(store.jobs, wish)(job.id)
    with pytest.raises(NotNow, match="the job is to stop"):
        await waits
    assert brake.is_pulled
    assert [kept.key for kept in await store.ledger.of_job(job.id)] == ["0.0"]
    await calls.end(replace(under_way, outcome=OK), "{}")
    async with asyncio.timeout(PATIENCE_S):
        await pacer.enter(0)
