"""JobWorker: takes runs from the queue, and says that it is alive.

Any number of these work on one database, in processes on any machines. What one of them looks after, the others look
after too: the store lets one of them do each thing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from uuid import uuid4

from sleeptime.core.errors import StoreError
from sleeptime.core.worker import WorkerState
from sleeptime.jobs.abandoned import PAGE, cancel_batches
from sleeptime.jobs.dispatch import Dispatch
from sleeptime.jobs.engine import Engine
from sleeptime.jobs.files import Files
from sleeptime.jobs.model_pool import ModelPool
from sleeptime.jobs.process import this_host
from sleeptime.jobs.reaper import Reaper
from sleeptime.jobs.sleep_job import Means, SleepJob
from sleeptime.models.traffic import Traffic
from sleeptime.settings import Settings
from sleeptime.store.store import Store
from sleeptime.telemetry.start import start_telemetry
from sleeptime.telemetry.telemetry import SILENT, Telemetry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a worker looks after what, in seconds.

    Args:
        turn_s: wake-ups that are due, and jobs for the queue.
        reap_s: workers that died.
        check_s: jobs that got lost on the way, a page at a time.
        clean_s: what nobody asks for any more.
        tell_s: how sleep stands, for telemetry.
        retry_s: again, after the database or the queue refused.
    """

    turn_s: float = 0.2
    reap_s: float = 1.0
    check_s: float = 30.0
    clean_s: float = 60.0
    tell_s: float = 5.0
    retry_s: float = 1.0


