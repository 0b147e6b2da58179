"""Workers that are killed at random moments while they work off a queue; what must hold afterwards is checked."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path
from random import Random

from tests.support.jobs import asked_for, check_books, known_as, opened, sleep_settings, sleeper, until_over, workers

DRAFTS = 2


async def play_kills(
    url: str, folder: Path, seed: int, *, jobs: int = 8, num_workers: int = 2, kills: int = 3
) -> Counter[str]:
    """Let workers work off ``jobs`` jobs, and kill one of them ``kills`` times at random moments, starting another.

    Returns:
        how often what happened: kills, jobs, runs, calls answered and lost.

    Raises:
        AssertionError: something was lost, half written or paid twice.
    """
    rng = Random(seed)
    with sleeper(lambda: rng.uniform(0.02, 0.2)) as model, workers(folder, url) as start:
        async with opened(url, f"ada-{seed}", f"bob-{seed}") as stores:
            settings = sleep_settings(url, model.name, drafts=DRAFTS)
            for n in range(jobs):
                store = stores[n % len(stores)]
                context = known_as(f"{store.tenant}-{n}")
                await store.add_context(context)
                await store.jobs.add(context.name, asked_for(context, settings))
            running = [start() for _ in range(num_workers)]
            await asyncio.gather(*(worker.started() for worker in running))
            for _ in range(kills):
                await asyncio.sleep(rng.uniform(0.0, 1.5))
                running.pop(rng.randrange(len(running))).send(signal.SIGKILL)
                running.append(start())
            await until_over(stores, jobs)
            counts = Counter({"kills": kills, "jobs": jobs})
            for store in stores:
                over = await store.jobs.list()
                counts["runs"] += sum(job.run for job in over)
                counts += await check_books(store, over, model.asked)
    return counts
