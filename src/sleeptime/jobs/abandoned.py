"""Abandoned batches: when a job is over, what its provider still works on for it is cancelled there."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic_ai.models import Model

from sleeptime.core.batch import BatchState
from sleeptime.core.errors import SleeptimeError, StoreError
from sleeptime.core.job import Job
from sleeptime.jobs.snapshot import settings_of
from sleeptime.models.batch import JobBatches
from sleeptime.settings import Settings
from sleeptime.store.provider_store import BatchStore

log = logging.getLogger(__name__)

ENDED_BY_THEN: Final = timedelta(days=2)
"""After this no provider works on a batch any more."""
PAGE: Final = 20
"""Jobs that are looked at in one go: the provider is asked about each."""


async def cancel_batches(
    batches: BatchStore, jobs: Iterable[Job], open_model: Callable[[Settings], Awaitable[Model]], settings: Settings
) -> None:
    """Cancel the batches of jobs that are over; what cannot be cancelled now stays, and is tried again.

    Args:
        batches: of the jobs.
        jobs: with batches that may be under way.
        open_model: the model that settings name.
        settings: of this process.

    Raises:
        StoreError: the database is away.
    """
    for job in jobs:
        try:
            own = settings_of(job, settings)
            await JobBatches(await open_model(own), batches, job.id, own.batch).cancel()
        except StoreError:
            raise
        except SleeptimeError as error:  # such as a key that only another worker has
            log.warning("the batches of job %s could not be cancelled: %s", job.id, error)
            if job.finished_at is not None and job.finished_at < datetime.now(UTC) - ENDED_BY_THEN:
                keys = [entry.key for entry in await batches.entries(job.id)]
                await batches.settle(job.id, keys, BatchState.OVERDUE)
