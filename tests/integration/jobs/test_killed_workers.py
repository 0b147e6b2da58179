"""Workers that are killed, stopped in order, or asleep for a while: real processes, on both engines."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from tests.support.jobs import (
    CALLS_PER_DRAFT,
    asked_for,
    check_books,
    known_as,
    opened,
    sleep_settings,
    sleeper,
    until_over,
    workers,
)

DRAFTS = 2


@pytest.mark.parametrize("seed", [0])
async def test_killed_workers_lose_nothing_and_no_finished_call_is_paid_twice(
    database_url: str, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    with sleeper(lambda: rng.uniform(0.02, 0.2)) as model, workers(tmp_path, database_url) as start:
        async with opened(database_url, "ada", "bob") as stores:
            settings = sleep_settings(database_url, model.name, drafts=DRAFTS)
            contexts = [known_as(f"{store.tenant}-{n}") for store in stores for n in range(4)]
            for n, context in enumerate(contexts):
                await stores[n // 4].add_context(context)
                await stores[n // 4].jobs.add(context.name, asked_for(context, settings))
            running = [start(), start()]
            await asyncio.gather(*(worker.started() for worker in running))
            for _ in range(3):
                await asyncio.sleep(rng.uniform(0.1, 1.5))
                victim = running.pop(rng.randrange(len(running)))
                victim.send(signal.SIGKILL)
                running.append(start())
            await until_over(stores, len(contexts))
            for store in stores:
                jobs = await store.jobs.list()
                outcomes = await check_books(store, jobs, model.asked)
                assert outcomes["ok"] == len(jobs) * DRAFTS * CALLS_PER_DRAFT
