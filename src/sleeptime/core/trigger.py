"""Trigger: what calls for a sleep in the background, and when it is due. Pure: knows neither a clock nor a database.

What is due follows from values that are kept, and from nothing else: the policy, the changes that no sleep has taken up
yet, the last query, and the rest that the last sleep earned. So it can be worked out again at any moment, after a crash
as well, and gives the same.

A sleep is called for by changes: a context that stands as it was slept on is not slept on again. A query only puts the
trigger ``idle`` off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sleeptime.core.policy import Policy

MAX_DEBOUNCES: Final = 10
"""A context that changes for ever is slept on after this many times ``on_change``, counted from its first change."""

WINDOW_DEBOUNCE: Final = timedelta(seconds=30)
"""``on_change`` of a window that is the only trigger."""


class Trigger(StrEnum):
    """What called for a sleep."""

    CHANGE = "change"
    """It changed, and then not for a while (`Policy.on_change`)."""
    IDLE = "idle"
    """It changed, and then neither changed nor was asked about for a while (`Policy.idle`)."""
    COUNT = "count"
    """It got enough new parts (`Policy.every`)."""
    WINDOW = "window"
    """It changed, and the window is open (`Policy.window`, where it is the only trigger)."""
    HAND = "hand"
    """A user: always now, whatever the policy says."""


class Hold(StrEnum):
    """What keeps a trigger waiting after its own time has come."""

    COOL_DOWN = "cool-down"
    BACK_OFF = "back-off"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Unslept:
    """What no sleep has taken up yet.

    Args:
        first_change_at: when the first of the changes came.
        last_change_at: when the last one came.
        new_parts: parts that the last sleep had not read.
        last_query_at: when the last query was asked, before or after the changes.
    """

    first_change_at: datetime
    last_change_at: datetime
    new_parts: int = 0
    last_query_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """How long a context rests from sleeping.

    Args:
        slept_at: when its last sleep ended; the cool-down counts from here.
        until: end of the back-off after sleeps that failed, found nothing new or reached a cap.
        is_quarantined: whether it is left alone until a user releases it.
    """

    slept_at: datetime | None = None
    until: datetime | None = None
    is_quarantined: bool = False


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A trigger that is set.

    Args:
        trigger: which one.
        at: when it is due, now or later; ``None`` while nothing but more new parts can make it so.
        hold: what it waits for after its own time has come; ``None`` when it waits for nothing else.
    """

    trigger: Trigger
    at: datetime | None
    hold: Hold | None = None


def next_wake_up(policy: Policy, unslept: Unslept, rest: Rest, now: datetime) -> WakeUp | None:
    """The trigger that is due first; ``None`` when none waits for a moment.

    A moment that has passed is now, if a sleep may begin now: a window that opened and closed while nobody looked is
    waited for again.

    Changes at 12:00:00, 12:00:20 and 12:00:40 with ``on_change`` 30s: each change starts the 30 seconds again.

    >>> from datetime import UTC, datetime
    >>> def at(time: str) -> datetime:
    ...     return datetime.fromisoformat(f"2026-03-02T{time}+00:00")
    >>> def due(unslept: Unslept, rest: Rest = Rest(), now: str = "12:00:40", **given: object) -> str:
    ...     wake_up = next_wake_up(Policy().changed(given), unslept, rest, at(now))
    ...     if wake_up is None:
    ...         return "nothing"
    ...     return f"{wake_up.trigger} {wake_up.at:%d %H:%M:%S}" + (f" ({wake_up.hold})" if wake_up.hold else "")
    >>> three = Unslept(at("12:00:00"), at("12:00:40"), new_parts=3)
    >>> due(three, on_change="30s")
    'change 02 12:01:10'

    Changes that never stop are slept on 10 times the 30 seconds after the first of them, not later.

    >>> due(Unslept(at("12:00:00"), at("12:04:55")), now="12:04:55", on_change="30s")
    'change 02 12:05:00'

    Idle for 10 minutes: counted from the last query, when that came after the last change.

    >>> due(three, idle="10m")
    'idle 02 12:10:40'
    >>> due(Unslept(at("12:00:00"), at("12:00:40"), last_query_at=at("12:07:00")), idle="10m")
    'idle 02 12:17:00'

    A number of new parts: at once when there are as many, and never before.

    >>> due(three, every=3), due(three, every=4)
    ('count 02 12:00:40', 'nothing')

    A cool-down, a back-off and a window let a trigger wait; what comes last counts.

    >>> due(three, Rest(slept_at=at("11:58:00")), on_change="30s", cool_down="10m")
    'change 02 12:08:00 (cool-down)'
    >>> due(three, Rest(until=at("12:30:00")), on_change="30s", cool_down="10m")
    'change 02 12:30:00 (back-off)'
    >>> due(three, on_change="30s", window="22:00-06:00")
    'change 02 22:00:00 (window)'
    >>> due(three, now="23:10:00", on_change="30s", window="22:00-06:00")
    'change 02 23:10:00'

    A window alone is a trigger too; and a policy that is off, or a context in quarantine, has none.

    >>> due(three, window="22:00-06:00")
    'window 02 22:00:00 (window)'
    >>> due(three, on_change="30s", is_on=False), due(three, Rest(is_quarantined=True), on_change="30s")
    ('nothing', 'nothing')
    """
    return next((wake_up for wake_up in wake_ups(policy, unslept, rest, now) if wake_up.at is not None), None)


def wake_ups(policy: Policy, unslept: Unslept, rest: Rest, now: datetime) -> tuple[WakeUp, ...]:
    """Every trigger that is set, the one that is due first before the others."""
    if not policy.is_on or rest.is_quarantined:
        return ()
    own_times = _own_times(policy, unslept)
    timed = sorted((at, trigger) for trigger, at in own_times.items() if at is not None)
    counting = [WakeUp(trigger, None) for trigger, at in own_times.items() if at is None]
    # Waiting keeps the order: what is due first by itself is due first, or together with others, after it.
    return (*(_held(trigger, max(at, now), policy, rest) for at, trigger in timed), *counting)


def _own_times(policy: Policy, unslept: Unslept) -> dict[Trigger, datetime | None]:
    """When each trigger that is set would be due if nothing let it wait."""
    first, last = unslept.first_change_at, unslept.last_change_at
    times: dict[Trigger, datetime | None] = {}
    if policy.on_change is not None:
        times[Trigger.CHANGE] = min(last + policy.on_change, first + MAX_DEBOUNCES * policy.on_change)
    if policy.idle is not None:
        times[Trigger.IDLE] = max(last, unslept.last_query_at or last) + policy.idle
    if policy.every is not None:
        times[Trigger.COUNT] = last if unslept.new_parts >= policy.every else None
    if policy.window is not None and not times:
        times[Trigger.WINDOW] = min(last + WINDOW_DEBOUNCE, first + MAX_DEBOUNCES * WINDOW_DEBOUNCE)
    return times


def _held(trigger: Trigger, at: datetime, policy: Policy, rest: Rest) -> WakeUp:
    hold = None
    if policy.cool_down is not None and rest.slept_at is not None and at < rest.slept_at + policy.cool_down:
        at, hold = rest.slept_at + policy.cool_down, Hold.COOL_DOWN
    if rest.until is not None and at < rest.until:
        at, hold = rest.until, Hold.BACK_OFF
    if policy.window is not None and at < (opening := policy.window.next_opening(at)):
        at, hold = opening, Hold.WINDOW
    return WakeUp(trigger, at, hold)
