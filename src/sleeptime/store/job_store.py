"""JobStore: the jobs of one tenant, asked for and steered by its users.

Each method is one transaction: all of it is kept, or nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff, Quarantine, SleepState
from sleeptime.core.errors import InputError, NotFound
from sleeptime.core.job import Job, NewJob
from sleeptime.store import job_rows, sleep_state_rows, wake_rows
from sleeptime.store.context_rows import find_head
from sleeptime.store.database import Database


class JobStore:
    """Jobs of one tenant; it can neither see nor steer those of another. Made by `Store.jobs`.

    Raises, every method that names a context: `NotFound`, when there is none.
    """

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def add(self, name: str, new: NewJob) -> tuple[Job, bool]:
        """Queue a sleep on a context, unless one for the same work is not over yet.

        Returns:
            the job, and whether it is new; one that is not goes on, if it stood still or waited (`job_rows.add_job`).
        """

        async def operation(connection: AsyncConnection) -> tuple[Job, bool]:
            head = await find_head(connection, self._tenant, name)
            return await job_rows.add_job(connection, self._tenant, head, new, now=_now())

        return await self._database.write(operation)

    async def begin(self, name: str, new: NewJob, worker: str) -> tuple[Job, bool]:
        """Run a sleep on a context at once, unless another worker runs one for the same work.

        One that is queued or stands still is gone on with, whoever asked for it.

        Returns:
            the job, and whether ``worker`` runs it now.
        """

        async def operation(connection: AsyncConnection) -> tuple[Job, bool]:
            head = await find_head(connection, self._tenant, name)
            job, _ = await job_rows.add_job(connection, self._tenant, head, new, now=_now())
            taken = await job_rows.take(connection, job.id, job.run, worker, now=_now())
            return taken or job, taken is not None

        return await self._database.write(operation)

    async def job(self, job_id: str) -> Job:
        """The job of this id.

        Raises:
            NotFound: there is none.
        """
        async with self._database.reading() as connection:
            found = await job_rows.load_job(connection, job_id, tenant=self._tenant)
        if found is None:
            raise NotFound(f"there is no job {job_id!r}; `sleeptime jobs` lists them")
        return found

    async def list(self, name: str | None = None, *, limit: int = 100) -> tuple[Job, ...]:
        """The jobs of one context, or all: at most ``limit`` that are over and as many that are not, by age."""
        async with self._database.reading() as connection:
            head = None if name is None else await find_head(connection, self._tenant, name)
            return await job_rows.list_jobs(connection, self._tenant, head=head, limit=limit)

    async def pause(self, id_or_name: str) -> tuple[Job, ...]:
        """Let a job, or every unfinished one of a context, stand still: at once, or before its next call.

        Returns:
            them, as they stand now.

        Raises:
            NotFound: neither a job nor a context has this name.
            InputError: the job is over.
        """
        return await self._steer(id_or_name, job_rows.pause)

    async def resume(self, id_or_name: str) -> tuple[Job, ...]:
        """Let what was paused go on. Returns and raises as `pause`."""
        return await self._steer(id_or_name, job_rows.resume)

    async def cancel(self, id_or_name: str) -> tuple[Job, ...]:
        """End without a result: at once, or before the next call. Returns and raises as `pause`."""
        return await self._steer(id_or_name, partial(job_rows.cancel, now=_now()))

    async def _steer(self, id_or_name: str, act: Callable[[AsyncConnection, str], Awaitable[None]]) -> tuple[Job, ...]:
        async def operation(connection: AsyncConnection) -> tuple[Job, ...]:
            jobs = await self._find(connection, id_or_name)
            for job in jobs:
                await act(connection, job.id)
            after = [await job_rows.load_job(connection, job.id) for job in jobs]
            return tuple(job for job in after if job is not None)

        return await self._database.write(operation)

    async def _find(self, connection: AsyncConnection, id_or_name: str) -> tuple[Job, ...]:
        job = await job_rows.load_job(connection, id_or_name, tenant=self._tenant)
        if job is not None:
            if job.is_over:
                raise InputError(f"job {job.id} is over: {job.outcome}" + (f": {job.reason}" if job.reason else ""))
            return (job,)
        try:
            head = await find_head(connection, self._tenant, id_or_name)
        except NotFound as error:
            raise NotFound(
                f"there is neither a job nor a context {id_or_name!r}; `sleeptime jobs` lists the jobs"
            ) from error
        jobs = await job_rows.unfinished_jobs(connection, head)
        if not jobs:
            raise NotFound(f"context {id_or_name!r} has no job that is not over; `sleeptime jobs` lists them")
        return jobs

    async def sleep_state(self, name: str) -> SleepState:
        """What became of the context's sleeps so far."""
        async with self._database.reading() as connection:
            head = await find_head(connection, self._tenant, name)
            return await sleep_state_rows.load_sleep_state(connection, head.id)

    async def quarantines(self, *, limit: int = 100) -> tuple[Quarantine, ...]:
        """Contexts that no trigger calls to sleep, the youngest first."""
        async with self._database.reading() as connection:
            return (await sleep_state_rows.list_quarantines(connection, self._tenant, limit)).items

    async def release(self, id_or_name: str) -> SleepState:
        """Let triggers be heard again for a context, or that of a job, after rest and quarantine.

        Returns:
            what became of its sleeps up to now.

        Raises:
            NotFound: neither a job nor a context has this name.
        """

        async def operation(connection: AsyncConnection) -> SleepState:
            job = await job_rows.load_job(connection, id_or_name, tenant=self._tenant)
            head = await find_head(connection, self._tenant, id_or_name if job is None else job.context)
            before = await sleep_state_rows.load_sleep_state(connection, head.id)
            await sleep_state_rows.change_sleep_state(connection, head.id, BackOff().released)
            await wake_rows.settle(connection, head.id, _now())
            return before

        return await self._database.write(operation)


def _now() -> datetime:
    return datetime.now(UTC)
