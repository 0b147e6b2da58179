"""How long a query takes while sleep runs beside it: p99 of `Sleeptime.ask` on nano, with and without 8 sleep jobs.

Rounds with sleep and without follow each other, so that both meet the same machine; the ratio is the figure to read.
Sleep runs in the same process, where it shares one decoder with the queries, and in a worker, where it shares the
database.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count, islice
from pathlib import Path
from random import Random
from statistics import median, quantiles

from bench.figure import Figure
from sleeptime.app import Sleeptime
from sleeptime.core.context import Part
from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.worlds import draw_queries
from sleeptime.lab.worlds import TRAINING, Split, generate_worlds
from sleeptime.settings import Settings

JOBS = 8
ROUNDS, ASKS, WARM_UP = 3, 100, 5
ALONE, SAME_PROCESS, WORKER = "no sleep", f"{JOBS} sleep jobs in the same process", f"{JOBS} sleep jobs in a worker"

_SEEDS = count(1)
"""No two sleeps do the same work."""


async def measure() -> list[Figure]:
    """p99 of an ask alone and beside sleep, and how much longer it is."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{Path(folder) / 'bench.db'}", model="nano", incremental=False)
        async with Sleeptime(settings=settings) as sleeptime:
            queries = await _prepare(sleeptime)
            took_ms: dict[str, list[float]] = defaultdict(list)
            async with _worker(settings, Path(folder)):
                for _ in range(ROUNDS):
                    took_ms[ALONE] += await _ask(sleeptime, queries)
                    async with _sleeping_here(sleeptime):
                        took_ms[SAME_PROCESS] += await _ask(sleeptime, queries)
                    async with _sleeping_there(sleeptime):
                        took_ms[WORKER] += await _ask(sleeptime, queries)
            jobs = await sleeptime.jobs(limit=100_000)
    figures = [
        Figure(f"ask on nano, p99, {where}", _p99(took), "ms", f"of {len(took)}; median {median(took):.1f} ms")
        for where, took in took_ms.items()
    ]
    alone = _p99(took_ms[ALONE])
    slept = f"{sum(job.is_over for job in jobs):,} sleeps beside the queries"
    return figures + [
        Figure(f"p99 of ask, {where}, in that of {ALONE}", _p99(took_ms[where]) / alone, "times", slept)
        for where in (SAME_PROCESS, WORKER)
    ]


def _p99(took: list[float]) -> float:
    return quantiles(took, n=100)[98]


async def _prepare(sleeptime: Sleeptime) -> list[tuple[str, str]]:
    """A context per job and one more, with notes, and queries about that one."""
    worlds = list(islice(generate_worlds(Split.TEST, 0, TRAINING), JOBS + 1))
    for n, world in enumerate(worlds):
        await sleeptime.add(_name(n), Part("world", world.text))
        await sleeptime.sleep(_name(n))
    return [(_name(JOBS), query.text) for query in draw_queries(worlds[JOBS].queries, 5, Random(0))]


def _name(number: int) -> str:
    return f"context {number}"


async def _ask(sleeptime: Sleeptime, queries: list[tuple[str, str]]) -> list[float]:
    took_ms = []
    for n in range(WARM_UP + ASKS):
        began = time.perf_counter()
        await sleeptime.ask(*queries[n % len(queries)])
        took_ms.append(1e3 * (time.perf_counter() - began))
    return took_ms[WARM_UP:]


@asynccontextmanager
async def _sleeping_here(sleeptime: Sleeptime) -> AsyncIterator[None]:
    async def sleep(number: int) -> None:
        while True:
            await sleeptime.sleep(_name(number), seed=next(_SEEDS))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(sleep(number)) for number in range(JOBS)]
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _sleeping_there(sleeptime: Sleeptime) -> AsyncIterator[None]:
    async def keep_queued() -> None:
        while True:
            unfinished = [job for job in await sleeptime.jobs(limit=2 * JOBS) if not job.is_over]
            for number in range(2 * JOBS - len(unfinished)):
                await sleeptime.queue(_name(number % JOBS), seed=next(_SEEDS))
            await asyncio.sleep(0.5)

    queueing = asyncio.create_task(keep_queued())
    try:
        yield
    finally:
        queueing.cancel()
        await asyncio.gather(queueing, return_exceptions=True)
    for job in await sleeptime.jobs(limit=2 * JOBS):
        if not job.is_over:
            with suppress(InputError):  # it has ended just now
                await sleeptime.cancel(job.id)


@asynccontextmanager
async def _worker(settings: Settings, folder: Path) -> AsyncIterator[None]:
    log = folder / "worker.log"
    environment = os.environ | {"SLEEPTIME_DATABASE_URL": settings.database_url, "SLEEPTIME_INCREMENTAL": "false"}
    command = [sys.executable, "-m", "sleeptime", "worker", "--concurrency", str(JOBS), "--model", "nano"]
    with log.open("wb") as output:
        worker = await asyncio.create_subprocess_exec(*command, env=environment, stderr=output)
    while "takes jobs" not in log.read_text():
        assert worker.returncode is None, log.read_text()
        await asyncio.sleep(0.1)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        await worker.wait()
