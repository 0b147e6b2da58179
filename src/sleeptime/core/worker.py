"""Worker: a process that runs jobs, and when it is taken for dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WorkerState(StrEnum):
    """What a process that runs jobs is doing."""

    WORKING = "working"
    """It takes jobs."""
    DRAINING = "draining"
    """It was told to stop: it takes none, and lets calls under way end."""
    ALONE = "alone"
    """It runs the one job that a user waits for, and takes no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process that runs jobs.

    Args:
        id: unique among all processes there ever were.
        host: the machine, as far as process ids mean the same on it.
        pid: its process id there.
        state: what it is doing.
        started_at: when it began.
        heartbeat_at: when it was last known to be alive.
    """

    id: str
    host: str
    pid: int
    state: WorkerState
    started_at: datetime
    heartbeat_at: datetime
