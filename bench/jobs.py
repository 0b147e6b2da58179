"""Jobs: how many a second with 1, 2 and 4 workers, how soon they go on after a worker died, and growth with the queue.

Workers are processes, on SQLite and on PostgreSQL. The model is scripted and answers at once, so what is measured is
all that we do around a call.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.figure import Figure
from sleeptime.core.context import Context, Part
from sleeptime.core.job import BY_HAND, BY_TRIGGER, Job, JobState, NewJob, Wanted
from sleeptime.jobs.snapshot import new_job
from sleeptime.settings import Settings
from sleeptime.store.context_rows import find_head
from sleeptime.store.store import Store
from sleeptime.store.tables import JobRow
from tests.support.jobs import WorkerProcess, until, workers
from tests.support.postgresql import new_database, running_server

WORKERS = (1, 2, 4)
JOBS = 60
"""Per worker count."""
QUEUED = (100, 1_000, 10_000)
BY_HAND_JOBS = 10
CONTEXT = Context("benched", (Part("who", "Everything that is known is here."),))

_REPLY = {"tool": "write_notes", "args": {"notes": [{"kind": "fact", "text": "All is known.", "parts": ["who"]}]}}


async def measure() -> list[Figure]:
    """All figures, on both engines."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, running_server(f"jobs-{os.getpid()}") as server:
        bench = _Bench(Path(folder), server)
        for engine in ("SQLite", "PostgreSQL"):
            for number in WORKERS:
                figures.append(await bench.jobs_per_second(engine, number))
        for engine in ("SQLite", "PostgreSQL"):
            figures.append(await bench.recovery(engine, signal.SIGKILL, "killed, another one on the machine"))
            figures.append(await bench.recovery(engine, signal.SIGSTOP, "not heard any more"))
        for engine in ("SQLite", "PostgreSQL"):
            for size in QUEUED:
                figures += await bench.growth(engine, size)
    return figures


