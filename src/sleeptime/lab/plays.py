"""Plays: which answers an experiment needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sleeptime.lab.arm import Arm
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import AnswerKey


@dataclass(frozen=True, slots=True)
class Play:
    """One answer to be made: sample number `sample` of an arm on a problem."""

    problem: Problem
    arm: Arm
    sample: int

    @property
    def key(self) -> AnswerKey:
        """Of the record that it leads to."""
        return self.arm.key, self.problem.id, self.sample

    @property
    def id(self) -> str:
        """Unique within a task."""
        return f"{self.arm.key} / {self.problem.id} / {self.sample}"


def plays(problems: Sequence[Problem], arms: Sequence[Arm]) -> list[Play]:
    """Every sample of every arm on every problem; an arm that stands twice is played once, with its most samples."""
    largest = {arm.key: arm for arm in sorted(arms, key=lambda arm: arm.samples)}
    return [
        Play(problem, arm, sample) for arm in largest.values() for problem in problems for sample in range(arm.samples)
    ]
