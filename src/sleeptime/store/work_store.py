"""WorkStore: what workers see and do: jobs of every tenant, and each other.

Each method is one transaction: all of it is kept, or nothing. What acts for a run that has passed changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff
from sleeptime.core.job import Ending, Job, JobState, Wanted
from sleeptime.core.outcome import Outcome
from sleeptime.core.spend import utc_day
from sleeptime.core.text import kept_text
from sleeptime.core.trigger import Trigger
from sleeptime.core.worker import Worker, WorkerState
from sleeptime.store import job_rows, ledger_rows, sleep_state_rows, spend_rows, wake_rows, worker_rows
from sleeptime.store.database import Database
from sleeptime.store.job_rows import Assigned
from sleeptime.store.wake_rows import Due, MakeJob


@dataclass(frozen=True, slots=True)
class Reaped:
    """What was taken from a worker that was found dead.

    Args:
        worker: as it was last known.
        runs: id and run of the jobs it ran.
        lost_calls: calls it had begun and did not end.
    """

    worker: Worker
    runs: tuple[tuple[str, int], ...]
    lost_calls: int


class WorkStore:
    """Jobs of all tenants, for the processes that run them. Made by `Store.work`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, worker_id: str, host: str, pid: int, state: WorkerState) -> bool:
        """Keep that a worker is alive; False when nobody knew it: it is new, or was taken for dead."""

        async def operation(connection: AsyncConnection) -> bool:
            return await worker_rows.beat(connection, worker_id, host, pid, state)

        return await self._database.write(operation)

    async def leave(self, worker_id: str) -> None:
        """Forget a worker that ends in order; what it still has is left to others."""

        async def operation(connection: AsyncConnection) -> None:
            await worker_rows.leave(connection, worker_id)
            await ledger_rows.lose(connection, [worker_id])
            await job_rows.free_jobs_of(connection, worker_id, is_dead=False, now=_now())

        await self._database.write(operation)

    async def workers(self) -> tuple[Worker, ...]:
        """Every worker that is not known to be gone, the oldest first."""
        async with self._database.reading() as connection:
            return await worker_rows.list_workers(connection)

    async def dead_workers(
        self, dead_after: timedelta, host: str, is_gone: Callable[[Worker], bool]
    ) -> tuple[Worker, ...]:
        """Workers that are dead.

        Args:
            dead_after: without a heartbeat for so long, a worker is taken for dead.
            host: whose process ids mean something here.
            is_gone: whether the process of a worker on this host has ended, however lately it was heard.
        """
        async with self._database.reading() as connection:
            suspects = await worker_rows.silent_workers(connection, dead_after, host=host)
            moment = await worker_rows.now(connection)
        silent_since = moment - dead_after
        return tuple(
            worker
            for worker in suspects
            if worker.heartbeat_at < silent_since or (worker.host == host and is_gone(worker))
        )

    async def reap(self, worker: Worker, *, is_forgotten: bool = True) -> Reaped | None:
        """Take everything from a dead worker: its calls are lost, its jobs are queued again.

        Args:
            worker: as it was last seen.
            is_forgotten: whether nobody need look after it any more: it has nothing in the queue's books.

        Returns:
            None when another took it first, or the worker was heard since.
        """

        async def operation(connection: AsyncConnection) -> Reaped | None:
            if not await worker_rows.lock_dead(connection, worker):
                return None
            if is_forgotten:
                await worker_rows.leave(connection, worker.id)
            lost_calls = await ledger_rows.lose(connection, [worker.id])
            runs = await job_rows.free_jobs_of(connection, worker.id, is_dead=True, now=_now())
            return Reaped(worker, runs, lost_calls)

        return await self._database.write(operation)

    async def next_due(self) -> datetime | None:
        """When `claim_due` has something to look at; None while nothing waits for a moment. Writes nothing."""
        async with self._database.reading() as connection:
            return await wake_rows.next_due(connection)

    async def claim_due(self, limit: int, make_job: MakeJob) -> tuple[Due, ...]:
        """Take wake-ups that are due, and have a job made of each: both together or neither (`wake_rows.claim_due`)."""

        async def operation(connection: AsyncConnection) -> tuple[Due, ...]:
            return await wake_rows.claim_due(connection, _now(), limit, make_job)

        return await self._database.write(operation)

    async def has_something(self) -> bool:
        """Whether `claim_due`, `end_waiting` or `assign` have something to do; looks, and writes nothing."""
        async with self._database.reading() as connection:
            due = await wake_rows.next_due(connection)
            return (due is not None and due <= _now()) or await job_rows.has_something(connection, now=_now())

    async def assign(self, worker_id: str, limit: int) -> tuple[Assigned, ...]:
        """Queued jobs that this worker is to hand to the queue, as they go; nobody else is told of them."""

        async def operation(connection: AsyncConnection) -> tuple[Assigned, ...]:
            return await job_rows.assign(connection, worker_id, limit)

        return await self._database.write(operation)

    async def hand_over(self, worker_id: str, job_ids: Sequence[str], *, is_done: bool = True) -> None:
        """Keep that the queue has these jobs; or leave them to whoever tries next."""

        async def operation(connection: AsyncConnection) -> None:
            await job_rows.hand_over(connection, worker_id, job_ids, is_done=is_done)

        await self._database.write(operation)

    async def in_queue(self, after: str, limit: int) -> tuple[tuple[str, int], ...]:
        """Id and run of jobs that the queue should have, by id, behind the id ``after``."""
        async with self._database.reading() as connection:
            return await job_rows.list_in_queue(connection, after, limit)

    async def queue_again(self, runs: Iterable[tuple[str, int]]) -> int:
        """Have queued jobs handed to the queue again, which has lost these runs of them; their number."""

        async def operation(connection: AsyncConnection) -> int:
            return sum([await job_rows.queue_again(connection, *run) for run in runs])

        return await self._database.write(operation)

    async def orphans(self, worker_id: str, active: Container[tuple[str, int]]) -> tuple[Job, ...]:
        """Jobs that this worker should run and, for it does not, were queued again.

        Args:
            worker_id: whose jobs.
            active: id and run of those that it runs.
        """
        async with self._database.reading() as connection:
            jobs = await job_rows.jobs_run_by(connection, worker_id)
        orphans = tuple(job for job in jobs if (job.id, job.run) not in active)
        for job in orphans:
            await self.give_up(job)
        return orphans

    async def lose_unowned(self, before: datetime) -> int:
        """Take calls of no job and no worker for lost that began before; their number."""

        async def operation(connection: AsyncConnection) -> int:
            return await ledger_rows.lose(connection, [], unowned_before=before)

        return await self._database.write(operation)

    async def prune_spend(self) -> int:
        """Remove what calls of days long over used on each of them, a page of it; how many rows that were."""

        async def operation(connection: AsyncConnection) -> int:
            return await spend_rows.prune(connection, utc_day(_now()))

        return await self._database.write(operation)

    async def end_waiting(self, limit: int) -> int:
        """Queue waiting jobs whose moment has come; their number."""

        async def operation(connection: AsyncConnection) -> int:
            return await job_rows.end_waiting(connection, limit, now=_now())

        return await self._database.write(operation)

    async def take(self, job_id: str, run: int, worker_id: str) -> Job | None:
        """Let this worker run a queued job; None when there is no such run any more."""

        async def operation(connection: AsyncConnection) -> Job | None:
            return await job_rows.take(connection, job_id, run, worker_id, now=_now())

        return await self._database.write(operation)

    async def wanted(self, job: Job) -> Wanted | None:
        """What is wanted of a running job; None when this run has passed."""
        async with self._database.reading() as connection:
            return await job_rows.wanted(connection, job.id, job.run)

    async def progress(self, job: Job, drafts_done: int, drafts: int) -> None:
        """Keep how many drafts this run has made, and of how many."""

        async def operation(connection: AsyncConnection) -> None:
            await job_rows.progress(connection, job.id, job.run, drafts_done, drafts)

        await self._database.write(operation)

    async def wait(self, job: Job, until: datetime, reason: str) -> bool:
        """Let a running job wait for a moment; False when this run has passed, or something else is wanted of it."""

        async def operation(connection: AsyncConnection) -> bool:
            return await job_rows.wait(connection, job.id, job.run, until, reason)

        return await self._database.write(operation)

    async def give_up(self, job: Job, *, is_interrupted: bool = False, reason: str = "") -> JobState | None:
        """End a run before its end; where the job stands now, None when the run had passed (`job_rows.give_up`)."""

        async def operation(connection: AsyncConnection) -> JobState | None:
            return await job_rows.give_up(
                connection, job.id, job.run, now=_now(), is_interrupted=is_interrupted, reason=reason
            )

        return await self._database.write(operation)

    async def finish(self, job: Job, ending: Ending, back_off: BackOff) -> bool:
        """Let a job be over that wrote nothing; False when this run had passed."""

        async def operation(connection: AsyncConnection) -> bool:
            return await end_job(connection, job, ending, back_off)

        return await self._database.write(operation)


async def end_job(connection: AsyncConnection, job: Job, ending: Ending, back_off: BackOff) -> bool:
    """Let a job be over, and its context rest as it earned; in the caller's transaction.

    Returns:
        False, and nothing changes, when this run had passed.
    """
    now, ending = _now(), replace(ending, reason=kept_text(ending.reason))
    context_id = await job_rows.finish(connection, job.id, job.run, ending, now=now)
    if context_id is None:
        return False
    after = partial(
        back_off.after,
        outcome=ending.outcome,
        version=job.context_version,
        reason=ending.reason,
        now=now,
        left=ending.left,
        is_by_hand=job.trigger == Trigger.HAND,
    )
    await sleep_state_rows.change_sleep_state(connection, context_id, after)
    await wake_rows.settle(connection, context_id, now, is_called_again=ending.outcome is not Outcome.SKIPPED)
    return True


def _now() -> datetime:
    return datetime.now(UTC)