class _Bench:
    """Fresh databases, and what is measured on them."""

    def __init__(self, folder: Path, server: str) -> None:
        self._folder = folder
        self._server = server
        self._count = 0

    @asynccontextmanager
    async def _fresh(self, engine: str) -> AsyncIterator[tuple[str, Store]]:
        self._count += 1
        if engine == "SQLite":
            url = f"sqlite:///{self._folder / f'{self._count}.db'}"
        else:
            url = new_database(self._server, f"jobs_{self._count}")
        async with await Store.open(url) as store:
            await store.add_context(CONTEXT)
            yield url, store

    def _job(self, url: str, seed: int, *, delay_s: float = 0.0, priority: int = BY_TRIGGER) -> NewJob:
        script = self._folder / f"{delay_s}.json"
        if not script.exists():
            script.write_text(json.dumps({"rules": [{"replies": [{"parts": [_REPLY], "delay_s": delay_s}]}]}))
        settings = Settings(database_url=url, model=f"scripted:{script}", seed=seed, incremental=False)
        return new_job(CONTEXT.version, settings, trigger="hand", priority=priority)

    async def jobs_per_second(self, engine: str, number: int) -> Figure:
        """Jobs that so many workers do a second, from the first that begins to the last that ends."""
        jobs = JOBS * number
        async with self._fresh(engine) as (url, store):
            with workers(self._folder, url) as start:
                running = [start(concurrency=4) for _ in range(number)]
                await asyncio.gather(*(worker.started() for worker in running))
                await _fill(store, [self._job(url, seed) for seed in range(jobs)])
                done = await _all_over(store, jobs, running)
        took_s = max(_at(job.finished_at) for job in done) - min(_at(job.started_at) for job in done)
        took_part = len({job.worker for job in done})
        how = f"{jobs} jobs of one call, 4 at once each; {took_part} workers took part"
        return Figure(f"jobs, {engine}, {number} workers", jobs / took_s, "jobs/s", how)

    async def recovery(self, engine: str, blow: signal.Signals, what: str) -> Figure:
        """Seconds until the jobs of a worker that is gone run on another one."""
        async with self._fresh(engine) as (url, store):
            with workers(self._folder, url) as start:
                first = start(concurrency=4)
                await first.started()
                for seed in range(4):
                    await store.jobs.add(CONTEXT.name, self._job(url, seed, delay_s=60.0))
                await until(lambda: _are_running(store, 1), "its jobs run", first)
                second = start(concurrency=4)
                await second.started()
                first.send(blow)
                began = time.monotonic()
                await until(lambda: _are_running(store, 2), "its jobs run again", second)
                took_s = time.monotonic() - began
                first.send(signal.SIGKILL)
        return Figure(f"recovery, {engine}, worker {what}", took_s, "s", "4 jobs, until the last one runs again")

    async def growth(self, engine: str, size: int) -> list[Figure]:
        """What a queue of so many jobs costs: a job, and one that a user asks for meanwhile."""
        async with self._fresh(engine) as (url, store):
            await _fill(store, [self._job(url, seed) for seed in range(size)])
            with workers(self._folder, url) as start:
                worker = start(concurrency=4)
                await worker.started()
                began = time.monotonic()
                await until(lambda: _all_handed_over(store), "all are in the queue", worker)
                handed_s = time.monotonic() - began
                took_ms = [await self._by_hand(url, store, size + n, worker) for n in range(BY_HAND_JOBS)]
        where = f"{engine}, {size:,} jobs queued"
        how = f"of {size:,}, while others are run"
        return [
            Figure(f"handed to the queue, {where}", 1e3 * handed_s / size, "ms/job", how),
            Figure(f"by hand, until it begins, {where}", median(took_ms), "ms", f"median of {len(took_ms)}"),
        ]

    async def _by_hand(self, url: str, store: Store, seed: int, worker: WorkerProcess) -> float:
        job, _ = await store.jobs.add(CONTEXT.name, self._job(url, seed, priority=BY_HAND))
        await until(lambda: _has_begun(store, job), "it begins", worker)
        begun = await store.jobs.job(job.id)
        return 1e3 * (_at(begun.started_at) - _at(begun.created_at))


async def _fill(store: Store, jobs: list[NewJob]) -> None:
    """Queue jobs in one transaction."""
    now = datetime.now(UTC)

    async def operation(connection: AsyncConnection) -> None:
        head = await find_head(connection, store.tenant, CONTEXT.name)
        rows = [
            {
                "id": job.id,
                "tenant": store.tenant,
                "context_id": head.id,
                "context_version": job.context_version,
                "work": job.work,
                "settings": dict(job.settings),
                "trigger": job.trigger,
                "priority": job.priority,
                "state": JobState.QUEUED,
                "wanted": Wanted.RUN,
                "reason": "",
                "drafts": job.drafts,
                "drafts_done": 0,
                "run": 1,
                "deaths": 0,
                "created_at": now,
            }
            for job in jobs
        ]
        await connection.execute(insert(JobRow), rows)

    await store._database.write(operation)


async def _all_over(store: Store, number: int, running: list[WorkerProcess]) -> tuple[Job, ...]:
    async def are_over() -> bool:
        return sum(job.is_over for job in await store.jobs.list(limit=number)) == number

    await until(are_over, f"{number} jobs are over", *running)
    return await store.jobs.list(limit=number)


async def _all_handed_over(store: Store) -> bool:
    return not await store.work.has_something()


async def _are_running(store: Store, run: int) -> bool:
    return [(job.state, job.run) for job in await store.jobs.list()] == [(JobState.RUNNING, run)] * 4


async def _has_begun(store: Store, job: Job) -> bool:
    return (await store.jobs.job(job.id)).started_at is not None


def _at(moment: datetime | None) -> float:
    assert moment is not None, "it is over"
    return moment.timestamp()
