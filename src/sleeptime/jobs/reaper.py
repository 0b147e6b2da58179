"""Reaper: jobs of workers that died go on elsewhere, and jobs that got lost on the way are found."""

from __future__ import annotations

import logging
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import Final

from sleeptime.jobs.engine import Engine
from sleeptime.jobs.process import has_ended
from sleeptime.store.work_store import WorkStore

log = logging.getLogger(__name__)

LOST_AFTER: Final = timedelta(hours=1)
"""A query's call that has not ended after this is taken for lost: its process is gone."""

_PAGE: Final = 100


class Reaper:
    """Looks after what nobody looks after any more. Every worker has one, and they may all do the same at once.

    A worker is dead when it was not heard for ``dead_after``, or when its process on this host has ended. One that only
    seemed dead finds its runs passed: it can neither go on with them nor finish them.

    Args:
        work: the jobs of all tenants, and the workers.
        engine: the queue.
        worker_id: whose reaper this is; it does not reap that one.
        host: where that one is.
        dead_after: as above.
        active: runs under way in this process.
    """

    def __init__(
        self,
        work: WorkStore,
        engine: Engine,
        worker_id: str,
        host: str,
        dead_after: timedelta,
        active: Container[tuple[str, int]],
    ) -> None:
        self._work = work
        self._engine = engine
        self._worker_id = worker_id
        self._host = host
        self._dead_after = dead_after
        self._active = active
        self._checked = ""

    async def reap(self) -> int:
        """Take everything from workers that are dead, and let others have it; how many jobs they ran."""
        num_jobs = 0
        for worker in await self._work.dead_workers(self._dead_after, self._host, has_ended):
            if worker.id == self._worker_id:
                continue
            # What it had taken from the queue and not begun is in no row of ours. First the queue, for afterwards
            # nobody knows of this worker any more.
            await self._engine.recover(worker.id)
            reaped = await self._work.reap(worker)
            if reaped is not None:
                num_jobs += len(reaped.runs)
                log.warning(
                    "worker %s (process %d on %s) is dead: %d jobs are queued again, %d calls are lost",
                    *(worker.id, worker.pid, worker.host.partition(" ")[0], len(reaped.runs), reaped.lost_calls),
                )
        return num_jobs

    async def check(self) -> int:
        """Queue again what the queue should have and has not, looking at some jobs at a time; their number."""
        runs = await self._work.in_queue(self._checked, _PAGE)
        self._checked = runs[-1][0] if len(runs) == _PAGE else ""
        if not runs:
            return 0
        alive = {worker.id for worker in await self._work.workers()}
        count = await self._work.queue_again(await self._engine.lost(runs, alive, self._active))
        if count:
            log.warning("the queue had lost %d jobs; they are queued again", count)
        return count

    async def clean(self) -> None:
        """Forget what nobody asks for any more."""
        await self._engine.forget()
        await self._work.lose_unowned(datetime.now(UTC) - LOST_AFTER)
        while await self._work.prune_spend():
            pass
