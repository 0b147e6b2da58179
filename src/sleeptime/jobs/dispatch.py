"""Dispatch: wake-ups that are due become jobs, and jobs that wait for nothing more are handed to the queue."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff
from sleeptime.core.errors import InputError
from sleeptime.core.outcome import Outcome
from sleeptime.jobs.engine import Engine
from sleeptime.jobs.snapshot import new_job
from sleeptime.settings import Settings, changed_settings
from sleeptime.store import job_rows, sleep_state_rows, wake_rows
from sleeptime.store.wake_rows import Due
from sleeptime.store.work_store import WorkStore

log = logging.getLogger(__name__)

PAGE: Final = 100
"""Jobs and wake-ups that are taken in one turn."""


class Dispatch:
    """Every worker has one; each wake-up and each job is handed on by one of them.

    Args:
        work: the jobs of all tenants.
        engine: the queue.
        worker_id: whose this is.
        settings: of jobs that a trigger calls for, where the policy of the context says nothing else.
        back_off: how long contexts rest.
    """

    def __init__(self, work: WorkStore, engine: Engine, worker_id: str, settings: Settings, back_off: BackOff) -> None:
        self._work = work
        self._engine = engine
        self._worker_id = worker_id
        self._settings = settings
        self._back_off = back_off

    async def turn(self) -> bool:
        """Hand on some of what is there to be handed on; whether there may be more jobs for the queue."""
        if not await self._work.has_something():
            return False
        await self._work.claim_due(PAGE, self._make_job)
        await self._work.end_waiting(PAGE)
        runs = await self._work.assign(self._worker_id, PAGE)
        if not runs:
            return False
        ids = [run.job_id for run in runs]
        try:
            await self._engine.put(runs)
        except BaseException:
            await self._work.hand_over(self._worker_id, ids, is_done=False)
            raise
        await self._work.hand_over(self._worker_id, ids)
        return len(runs) == PAGE

    async def _make_job(self, connection: AsyncConnection, due: Due) -> None:
        now = datetime.now(UTC)
        try:
            settings = changed_settings(self._settings, **due.policy.overrides)
        except InputError as error:  # of this context alone: the others have their jobs all the same
            reason = f"its policy cannot be used: {error}"
            log.warning("context %r: %s", due.head.name, reason)
            await sleep_state_rows.change_sleep_state(
                connection,
                due.head.id,
                lambda state: self._back_off.after(state, Outcome.FAILED, due.head.version, reason, now),
            )
            await wake_rows.settle(connection, due.head.id, now)
            return
        job = new_job(due.head.version, settings, trigger=due.trigger)
        await job_rows.add_job(connection, due.tenant, due.head, job, now=now)
