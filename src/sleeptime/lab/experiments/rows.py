"""Rows: what an arm came to, one row per problem in the order of the study, so that arms can be paired.

An unscored reply is not right, and is counted apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import Record
from sleeptime.lab.statistics import Measured
from sleeptime.lab.statistics.estimate import Floats


def input_tokens(usage: Usage) -> int:
    """All input of a call, whatever a cache held of it."""
    return usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Records of an arm.

    Args:
        arm: whose.
        problems: ``n``, in the order of the study.
        records: ``n`` times ``arm.samples``.
    """

    arm: Arm
    problems: tuple[Problem, ...]
    records: tuple[tuple[Record, ...], ...]

    @property
    def contexts(self) -> tuple[str, ...]:
        """``(n,)`` context of each row."""
        return tuple(problem.context_id for problem in self.problems)

    @property
    def right(self) -> Floats:
        """``(n,)`` 1 where the first sample is right."""
        return self._first(lambda record: record.is_right)

    @property
    def output(self) -> Floats:
        """``(n,)`` output tokens of the first sample."""
        return self._first(lambda record: record.usage.output_tokens)

    @property
    def input(self) -> Floats:
        """``(n,)`` input tokens of the first sample, of all classes."""
        return self._first(lambda record: input_tokens(record.usage))

    @property
    def mean_output(self) -> Floats:
        """``(n,)`` output tokens of one sample, mean over the samples of the row."""
        return np.array([np.mean([sample.usage.output_tokens for sample in row]) for row in self.records])

    @property
    def unscored(self) -> int:
        """Replies without an answer that could be read, of all samples."""
        return sum(sample.verdict == "unscored" for row in self.records for sample in row)

    def measured(self, spent: Floats) -> Measured:
        """These rows with what each spent, for curves."""
        return Measured(self.arm.budget, self.contexts, self.right, spent)

    def _first(self, figure: Callable[[Record], float]) -> Floats:
        return np.array([figure(row[0]) for row in self.records], dtype=np.float64)


def rows_of(study: Study, arm: Arm) -> Rows:
    """The rows of an arm.

    Raises:
        InputError: the study has no problems, or records of this arm are missing; the message says how many.
    """
    if not study.problems:
        raise InputError("there are no problems to analyse; run the experiment on a dataset of at least one")
    answers, samples = study.book.answers, range(arm.samples)
    missing = sum(any((arm.key, problem.id, sample) not in answers for sample in samples) for problem in study.problems)
    if missing:
        each = f"all of their {arm.samples} answers" if arm.samples > 1 else "an answer"
        raise InputError(
            f"the arm {arm.key!r} lacks {each} to {missing} of {len(study.problems)} problems; `sleeptime lab "
            "run` plays them"
        )
    records = tuple(tuple(answers[arm.key, p.id, sample] for sample in samples) for p in study.problems)
    return Rows(arm, study.problems, records)


def where(rows: Rows, keep: Sequence[bool]) -> Rows:
    """Some of the rows.

    Args:
        rows: ``n``.
        keep: ``n``, true for those to keep.
    """
    kept = [(p, r) for p, r, is_kept in zip(rows.problems, rows.records, keep, strict=True) if is_kept]
    return Rows(rows.arm, tuple(p for p, _ in kept), tuple(r for _, r in kept))
