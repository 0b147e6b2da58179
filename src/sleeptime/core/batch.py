"""Batch: what is known of the requests that a job has given to a provider's batch API, and the port that keeps it.

Knows no provider and no database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class BatchState(StrEnum):
    """Where a request of a batch stands.

    ========= ========= ===============================================================================
    from      to        by
    ========= ========= ===============================================================================
    (none)    intended  it is about to be sent: kept before it is
    intended  submitted the provider's answer, or the batch is found there after a crash between the two
    intended  (none)    the provider refused it, so that there is no batch
    submitted ended     its answer was read
    any       overdue   it was not answered in time, and is made by itself
    ========= ========= ===============================================================================
    """

    INTENDED = "intended"
    SUBMITTED = "submitted"
    ENDED = "ended"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEntry:
    """One request of a batch.

    Args:
        job_id: the job that makes it.
        key: of its call.
        provider: who has it.
        handle: what the provider calls the batch; None while it is intended.
        state: where it stands.
        intended_at: just before it was sent: the batch is not older at the provider.
        deadline: until when it waits; the same for every batch of a job.
    """

    job_id: str
    key: str
    provider: str
    handle: str | None
    state: BatchState
    intended_at: datetime
    deadline: datetime

    @property
    def custom_id(self) -> str:
        """What it is called within the batch: the same whenever its job runs again, and of no other call.

        Letters, digits, ``-`` and ``_``, at most 64 of them, which every provider takes.
        """
        name = f"{self.job_id}-{self.key.replace('.', '_')}"
        assert len(name) <= 64, f"the provider takes no name as long as {name!r}"
        return name


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """How long batches are waited for, and how often the provider is asked.

    With the defaults a batch is asked for after 10 s, 20 s, 30 s, and then after half of the time that it has taken so
    far: at about 45 and 68 s, at 1.7, 2.5 and 3.8 minutes and so on, and every 10 minutes once it has taken 20.

    Args:
        deadline_s: seconds from the first batch of a job after which what is left is made by itself.
        poll_s: shortest time between two questions, seconds.
        longest_poll_s: longest time between two questions, seconds.
        collect_s: seconds without a further request of the job after which those that are ready go along together.
        settle_s: seconds after which a batch that a provider took can be found there.
        cancel_s: seconds after the deadline within which a provider has to end what it was told to cancel.
    """

    deadline_s: float = 86_400.0
    poll_s: float = 10.0
    longest_poll_s: float = 600.0
    collect_s: float = 1.0
    settle_s: float = 10.0
    cancel_s: float = 900.0

    def pause(self, waited: timedelta) -> timedelta:
        """How long to wait before the next question about a batch that has taken so long.

        >>> [BatchPolicy().pause(timedelta(seconds=s)).total_seconds() for s in (0, 10, 60, 600, 7200)]
        [10.0, 10.0, 30.0, 300.0, 600.0]
        """
        return timedelta(seconds=min(self.longest_poll_s, max(self.poll_s, waited.total_seconds() / 2)))


class Batches(Protocol):
    """Keeps the batch requests of jobs."""

    async def entries(self, job_id: str) -> tuple[BatchEntry, ...]:
        """All of a job, by key."""
        ...

    async def intend(self, entries: Sequence[BatchEntry]) -> None:
        """Keep that these are about to be sent, in place of what was intended before."""
        ...

    async def submitted(self, job_id: str, keys: Collection[str], handle: str) -> None:
        """Keep that the provider has intended ones, and what it calls the batch."""
        ...

    async def settle(self, job_id: str, keys: Collection[str], state: BatchState | None) -> None:
        """Let them be ended or overdue; None forgets them, for they were never sent."""
        ...

    async def known(self, handles: Collection[str]) -> frozenset[str]:
        """Those that are the handle of a batch of any job."""
        ...
