"""Back-off: how long a context is left alone after a sleep that gave nothing, and when for good.

Pure: knows neither a clock nor a database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sleeptime.core.outcome import Outcome


@dataclass(frozen=True, slots=True)
class SleepState:
    """What became of a context's sleeps so far.

    Args:
        slept_version: the version that the last sleep had read which wrote or found nothing new: the cursor.
        slept_at: when the last sleep ended, whatever came of it.
        nothing_new: sleeps in a row that found nothing new.
        failures: sleeps in a row that failed.
        rests_until: no trigger calls for a sleep before this.
        quarantined_at: since when no trigger calls for a sleep at all; None when it is not in quarantine.
        last_error: why the last sleep failed; "" when it did not.
    """

    slept_version: str | None = None
    slept_at: datetime | None = None
    nothing_new: int = 0
    failures: int = 0
    rests_until: datetime | None = None
    quarantined_at: datetime | None = None
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A context that no trigger calls to sleep until it is released.

    Args:
        context: its name.
        since: when its last failure put it there.
        failures: sleeps in a row that failed.
        last_error: why the last one did.
    """

    context: str
    since: datetime
    failures: int
    last_error: str


@dataclass(frozen=True, slots=True)
class BackOff:
    """What follows from how a sleep ended. A sleep by hand begins in spite of rest and quarantine: one that wrote and
    left nothing lifts both, and any other changes neither, for its model and its caps may not be those of triggers.

    ============== ============ =====================================================
    it ended       in a row     with the defaults, triggers
    ============== ============ =====================================================
    wrote          any          are heard at once
    wrote, rest    any          rest until the next UTC day, then call for what is left
    capped
    wrote, rest    1, 2, 3, 4   rest 1, 2, 4, 8 minutes, then call for what is left
    failed         5            are heard at once; what is left waits for a change
    nothing new    1, 2, 3, ... rest 10, 20, 40, ... minutes, at most a day
    failed         1, 2, 3, 4   rest 1, 2, 4, 8 minutes
    failed         5            are not heard any more until the context is released
    capped         any          rest until the next UTC day, when caps per day begin anew
    skipped        any          go on as before: nothing was tried, or what was written came too late
    ============== ============ =====================================================

    >>> from datetime import UTC, datetime
    >>> now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    >>> def rests(state: SleepState) -> str:
    ...     if state.quarantined_at is not None:
    ...         return "quarantine"
    ...     return "-" if state.rests_until is None else f"{state.rests_until:%d %H:%M}"
    >>> def row(outcome: Outcome, times: int) -> list[str]:
    ...     states = [SleepState()]
    ...     for _ in range(times):
    ...         states.append(BackOff().after(states[-1], outcome, "v", "why", now))
    ...     return [rests(state) for state in states[1:]]
    >>> row(Outcome.NOTHING_NEW, 3)
    ['02 12:10', '02 12:20', '02 12:40']
    >>> row(Outcome.FAILED, 5)
    ['02 12:01', '02 12:02', '02 12:04', '02 12:08', 'quarantine']
    >>> row(Outcome.CAPPED, 1), row(Outcome.WROTE, 1), row(Outcome.SKIPPED, 1)
    (['03 00:00'], ['-'], ['-'])

    Args:
        nothing_new: first rest after a sleep that found nothing new; it doubles.
        nothing_new_limit: longest such rest.
        failed: first rest after a sleep that failed; it doubles.
        max_failures: failures in a row that put the context into quarantine.
    """

    nothing_new: timedelta = timedelta(minutes=10)
    nothing_new_limit: timedelta = timedelta(days=1)
    failed: timedelta = timedelta(minutes=1)
    max_failures: int = 5

    def after(
        self,
        state: SleepState,
        outcome: Outcome,
        version: str,
        reason: str,
        now: datetime,
        *,
        left: Outcome | None = None,
        is_by_hand: bool = False,
    ) -> SleepState:
        """The state after one more sleep.

        Args:
            state: before it.
            outcome: how it ended.
            version: of the context that it read.
            reason: why it ended so.
            now: when it ended.
            left: why it wrote and left parts unread all the same, ``failed`` or ``capped``; None when it left none.
            is_by_hand: whether a user asked for it.
        """
        if is_by_hand and outcome is not Outcome.SKIPPED and (left is not None or outcome is not Outcome.WROTE):
            read = version if outcome is Outcome.NOTHING_NEW else state.slept_version
            return replace(state, slept_version=read, slept_at=now)
        if left is Outcome.CAPPED or (left is Outcome.FAILED and state.failures + 1 < self.max_failures):
            return self.after(state, left, version, reason, now)
        match outcome:
            case Outcome.SKIPPED:
                return state
            case Outcome.WROTE:
                return SleepState(slept_version=version, slept_at=now)
            case Outcome.NOTHING_NEW:
                count = state.nothing_new + 1
                rest = _doubled(self.nothing_new, count, self.nothing_new_limit)
                return SleepState(slept_version=version, slept_at=now, nothing_new=count, rests_until=now + rest)
            case Outcome.CAPPED:
                midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
                return replace(state, slept_at=now, rests_until=midnight)
            case Outcome.FAILED:
                count = state.failures + 1
                rest = _doubled(self.failed, count, self.nothing_new_limit)
                return replace(
                    state,
                    slept_at=now,
                    failures=count,
                    rests_until=now + rest,
                    quarantined_at=state.quarantined_at or (now if count >= self.max_failures else None),
                    last_error=reason,
                )

    def released(self, state: SleepState) -> SleepState:
        """The state of a context that a user let out of rest and quarantine; what it had read stays."""
        return SleepState(slept_version=state.slept_version, slept_at=state.slept_at)


def _doubled(first: timedelta, count: int, limit: timedelta) -> timedelta:
    return limit if count > 30 else min(limit, first * 2 ** (count - 1))
