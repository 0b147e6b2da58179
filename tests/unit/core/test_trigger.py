"""core.trigger: nothing is due early, nothing is lost, whatever happens in whatever order."""

from __future__ import annotations

import doctest
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sleeptime.core import trigger
from sleeptime.core.policy import Policy
from sleeptime.core.trigger import MAX_DEBOUNCES, Rest, Trigger, Unslept, next_wake_up, wake_ups
from sleeptime.core.window import parse_window
from tests.support.triggers import may_sleep

START = datetime(2026, 3, 28, 20, tzinfo=UTC)
"""The night in which Paris changes its clock."""


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


DURATIONS = st.integers(0, 7_200).map(seconds)
POLICIES = st.builds(
    Policy,
    on_change=st.none() | DURATIONS,
    idle=st.none() | DURATIONS,
    every=st.none() | st.integers(1, 5),
    window=st.none()
    | st.sampled_from(["22:00-06:00", "02:15-02:45 Europe/Paris", "Sat 21:00-21:01", "Mon 00:00-24:00"]).map(
        parse_window
    ),
    cool_down=st.none() | DURATIONS,
)
MOMENTS = st.integers(0, 20_000).map(lambda after: START + seconds(after))
RESTS = st.builds(Rest, slept_at=st.none() | MOMENTS, until=st.none() | MOMENTS)
UNSLEPT = st.tuples(MOMENTS, MOMENTS, st.integers(0, 8), st.none() | MOMENTS).map(
    lambda drawn: Unslept(min(drawn[:2]), max(drawn[:2]), drawn[2], drawn[3])
)


def test_worked_numbers_hold() -> None:
    assert doctest.testmod(trigger).failed == 0


@settings(deadline=None)
@given(POLICIES, UNSLEPT, RESTS, MOMENTS, st.lists(st.floats(0, 1), max_size=8))
def test_a_trigger_is_due_at_the_first_moment_from_now_on_when_a_sleep_may_begin(
    policy: Policy, unslept: Unslept, rest: Rest, now: datetime, earlier: list[float]
) -> None:
    wake_up = next_wake_up(policy, unslept, rest, now)
    if wake_up is None:
        assert not any(may_sleep(policy, unslept, rest, now + timedelta(hours=hours)) for hours in range(24 * 15))
        return
    assert wake_up.at is not None
    assert wake_up.at >= now
    assert may_sleep(policy, unslept, rest, wake_up.at)
    just_before = wake_up.at - timedelta(microseconds=1)
    moments = (max(now, min(just_before, now + share * (wake_up.at - now))) for share in [*earlier, 1.0])
    assert wake_up.at == now or not any(may_sleep(policy, unslept, rest, moment) for moment in moments)


@settings(deadline=None)
@given(POLICIES, UNSLEPT, RESTS)
def test_a_trigger_is_lost_only_where_nothing_but_new_parts_calls(policy: Policy, unslept: Unslept, rest: Rest) -> None:
    is_timed = policy.on_change is not None or policy.idle is not None
    is_counted = policy.every is not None and unslept.new_parts >= policy.every
    is_window_alone = policy.window is not None and policy.every is None
    found = next_wake_up(policy, unslept, rest, unslept.last_change_at)
    assert (found is not None) is (is_timed or is_counted or is_window_alone)


@settings(deadline=None)
@given(POLICIES, UNSLEPT, RESTS, MOMENTS)
def test_every_trigger_that_is_set_is_listed_soonest_first(
    policy: Policy, unslept: Unslept, rest: Rest, now: datetime
) -> None:
    listed = wake_ups(policy, unslept, rest, now)
    asked = {Trigger.CHANGE: policy.on_change, Trigger.IDLE: policy.idle, Trigger.COUNT: policy.every}
    expected = {trigger for trigger, value in asked.items() if value is not None}
    if not expected and policy.window is not None:
        expected = {Trigger.WINDOW}
    assert {wake_up.trigger for wake_up in listed} == expected
    assert len(listed) == len(expected)
    times = [wake_up.at for wake_up in listed if wake_up.at is not None]
    assert times == sorted(times)
    assert (next_wake_up(policy, unslept, rest, now) in listed) is bool(times)