class JobWorker:
    """One worker. Use `work` once, on an event loop of its own or of a server.

    Args:
        store: of any tenant.
        models: opened by name.
        settings: of this process; a job brings those that decide what it writes.
        rng: draws the jitter of retries.
        rhythm: how often it looks after what.
        telemetry: what is told of its work.
    """

    def __init__(
        self,
        store: Store,
        models: ModelPool,
        settings: Settings,
        *,
        rng: Random,
        rhythm: Rhythm | None = None,
        telemetry: Telemetry = SILENT,
    ) -> None:
        self.id = uuid4().hex
        self._settings = settings
        self._rhythm = rhythm or Rhythm()
        self._host = this_host()
        self._work = store.work
        self._is_stopping = False
        self._files: Files | None = None
        self._stop = asyncio.Event()
        self._reason: StoreError | None = None
        """Why it stops though nobody told it to."""
        self._means = Means(
            store,
            settings,
            models.opened,
            rng,
            worker_id=self.id,
            is_stopping=lambda: self._is_stopping,
            traffic=Traffic(store.rates, store.breakers, settings.pace, settings.breaker),
            telemetry=telemetry,
        )
        self._overviews = store.for_tenant(settings.tenant).overviews
        self._engine = Engine(settings.database_url, self.id, settings.worker_concurrency, self._run)
        self._dispatch = Dispatch(self._work, self._engine, self.id, settings, self._means.back_off)
        self._active: dict[tuple[str, int], asyncio.Task[object]] = {}
        """Runs under way here, by job and number of the run."""
        dead_after = timedelta(seconds=settings.dead_after_s)
        self._reaper = Reaper(self._work, self._engine, self.id, self._host, dead_after, self._active)

    async def work(self, stop: asyncio.Event, *, started: Callable[[], None] = lambda: None) -> None:
        """Work until ``stop`` is set; then no job is begun, calls under way end, and what is left is handed over.

        Args:
            stop: set it to stop in order.
            started: told when jobs can be taken.

        Raises:
            StoreError: a file of the database is not the one that was opened any more; it has stopped at once.
        """
        self._stop = stop
        await self._beat()
        await self._engine.start()
        self._files = Files(self._settings.database_url)
        rhythm = self._rhythm
        duties = [
            asyncio.create_task(self._every(interval_s, duty))
            for interval_s, duty in (
                (self._settings.dead_after_s / 3, self._beat),
                (rhythm.turn_s, self._turn),
                (rhythm.reap_s, self._reaper.reap),
                (rhythm.check_s, self._reaper.check),
                (rhythm.clean_s, self._reaper.clean),
                (rhythm.clean_s, self._cancel_batches),
                *([(rhythm.tell_s, self._tell)] if self._means.telemetry.is_on else []),
            )
        ]
        try:
            started()
            await stop.wait()
            self._is_stopping = True
            self._engine.stop_taking()
            await self._drain()
        finally:
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)
            await self._leave()
        if self._reason is not None:
            raise self._reason

    async def _every(self, interval_s: float, duty: Callable[[], Awaitable[object]]) -> None:
        """Do a duty again and again, whatever goes wrong with it."""
        while True:
            try:
                await duty()
                wait_s = interval_s
            except Exception:  # the edge of a loop: a database that is away comes back
                log.exception("worker %s", self.id)
                wait_s = max(interval_s, self._rhythm.retry_s)
            await asyncio.sleep(wait_s)

    async def _beat(self) -> None:
        self._check_files()
        state = WorkerState.DRAINING if self._is_stopping else WorkerState.WORKING
        await self._work.beat(self.id, self._host, os.getpid(), state)
        for job in await self._work.orphans(self.id, self._active):
            log.warning("job %s had been left, and is queued again", job.id)

    def _check_files(self) -> None:
        """Make sure that this database is the one that others have; else stop at once.

        Raises:
            StoreError: it is not.
        """
        if self._files is None:
            return
        try:
            self._files.check()
        except StoreError as error:
            self._reason = error
            self._stop.set()
            raise

    async def _turn(self) -> None:
        while not self._is_stopping and await self._dispatch.turn():
            pass

    async def _cancel_batches(self) -> None:
        batches = self._means.store.batches
        await cancel_batches(batches, await batches.abandoned(PAGE), self._means.open_model, self._settings)

    async def _tell(self) -> None:
        """Tell how sleep stands; a bounded number of rows says so."""
        seen = await self._overviews.load(limit=1)
        self._means.telemetry.meters.queue(
            {state.value: found.count for state, found in seen.jobs.items()},
            quarantined=seen.quarantines.count,
            workers=seen.workers.count,
            breakers=seen.breakers.count,
        )

    async def _run(self, job_id: str, run: int) -> None:
        """Do a run that the queue gave us."""
        this_task = asyncio.current_task()
        assert this_task is not None, "the queue starts a task for each run"
        while not self._is_stopping:
            self._active[job_id, run] = this_task
            try:
                self._check_files()  # else it may be a run of others
                job = await self._work.take(job_id, run, self.id)
                if job is not None:
                    ran = await SleepJob(self._means, job).run()
                    log.info("job %s on context %r: run %d: %s", job.id, job.context, run, ran.state)
                return
            except StoreError:  # if it was taken, `_beat` will find that nobody runs it
                log.exception("job %s: run %d", job_id, run)
            finally:
                del self._active[job_id, run]
            await asyncio.sleep(self._rhythm.retry_s)
        # Not begun. If this returned, the queue would take it for done; so it has it from `_leave`.
        await asyncio.get_running_loop().create_future()

    async def _drain(self) -> None:
        """Wait until the runs under way have stopped, but no longer than is allowed."""
        for wait_s in (self._settings.drain_timeout_s if self._reason is None else 0, None):
            tasks = [*self._active.values()]
            if not tasks:
                return
            _, late = await asyncio.wait(tasks, timeout=wait_s)
            for task in late:
                task.cancel()

    async def _leave(self) -> None:
        """Leave everything that is still ours to others."""
        try:
            if self._reason is None:
                await self._work.leave(self.id)
            await self._engine.recover(self.id)
        except Exception:  # the edge of a process that ends: others find out by themselves
            log.exception("worker %s could not say that it leaves", self.id)
        await self._engine.stop()


async def run_worker(
    settings: Settings, stop: asyncio.Event, *, rng: Random, started: Callable[[str], None] = lambda worker_id: None
) -> None:
    """Open what a worker needs, and let it work until ``stop`` is set.

    Args:
        settings: of this process.
        stop: set it to stop in order.
        rng: draws the jitter of retries.
        started: told the worker's id when jobs can be taken.

    Raises:
        InputError: a setting cannot be used.
        StoreError: the database cannot be opened.
    """
    telemetry = start_telemetry(settings.exporters)
    async with await Store.open(settings.database_url, gives_way=True) as store, ModelPool() as models:
        worker = JobWorker(store, models, settings, rng=rng, telemetry=telemetry)
        await worker.work(stop, started=partial(started, worker.id))
