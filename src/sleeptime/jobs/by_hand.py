"""ByHand: a sleep that a user waits for, in the user's own process; a job like any other.

So one that was killed is gone on with by the next that is asked for the same, or by a worker; and one that a worker
runs already is waited for, and not run twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import uuid4

import anyio

from sleeptime.core.errors import StoreError
from sleeptime.core.job import Job, JobState, NewJob
from sleeptime.core.worker import WorkerState
from sleeptime.jobs.process import has_ended, this_host
from sleeptime.jobs.sleep_job import Means, Progress, Ran, SleepJob
from sleeptime.store.outage import outlast
from sleeptime.store.store import Store

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""How often a job that another process runs is looked at."""
_DUE_AT_ONCE: Final = 100
INTERRUPTED: Final = "interrupted; the same sleep again goes on where it stopped"


class ByHand:
    """Runs a sleep here, if nobody else does.

    Args:
        store: of the tenant.
        means: what runs share.
    """

    def __init__(self, store: Store, means: Means) -> None:
        self._store = store
        self._means = means
        self._dead_after = timedelta(seconds=means.settings.dead_after_s)
        self._host = this_host()

    async def sleep(
        self,
        name: str,
        new: NewJob,
        *,
        progress: Progress | None = None,
        waiting: Callable[[str], None] | None = None,
    ) -> tuple[Job, Ran | None]:
        """Run the job to its end, or wait for whoever runs it.

        Args:
            name: of the context.
            new: what is asked for.
            progress: told after every draft.
            waiting: told, again and again, what a job waits for that has nothing to do before a moment.

        Returns:
            the job, over or paused by a user, and the run that was made here, if one was.
        """
        async with self._present() as means:
            await self._reap()
            job, is_mine = await self._store.jobs.begin(name, new, means.worker_id)
            ran: Ran | None = None
            while not (job.is_over or job.state is JobState.PAUSED):
                if is_mine:
                    ran = await self._run(means, job, progress)
                elif job.state is JobState.RUNNING:
                    if progress is not None:
                        progress(job.drafts_done, job.drafts)
                    await asyncio.sleep(LOOK_S)
                    await self._reap()
                job = await self._store.jobs.job(job.id)
                if waiting is not None and job.state is JobState.WAITING:
                    waiting(job.reason)
                await self._wait_until_due(job)
                taken = await means.store.work.take(job.id, job.run, means.worker_id)
                job, is_mine = taken or job, taken is not None
            return job, ran

    async def _run(self, means: Means, job: Job, progress: Progress | None) -> Ran:
        try:
            return await SleepJob(means, job, progress=progress).run()
        except asyncio.CancelledError:
            stop = partial(means.store.work.give_up, job, is_interrupted=True, reason=INTERRUPTED)
            with anyio.CancelScope(shield=True):
                try:
                    await outlast(stop)
                except StoreError:  # whoever reaps this process does it
                    log.exception("job %s was left", job.id)
            raise

    async def _wait_until_due(self, job: Job) -> None:
        if job.state is not JobState.WAITING or job.due_at is None:
            return
        wait_s = (job.due_at - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(0.0, min(wait_s, LOOK_S)))
        if wait_s <= LOOK_S:
            await self._means.store.work.end_waiting(_DUE_AT_ONCE)

    async def _reap(self) -> None:
        """Take the jobs of dead workers, should no worker be there to do so."""
        work = self._means.store.work
        for worker in await work.dead_workers(self._dead_after, self._host, has_ended):
            await work.reap(worker, is_forgotten=worker.state is WorkerState.ALONE)

    @asynccontextmanager
    async def _present(self) -> AsyncIterator[Means]:
        """Be known as a worker, and as alive."""
        means, work = replace(self._means, worker_id=uuid4().hex), self._means.store.work

        async def beat() -> None:
            await work.beat(means.worker_id, self._host, os.getpid(), WorkerState.ALONE)

        async def keep_beating() -> None:
            while True:
                await asyncio.sleep(self._dead_after.total_seconds() / 3)
                try:
                    await beat()
                except StoreError:
                    log.exception("sleep by hand %s", means.worker_id)

        await beat()
        beating = asyncio.create_task(keep_beating())
        try:
            yield means
        finally:
            beating.cancel()
            with anyio.CancelScope(shield=True):
                try:
                    await work.leave(means.worker_id)
                except StoreError:
                    log.exception("sleep by hand %s could not say that it leaves", means.worker_id)
