"""Workers as processes, and a model on loopback that counts what it is asked; for tests and benchmarks of jobs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters

from sleeptime.core.call import LOST, OK, Call
from sleeptime.core.context import Context, Part
from sleeptime.core.job import BY_HAND, Job, NewJob
from sleeptime.jobs.snapshot import new_job
from sleeptime.models.scripted import Reply, ScriptedModel, ToolCall
from sleeptime.settings import Settings
from sleeptime.store.store import Store
from tests.support.openai_server import OpenAIServer, openai_server

TURNS = 3
"""Rewrites of each draft; one call more ends it."""
CALLS_PER_DRAFT = TURNS + 1
PATIENCE_S = 240.0
"""How long a test waits for what must come; a busy machine may take a part of it."""


@dataclass
class Sleeper:
    """A model behind HTTP that sleeps by strategy ``rethink``: `TURNS` rewrites, then the end.

    Args:
        server: the running server.
        asked: how often each call was asked for, by context, draft and turn.
        at_once: most calls under way together.
    """

    server: OpenAIServer
    asked: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    at_once: int = 0

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.server.name("sleeper")


@contextmanager
def sleeper(delay_s: Callable[[], float] = lambda: 0.0) -> Iterator[Sleeper]:
    """Serve the model on loopback; each reply takes ``delay_s()``."""
    under_way = 0

    async def reply(messages: list[ModelMessage], _: ModelRequestParameters) -> Reply:
        nonlocal under_way
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        match = re.search(r"known as (\S+?)[.]", str(messages))
        assert match is not None, "every context of these tests says who it is"
        body = served.server.requests[-1]
        served.asked[match[1], int(body.get("seed", 0)), turn] += 1
        under_way += 1
        served.at_once = max(served.at_once, under_way)
        try:
            await asyncio.sleep(delay_s())
        finally:
            under_way -= 1
        if turn == TURNS:
            return Reply([ToolCall("finish_rethinking_memory")])
        return Reply(
            [ToolCall("rethink_memory", {"new_memory": f"{match[1]} is known, thought over {turn + 1} times."})]
        )

    with openai_server(ScriptedModel(reply)) as server:
        served = Sleeper(server)
        yield served


def known_as(name: str) -> Context:
    """A context that says who it is."""
    return Context(name, (Part("who", f"This one is known as {name}."),))


def sleep_settings(url: str, model: str, *, drafts: int = 1, **given: object) -> Settings:
    """Settings of a sleep on the model above."""
    values = {"database_url": url, "model": model, "strategy": "rethink", "drafts": drafts, "combine": "concat"}
    return Settings.model_validate({**values, **given})


def asked_for(context: Context, settings: Settings) -> NewJob:
    """A job by hand."""
    return new_job(context.version, settings, trigger="hand", priority=BY_HAND)


class WorkerProcess:
    """A `sleeptime worker` as a process of its own."""

    def __init__(self, url: str, log: Path, *, concurrency: int = 2, dead_after_s: float = 15.0) -> None:
        environment = {
            **os.environ,
            "SLEEPTIME_DATABASE_URL": url,
            "SLEEPTIME_DEAD_AFTER_S": str(dead_after_s),
            "SLEEPTIME_WORKER_CONCURRENCY": str(concurrency),
        }
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "sleeptime", "worker"],
                env=environment,
                cwd=log.parent,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    async def started(self) -> None:
        """Wait until it takes jobs."""
        await until(lambda: "takes jobs" in self.log.read_text(), f"{self.log} says that the worker takes jobs", self)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait until it has ended; its exit code."""
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), PATIENCE_S)

    def close(self) -> None:
        """Make sure that it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextmanager
def workers(folder: Path, url: str) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers, which end with the block."""
    made: list[WorkerProcess] = []

    def make(**given: float) -> WorkerProcess:
        made.append(WorkerProcess(url, folder / f"worker-{len(made)}.log", **given))  # type: ignore[arg-type]
        return made[-1]

    try:
        yield make
    finally:
        for worker in made:
            worker.close()


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, *alive: WorkerProcess, patience_s: float = PATIENCE_S
) -> None:
    """Wait until something holds; fail when it never does, or when one of these workers ended before."""
    deadline = time.monotonic() + patience_s
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return
        for worker in alive:
            assert worker.process.poll() is None, f"a worker ended: {worker.log.read_text()}"
        assert time.monotonic() < deadline, f"it never came that {what}"
        await asyncio.sleep(0.05)


async def until_over(stores: list[Store], num_jobs: int, **given: float) -> None:
    """Wait until so many jobs are over."""

    async def are_over() -> bool:
        jobs = [job for store in stores for job in await store.jobs.list(limit=100_000)]
        return sum(job.is_over for job in jobs) == num_jobs

    await until(are_over, f"{num_jobs} jobs are over", **given)


@asynccontextmanager
async def opened(url: str, *tenants: str) -> AsyncIterator[list[Store]]:
    """One database, seen by each of the tenants."""
    async with await Store.open(url) as store:
        yield [store.for_tenant(tenant) for tenant in tenants]


async def check_books(store: Store, jobs: tuple[Job, ...], asked: Counter[tuple[str, int, int]]) -> Counter[str]:
    """Check that nothing is lost, half written or paid twice, of jobs that all wrote; the outcomes of their calls."""
    outcomes: Counter[str] = Counter()
    for job in jobs:
        assert (job.is_over, job.outcome) == (True, "wrote"), job
        versions = await store.learned_versions(job.context)
        assert [entry.job_id for entry in versions if entry.number == job.learned] == [job.id]
        assert len([entry for entry in versions if entry.job_id == job.id]) == 1
        assert len([entry for entry in versions if entry.status == "live"]) == 1
        learned = await store.learned(job.context, job.learned or 0)
        assert {note.text for note in learned.notes} == {f"{job.context} is known, thought over {TURNS} times."}
        calls = await store.ledger.of_job(job.id)
        outcomes += _check_calls(job, calls, asked)
    return outcomes


def _check_calls(job: Job, calls: tuple[Call, ...], asked: Counter[tuple[str, int, int]]) -> Counter[str]:
    rows = Counter((call.key, call.outcome) for call in calls)
    assert {outcome for _, outcome in rows} <= {OK, LOST}, rows
    late = rows[None, OK]
    """Answers that came when another run had the same already: they have no key any more."""
    keys = [(draft, turn) for draft in range(job.drafts) for turn in range(CALLS_PER_DRAFT)]
    assert {key for key, _ in rows} - {None} == {f"{draft}.{turn}" for draft, turn in keys}
    for draft, turn in keys:
        key, times = f"{draft}.{turn}", asked[job.context, draft, turn]
        assert rows[key, OK] == 1, f"call {key} of job {job.id} is answered once"
        assert 1 <= times <= 1 + rows[key, LOST] + late, f"call {key} of job {job.id} was made {times} times"
    return Counter(call.outcome for call in calls)