@settings(deadline=None)
@given(POLICIES, UNSLEPT, RESTS, MOMENTS)
def test_a_hold_is_named_exactly_when_it_delays(policy: Policy, unslept: Unslept, rest: Rest, now: datetime) -> None:
    always = None if policy.on_change or policy.idle or policy.every else parse_window("00:00-24:00")
    free = replace(policy, window=policy.window and always, cool_down=None)
    held = {wake_up.trigger: wake_up for wake_up in wake_ups(policy, unslept, rest, now)}
    for own in wake_ups(free, unslept, Rest(), now):
        assert (held[own.trigger].hold is None) is (held[own.trigger].at == own.at)


@settings(deadline=None)
@given(POLICIES, UNSLEPT, MOMENTS)
def test_quarantine_and_off_set_no_trigger(policy: Policy, unslept: Unslept, now: datetime) -> None:
    assert wake_ups(policy, unslept, Rest(is_quarantined=True), now) == ()
    assert wake_ups(replace(policy, is_on=False), unslept, Rest(), now) == ()


@dataclass
class Life:
    """A context, its changes, queries and sleeps, looked at by a worker now and then."""

    policy: Policy
    unslept: Unslept | None = None
    rest: Rest = field(default_factory=Rest)
    sleeps: list[tuple[datetime, Unslept, Rest]] = field(default_factory=list)
    last_query_at: datetime | None = None
    changes: int = 0

    def look(self, now: datetime) -> None:
        """Sleep when something is due; a sleep takes no time here."""
        wake_up = None if self.unslept is None else next_wake_up(self.policy, self.unslept, self.rest, now)
        if self.unslept is not None and wake_up is not None and wake_up.at == now:
            self.sleeps.append((now, self.unslept, self.rest))
            self.unslept, self.rest = None, Rest(slept_at=now)

    def change(self, now: datetime) -> None:
        self.changes += 1
        before = self.unslept or Unslept(now, now, 0, self.last_query_at)
        self.unslept = replace(before, last_change_at=now, new_parts=before.new_parts + 1)

    def ask(self, now: datetime) -> None:
        self.last_query_at = now
        if self.unslept is not None:
            self.unslept = replace(self.unslept, last_query_at=now)


EVENTS = st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(["change", "ask", "look"])), max_size=40)


@settings(deadline=None)
@given(POLICIES, EVENTS)
def test_a_life_of_changes_queries_and_sleeps_loses_no_change_and_begins_no_sleep_early(
    policy: Policy, events: list[tuple[int, str]]
) -> None:
    life, now = Life(policy), START
    for gap, event in events:
        now += seconds(gap)
        getattr(life, event)(now)
    while life.unslept is not None and (wake_up := next_wake_up(policy, life.unslept, life.rest, now)) is not None:
        assert wake_up.at is not None
        now = wake_up.at
        life.look(now)  # at the moment that was told, so it has to begin
        assert life.unslept is None
    assert all(may_sleep(policy, unslept, rest, began) for began, unslept, rest in life.sleeps)
    taken = sum(unslept.new_parts for _, unslept, _ in life.sleeps)
    left = 0 if life.unslept is None else life.unslept.new_parts
    assert taken + left == life.changes
    assert life.unslept is None or policy.every is None or left < policy.every


@settings(deadline=None)
@given(st.integers(1, 600), st.lists(st.integers(0, 60), min_size=1, max_size=60))
def test_a_context_that_changes_for_ever_is_slept_on_within_ten_debounces(debounce: int, gaps: list[int]) -> None:
    life, now = Life(Policy(on_change=seconds(debounce))), START
    for index in range(400):
        now += seconds(gaps[index % len(gaps)] % (debounce + 1))
        life.look(now)
        life.change(now)
        assert life.unslept is not None
        assert now - life.unslept.first_change_at <= (MAX_DEBOUNCES + 1) * seconds(debounce)
