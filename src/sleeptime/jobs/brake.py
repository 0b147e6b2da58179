"""Brake: a job that is to stop makes no further call, and lets those under way end.

One that may go on lets queries of its process pass first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sleeptime.core.call import Call, CallLedger
from sleeptime.core.errors import NotNow
from sleeptime.core.job import Job, Wanted
from sleeptime.core.lane import QUERIES
from sleeptime.store.outage import outlast
from sleeptime.store.work_store import WorkStore


class BrakedCalls:
    """A `CallLedger` that begins no call of a job that is to stop: paused, cancelled, handed over, or run elsewhere.

    Args:
        inner: keeps the calls.
        work: tells what is wanted of the job.
        job: as this run began.
        is_stopping: whether this process is to stop.
    """

    def __init__(self, inner: CallLedger, work: WorkStore, job: Job, is_stopping: Callable[[], bool]) -> None:
        self._inner = inner
        self._work = work
        self._job = job
        self._is_stopping = is_stopping
        self.is_pulled = False
        """Whether a call was not begun because the job is to stop."""

    async def is_to_stop(self) -> bool:
        """Whether the job is to stop.

        Raises:
            StoreError: the database is away.
        """
        return self._is_stopping() or await self._work.wanted(self._job) is not Wanted.RUN

    async def begin(self, call: Call) -> None:
        """As `CallLedger.begin`.

        Raises:
            NotNow: the job is to stop.
        """
        if await outlast(self.is_to_stop):
            self.is_pulled = True
            raise NotNow("the job is to stop", datetime.now(UTC))
        await QUERIES.let_pass()
        await self._inner.begin(call)

    async def end(self, call: Call, reply: str | None = None) -> None:
        """As `CallLedger.end`."""
        await self._inner.end(call, reply)

    async def leave(self, call: Call) -> None:
        """As `CallLedger.leave`."""
        await self._inner.leave(call)

    async def answered(self, job_id: str, key: str) -> str | None:
        """As `CallLedger.answered`."""
        return await self._inner.answered(job_id, key)
