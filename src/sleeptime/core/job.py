"""Job: a sleep that was asked for, what becomes of it, and the states it goes through.

Knows no queue and no database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from sleeptime.core.outcome import Outcome

BY_HAND: Final = 1
"""Priority of a sleep that a user asked for; lower numbers go first."""
BY_TRIGGER: Final = 10
"""Priority of a sleep that a trigger called for."""


IN_QUEUE: Final = "queue"
"""In the place of a worker: the queue has it."""

OWN_CAPS: Final = ("max_usd_per_job", "max_tokens_per_job")
"""Settings of a job that say what it may spend, and not what it does."""

MAX_DEATHS: Final = 5
"""A job with which so many workers died stands still: it may be what killed them."""


class JobState(StrEnum):
    """Where a job stands. It is made queued, and once over it stays over.

    ======== ======== ===============================================================
    from     to       by
    ======== ======== ===============================================================
    queued   running  a worker that takes its present run
    queued   waiting  a worker would begin it, and the window of its policy is closed
    queued   queued   the queue has lost it: another run
    queued   paused   `pause`, at once
    queued   over     `cancel`, at once
    running  over     its end, or `cancel`, before its next call
    running  paused   `pause`, before its next call, or the user stopped the program
    running  waiting  it has nothing to do before a moment, such as the end of a batch
    running  queued   its worker stops in order, or is dead: another run
    running  paused   `MAX_DEATHS` workers died with it, or none but the dead one can run it
    waiting  queued   the moment has come: another run
    waiting  paused   `pause`, at once
    waiting  over     `cancel`, at once
    paused   queued   `resume`, or the same asked for again: another run
    paused   over     `cancel`, at once
    ======== ======== ===============================================================

    Each way back to queued counts `Job.run` up. Whoever acts for a run names it, and an act for a run that has passed
    has no effect: a worker that was taken for dead and comes back can neither finish its job nor go on with it.
    """

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    OVER = "over"


class Wanted(StrEnum):
    """What is wanted of a running job; takes effect before its next call.

    A job that a user paused keeps `PAUSE` while it stands still. One that stands still for another reason has `RUN`:
    triggers do not wait for it, and go on with it when they ask for the same.
    """

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


def _new_id() -> str:
    return uuid4().hex


def work_digest(context_version: str, settings: Mapping[str, Any]) -> str:
    """16 hex digits of what a job does."""
    deciding = {name: value for name, value in settings.items() if name not in OWN_CAPS}
    told = json.dumps([context_version, deciding], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A sleep to be queued.

    Args:
        context_version: what it reads.
        settings: all that decides what it writes, as JSON: two jobs with the same on one version are the same work;
            and `OWN_CAPS`, which a job by hand brings with it.
        drafts: how many it makes.
        trigger: what called for it.
        priority: lower numbers go first.
        id: unique.
    """

    context_version: str
    settings: Mapping[str, Any]
    drafts: int
    trigger: str
    priority: int = BY_TRIGGER
    id: str = field(default_factory=_new_id)

    @property
    def work(self) -> str:
        """Digest of what it does: while a job is not over, the same work is not queued again."""
        return work_digest(self.context_version, self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A sleep that was asked for.

    Args:
        id: also the ``job_id`` of its calls and of the learned context it writes.
        tenant: whom the context belongs to.
        context: its name.
        context_version: what it reads: once it has begun, that stays.
        work, settings, drafts, trigger, priority: as for `NewJob`.
        state: where it stands.
        wanted: what is wanted of it while it runs; of one that stands still, whether a user paused it.
        run: which run of it is queued or under way, from 1.
        drafts_done: of the present run.
        base: number of the learned context that was live when it first began, which it builds on; None when none was.
        deaths: workers that died while they ran it.
        worker: who runs it; of a queued one who is handing it to the queue, or `IN_QUEUE`.
        outcome: how it ended; None until it is over.
        reason: why it ended so, or why it stands still; "" when there is nothing to say.
        learned: number of the learned context it wrote.
        digest: of that.
        created_at: when it was asked for.
        due_at: when a waiting one goes on.
        started_at: when its first run began.
        finished_at: when it was over.
    """

    id: str
    tenant: str
    context: str
    context_version: str
    work: str
    settings: Mapping[str, Any]
    drafts: int
    trigger: str
    priority: int
    state: JobState
    wanted: Wanted
    run: int
    drafts_done: int
    base: int | None
    deaths: int
    worker: str | None
    outcome: Outcome | None
    reason: str
    learned: int | None
    digest: str | None
    created_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state is JobState.OVER


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended.

    Args:
        outcome: wrote, nothing new, failed, skipped or capped.
        reason: never "" unless it wrote.
        learned: number of the learned context it wrote; None unless it wrote.
        digest: of that.
        left: why it left parts unread though it wrote, ``failed`` or ``capped``; None when it left none.
    """

    outcome: Outcome
    reason: str = ""
    learned: int | None = None
    digest: str | None = None
    left: Outcome | None = None

    def __post_init__(self) -> None:
        is_written = self.outcome is Outcome.WROTE
        assert is_written == (self.learned is not None), "a job has a learned context if and only if it wrote"
        assert is_written or self.reason, "a job that wrote nothing says why"
