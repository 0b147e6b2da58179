"""Breaker: a model whose calls keep failing is left alone for a while, by every worker.

Knows no provider and no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class BreakerState(StrEnum):
    """Where a breaker stands.

    ========= ========= ===============================================================
    from      to        by
    ========= ========= ===============================================================
    closed    open      the last of `BreakerPolicy.errors` errors in a row
    open      half open its pause is over
    half open open      the probe, one call that is let through, failed: a longer pause
    half open closed    the probe was answered
    ========= ========= ===============================================================
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long.

    With the defaults it opens at the third error in a row, for 30 s: before the four attempts of one call are used up,
    so that a provider that is down makes a sleep wait, and not fail. When the probe fails too it is 60 s, then 2, 4, 8,
    16 and at last 30 minutes, as long as it takes.

    Args:
        errors: errors of the provider in a row, of all workers together.
        pause_s: first pause, seconds; it doubles each time a probe fails.
        longest_pause_s: longest pause, seconds.
        probe_s: seconds after which a probe whose worker died no longer keeps others away.
    """

    errors: int = 3
    pause_s: float = 30.0
    longest_pause_s: float = 1800.0
    probe_s: float = 120.0

    def pause(self, failures: int) -> timedelta:
        """How long it stays open after so many errors in a row.

        >>> [BreakerPolicy().pause(failures).total_seconds() for failures in (2, 3, 4, 9, 50)]
        [0.0, 30.0, 60.0, 1800.0, 1800.0]
        """
        if failures < self.errors:
            return timedelta()
        doublings = min(failures - self.errors, 30)
        return timedelta(seconds=min(self.longest_pause_s, self.pause_s * 2**doublings))


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a model that failed lately.

    Args:
        model: its provider and name.
        failures: errors in a row.
        open_until: until when it is left alone; None while it is closed.
        last_error: class name of the last error.
    """

    model: str
    failures: int
    open_until: datetime | None
    last_error: str

    def state(self, now: datetime) -> BreakerState:
        """Where it stands at a moment."""
        if self.open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.open_until else BreakerState.HALF_OPEN


class Breakers(Protocol):
    """Keeps the breakers of all models, for all workers. A model without one has not failed since it last answered."""

    async def find(self, model: str) -> Breaker | None:
        """The breaker of a model."""
        ...

    async def extend(self, model: str, open_until: datetime, until: datetime) -> bool:
        """Leave an open one open until another moment; False when it is not open until ``open_until`` any more."""
        ...

    async def fail(self, model: str, error: str, policy: BreakerPolicy, *, now: datetime) -> None:
        """Count an error of a closed one, which may open it; one that is open stays as it is."""
        ...

    async def fail_probe(
        self, model: str, error: str, lease: datetime, policy: BreakerPolicy, *, now: datetime
    ) -> None:
        """Count the error of the probe that holds this lease, and open again for longer."""
        ...

    async def close(self, model: str, lease: datetime | None = None) -> None:
        """Forget the errors of a closed one; with the lease of its probe, of an open one."""
        ...
