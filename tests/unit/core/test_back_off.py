"""BackOff: the worked numbers hold, and only success or a user ends a run of failures."""

from __future__ import annotations

import doctest
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sleeptime.core import back_off
from sleeptime.core.back_off import BackOff, SleepState
from sleeptime.core.outcome import Outcome

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_the_worked_numbers_hold() -> None:
    assert doctest.testmod(back_off).failed == 0


def test_no_rest_is_longer_than_its_limit() -> None:
    state = SleepState()
    for _ in range(100):
        state = BackOff().after(state, Outcome.NOTHING_NEW, "v1", "nothing", NOW)
    assert state.rests_until == NOW + timedelta(days=1)


def test_a_sleep_that_wrote_ends_rest_failures_and_quarantine() -> None:
    state = SleepState()
    for _ in range(5):
        state = BackOff().after(state, Outcome.FAILED, "v1", "the provider is down", NOW)
    assert state.quarantined_at == NOW
    assert state.last_error == "the provider is down"
    assert BackOff().after(state, Outcome.WROTE, "v2", "", NOW) == SleepState(slept_version="v2", slept_at=NOW)


def test_one_more_failure_leaves_a_quarantine_as_old_as_it_is() -> None:
    state = SleepState(failures=5, quarantined_at=NOW, last_error="first")
    later = BackOff().after(state, Outcome.FAILED, "v1", "second", NOW + timedelta(hours=1))
    assert later.quarantined_at == NOW
    assert later.last_error == "second"


@pytest.mark.parametrize(
    ("outcome", "left", "read"),
    [
        (Outcome.FAILED, None, "v1"),
        (Outcome.CAPPED, None, "v1"),
        (Outcome.NOTHING_NEW, None, "v2"),
        (Outcome.WROTE, Outcome.CAPPED, "v1"),
        (Outcome.WROTE, Outcome.FAILED, "v1"),
    ],
)
@pytest.mark.parametrize(
    "before",
    [
        SleepState(slept_version="v1", slept_at=NOW),
        SleepState("v1", NOW, failures=4, rests_until=NOW + timedelta(minutes=8), last_error="down"),
        SleepState("v1", NOW, failures=5, quarantined_at=NOW, last_error="down"),
    ],
    ids=["heard", "at rest", "in quarantine"],
)
def test_a_sleep_by_hand_that_did_not_write_all_changes_neither_rest_nor_quarantine(
    before: SleepState, outcome: Outcome, left: Outcome | None, read: str
) -> None:
    later = NOW + timedelta(hours=1)
    after = BackOff().after(before, outcome, "v2", "another model", later, left=left, is_by_hand=True)
    assert after == replace(before, slept_version=read, slept_at=later)


def test_a_sleep_by_hand_that_wrote_ends_rest_and_quarantine_and_one_that_was_skipped_does_nothing() -> None:
    state = SleepState("v1", NOW, failures=5, quarantined_at=NOW, rests_until=NOW, last_error="down")
    assert BackOff().after(state, Outcome.WROTE, "v2", "", NOW, is_by_hand=True) == SleepState("v2", NOW)
    assert BackOff().after(state, Outcome.SKIPPED, "v2", "cancelled", NOW, is_by_hand=True) == state


def test_only_a_sleep_that_finished_its_work_moves_the_cursor() -> None:
    read = SleepState(slept_version="v1", slept_at=NOW)
    for outcome in (Outcome.FAILED, Outcome.CAPPED, Outcome.SKIPPED):
        assert BackOff().after(read, outcome, "v2", "why", NOW).slept_version == "v1"
    for outcome in (Outcome.WROTE, Outcome.NOTHING_NEW):
        assert BackOff().after(read, outcome, "v2", "why", NOW).slept_version == "v2"


def test_a_sleep_that_wrote_and_left_parts_is_called_again_but_not_for_ever() -> None:
    read = SleepState(slept_version="v1", slept_at=NOW)
    capped = BackOff().after(read, Outcome.WROTE, "v2", "capped", NOW, left=Outcome.CAPPED)
    assert (capped.slept_version, capped.rests_until) == ("v1", datetime(2026, 3, 3, tzinfo=UTC))
    state, rests = read, []
    for _ in range(4):
        state = BackOff().after(state, Outcome.WROTE, "v2", "one part was refused", NOW, left=Outcome.FAILED)
        assert (state.slept_version, state.quarantined_at) == ("v1", None)
        rests.append((state.rests_until or NOW) - NOW)
    assert rests == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    state = BackOff().after(state, Outcome.WROTE, "v2", "one part was refused", NOW, left=Outcome.FAILED)
    assert state == SleepState(slept_version="v2", slept_at=NOW), "changes are heard at once; that part waits for one"


def test_a_released_context_keeps_its_cursor_and_nothing_else() -> None:
    state = SleepState("v1", NOW, failures=5, quarantined_at=NOW, last_error="why")
    assert BackOff().released(state) == SleepState("v1", NOW)
