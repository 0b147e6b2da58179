"""OverviewStore: how sleep stands, of one moment. Reads a bounded number of rows, however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sleeptime.core.back_off import Quarantine
from sleeptime.core.breaker import Breaker
from sleeptime.core.job import Job, JobState
from sleeptime.core.trigger import Trigger
from sleeptime.core.worker import Worker
from sleeptime.store import breaker_rows, job_rows, sleep_state_rows, wake_rows, worker_rows
from sleeptime.store.context_rows import find_head
from sleeptime.store.database import Database
from sleeptime.store.listed import Listed


@dataclass(frozen=True, slots=True)
class Overview:
    """How sleep stands.

    Args:
        context: whose jobs, wake-ups and quarantine these are; ``None`` for all contexts of the tenant.
        at: when, by the database's clock, as heartbeats are.
        jobs: those that are not over, by state; oldest first.
        wake_ups: name of the context, when it is due (not before), and what calls for it then; soonest first.
        quarantines: contexts that no trigger calls to sleep; youngest first.
        workers: that are not known to be gone, of all tenants; oldest first.
        breakers: of models that are left alone, or whose probe is due; by name.
    """

    context: str | None
    at: datetime
    jobs: Mapping[JobState, Listed[Job]]
    wake_ups: Listed[tuple[str, datetime, Trigger]]
    quarantines: Listed[Quarantine]
    workers: Listed[Worker]
    breakers: Listed[Breaker]


class OverviewStore:
    """Sees the jobs, wake-ups and quarantines of one tenant, and the workers and breakers of all.

    Made by `Store.overviews`.
    """

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def load(self, name: str | None = None, *, limit: int = 10) -> Overview:
        """How sleep stands now, all of one moment.

        Args:
            name: of one context; ``None`` for all.
            limit: most items of a list.

        Raises:
            NotFound: there is no such context.
        """
        tenant = self._tenant
        async with self._database.reading() as connection:
            head = None if name is None else await find_head(connection, tenant, name)
            return Overview(
                context=name,
                at=await worker_rows.now(connection),
                jobs={
                    state: await job_rows.list_in(connection, tenant, state, head=head, limit=limit)
                    for state in JobState
                    if state is not JobState.OVER
                },
                wake_ups=await wake_rows.list_wake_ups(connection, tenant, limit, head=head),
                quarantines=await sleep_state_rows.list_quarantines(connection, tenant, limit, head=head),
                workers=await worker_rows.list_first(connection, limit),
                breakers=await breaker_rows.list_open(connection, limit),
            )
