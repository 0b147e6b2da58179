"""Plays: every sample of every arm on every problem, each once."""

from __future__ import annotations

from sleeptime.lab.arm import Arm
from sleeptime.lab.plays import plays
from sleeptime.lab.problem import Problem
from sleeptime.sleep.settings import SleepSettings

PROBLEMS = [Problem(f"p{number}", "c", "q", "1", "worlds:x", "c") for number in range(2)]


def test_every_sample_of_every_arm_on_every_problem_once() -> None:
    wanted = plays(PROBLEMS, [Arm("v0"), Arm("v4", samples=3)])
    assert len({play.id for play in wanted}) == len({play.key for play in wanted}) == len(wanted) == 2 + 6
    assert [play.id for play in wanted[:2]] == ["v0 / p0 / 0", "v0 / p1 / 0"]


def test_an_arm_that_two_experiments_need_is_played_with_the_most_samples_of_both() -> None:
    for arms in ([Arm(samples=2), Arm(samples=5)], [Arm(samples=5), Arm(samples=2)]):
        assert [play.sample for play in plays(PROBLEMS[:1], arms)] == [0, 1, 2, 3, 4]


def test_arms_that_differ_only_in_how_many_draft_at_once_are_one() -> None:
    arms = [Arm("v0", SleepSettings(concurrency=4)), Arm("v0", SleepSettings(concurrency=9))]
    assert len(plays(PROBLEMS[:1], arms)) == 1


def test_nothing_to_play_without_problems_or_arms() -> None:
    assert plays([], [Arm()]) == plays(PROBLEMS, []) == []
