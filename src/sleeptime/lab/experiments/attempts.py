"""Attempts: what several samples of one arm are worth, per problem: the oracle's choice and the majority's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sleeptime.lab.answers import Value, read_answer, true_value
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.recipes import BUDGETS
from sleeptime.lab.experiments.rows import Rows
from sleeptime.lab.statistics import majority_at_k, pass_at_k
from sleeptime.lab.statistics.estimate import Floats

TEMPERATURE: Final = 0.7
LOWEST: Final = BUDGETS[0]
SAMPLES: Final = 32
"""Of the lowest budget."""
QUICK_SAMPLES: Final = 8
KS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 32)
"""How many attempts are looked at; between them accuracies are read off straight lines."""


def sampled(budget: str, samples: int) -> Arm:
    """An arm without sleep that is asked several times."""
    return Arm(budget, temperature=TEMPERATURE, samples=samples)


def lowest_sampled(*, is_quick: bool) -> Arm:
    """The lowest budget, asked as often as any experiment wants."""
    return sampled(LOWEST, QUICK_SAMPLES if is_quick else SAMPLES)


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """k attempts at each problem.

    Args:
        samples: of each problem.
        ks: ``K`` numbers of attempts, rising from 1.
        oracle: ``(n, K)`` chance that one of k is right.
        majority: ``(n, K)`` chance that the most frequent answer of k is right.
        output: ``(n,)`` output tokens of one attempt.
    """

    samples: int
    ks: tuple[int, ...]
    oracle: Floats
    majority: Floats
    output: Floats


def attempts_of(rows: Rows) -> Attempts:
    """What k of the samples of an arm are worth, for k up to all of them."""
    samples = len(rows.records[0])
    ks = tuple(k for k in KS if k <= samples)
    oracle, majority = [], []
    for problem, records in zip(rows.problems, rows.records, strict=True):
        truth = true_value(problem.source, problem.answer)
        right = sum(record.is_right for record in records)
        answers: Sequence[Value | None] = [
            None if record.verdict == "unscored" else read_answer(problem.source, record.reply) for record in records
        ]
        oracle.append([pass_at_k(samples, right, k) for k in ks])
        majority.append([majority_at_k(answers, truth, k) for k in ks])
    return Attempts(samples, ks, np.array(oracle), np.array(majority), rows.output)
