"""Rows: what was answered at a budget, one row per problem in the order of the study, so that arms can be paired.

Arms that differ in a seed alone, and the samples of an arm, are taken together: a query counts once, with its mean over
them. An unscored reply is not right, and is counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.experiments.wording import figures
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import Record
from sleeptime.lab.statistics import Bootstrap, Estimate, Measured
from sleeptime.lab.statistics.estimate import Floats


def input_tokens(usage: Usage) -> int:
    """All input of a call, whatever a cache held of it."""
    return usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Answers to the same ``n`` problems.

    Args:
        budget: of the answers.
        problems: ``n``, in the order of the study.
        records: ``n`` times the answers to a problem, one per seed or sample, in the same order in every row.
    """

    budget: str
    problems: tuple[Problem, ...]
    records: tuple[tuple[Record, ...], ...]

    @property
    def contexts(self) -> tuple[str, ...]:
        """``(n,)`` context of each row."""
        return tuple(problem.context_id for problem in self.problems)

    @property
    def right(self) -> Floats:
        """``(n,)`` share of the answers that are right."""
        return self._mean(lambda record: record.is_right)

    @property
    def output(self) -> Floats:
        """``(n,)`` output tokens of an answer."""
        return self._mean(lambda record: record.usage.output_tokens)

    @property
    def input(self) -> Floats:
        """``(n,)`` input tokens of an answer, of all classes."""
        return self._mean(lambda record: input_tokens(record.usage))

    @property
    def notes(self) -> float:
        """Mean notes in a prompt."""
        return float(self._mean(lambda record: record.notes).mean())

    @property
    def unscored(self) -> int:
        """Replies without an answer that could be read."""
        return sum(record.verdict == "unscored" for record in chain(*self.records))

    @property
    def answers(self) -> int:
        """How many there are, of all seeds and samples."""
        return sum(map(len, self.records))

    @property
    def routes(self) -> dict[str, float]:
        """Share of the answers served by each route."""
        counts = Counter(record.route for record in chain(*self.records))
        return {route: count / self.answers for route, count in sorted(counts.items())}

    @property
    def by_seed(self) -> tuple[Rows, ...]:
        """The answers of each seed by themselves."""
        return tuple(
            replace(self, records=tuple((record,) for record in column)) for column in zip(*self.records, strict=True)
        )

    def accuracy(self, bootstrap: Bootstrap) -> Estimate:
        """Share of right answers."""
        return bootstrap.share(self.right, self.contexts)

    def minus(self, other: Rows, bootstrap: Bootstrap) -> Estimate:
        """Accuracy less that of others, paired on the same queries."""
        return bootstrap.paired_difference(self.right, other.right, self.contexts)

    def measured(self, spent: Floats) -> Measured:
        """These rows with what each spent, for curves."""
        return Measured(self.budget, self.contexts, self.right, spent)

    def data(self, bootstrap: Bootstrap) -> dict[str, Any]:
        """All of this as JSON."""
        return {
            "accuracy": figures(self.accuracy(bootstrap)),
            "output_tokens": float(self.output.mean()),
            "notes_served": self.notes,
            "routes": self.routes,
            "unscored": self.unscored,
            "answers": self.answers,
        }

    def _mean(self, figure: Callable[[Record], float]) -> Floats:
        found = np.array([[figure(record) for record in row] for row in self.records], dtype=np.float64)
        return np.asarray(found.mean(axis=1))


def rows_of(study: Study, *arms: Arm) -> Rows:
    """The rows of an arm, or of arms that differ in a seed alone.

    Raises:
        InputError: the study has no problems, or records are missing; the message says of which arm, and how many.
    """
    if not study.problems:
        raise InputError("there are no problems to analyse; run the experiment on a dataset of at least one")
    for arm in arms:
        _check(study, arm)
    asked = [(arm.key, sample) for arm in arms for sample in range(arm.samples)]
    records = tuple(tuple(study.book.answers[key, p.id, sample] for key, sample in asked) for p in study.problems)
    return Rows(arms[0].budget, study.problems, records)


def _check(study: Study, arm: Arm) -> None:
    answers, samples = study.book.answers, range(arm.samples)
    missing = sum(any((arm.key, problem.id, sample) not in answers for sample in samples) for problem in study.problems)
    if missing:
        each = f"all of their {arm.samples} answers" if arm.samples > 1 else "an answer"
        raise InputError(
            f"the arm {arm.key!r} lacks {each} to {missing} of {len(study.problems)} problems; `sleeptime lab "
            "run` plays them"
        )


def where(rows: Rows, keep: Sequence[bool]) -> Rows:
    """Some of the rows.

    Args:
        rows: ``n``.
        keep: ``n``, true for those to keep.
    """
    kept = [(p, r) for p, r, is_kept in zip(rows.problems, rows.records, keep, strict=True) if is_kept]
    return Rows(rows.budget, tuple(p for p, _ in kept), tuple(r for _, r in kept))
