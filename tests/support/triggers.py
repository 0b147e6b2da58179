"""What the rules of triggers say of a single moment, one by one: a reference to hold the arithmetic against."""

from __future__ import annotations

from datetime import datetime, timedelta

from sleeptime.core.policy import Policy
from sleeptime.core.trigger import MAX_DEBOUNCES, Rest, Unslept


def may_sleep(policy: Policy, unslept: Unslept, rest: Rest, at: datetime) -> bool:
    """Whether a trigger may let a sleep begin at this moment."""
    first, last = unslept.first_change_at, unslept.last_change_at
    calls = False
    if policy.on_change is not None:
        calls |= at - last >= policy.on_change or at - first >= MAX_DEBOUNCES * policy.on_change
    if policy.idle is not None:
        calls |= at - last >= policy.idle and (
            unslept.last_query_at is None or at - unslept.last_query_at >= policy.idle
        )
    if policy.every is not None:
        calls |= unslept.new_parts >= policy.every and at >= last
    if policy.window is not None and policy.on_change is None and policy.idle is None and policy.every is None:
        calls |= at - last >= timedelta(seconds=30) or at - first >= timedelta(seconds=300)
    cooled = policy.cool_down is None or rest.slept_at is None or at - rest.slept_at >= policy.cool_down
    rested = rest.until is None or at >= rest.until
    return calls and cooled and rested and (policy.window is None or policy.window.next_opening(at) == at)
