"""Repeated: arms that differ in a seed alone, taken together: each query counts once, with its mean over the seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.statistics import Bootstrap, Estimate
from sleeptime.lab.statistics.estimate import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Rows of one or more arms on the same ``n`` problems.

    Args:
        rows: per arm.
    """

    rows: tuple[Rows, ...]

    @property
    def contexts(self) -> tuple[str, ...]:
        """``(n,)`` context of each row."""
        return self.rows[0].contexts

    @property
    def right(self) -> Floats:
        """``(n,)`` share of the seeds whose answer is right."""
        return self._mean(lambda rows: rows.right)

    @property
    def input(self) -> Floats:
        """``(n,)`` input tokens of all classes."""
        return self._mean(lambda rows: rows.input)

    @property
    def output(self) -> Floats:
        """``(n,)`` output tokens."""
        return self._mean(lambda rows: rows.output)

    @property
    def notes(self) -> float:
        """Mean notes in a prompt."""
        return float(np.mean([record.notes for rows in self.rows for row in rows.records for record in row]))

    @property
    def unscored(self) -> int:
        """Replies without an answer that could be read, of all seeds."""
        return sum(rows.unscored for rows in self.rows)

    @property
    def answers(self) -> int:
        """Answers of all seeds."""
        return sum(len(row) for rows in self.rows for row in rows.records)

    @property
    def routes(self) -> dict[str, float]:
        """Share of the answers served by each route."""
        counts = Counter(record.route for rows in self.rows for row in rows.records for record in row)
        return {route: count / self.answers for route, count in sorted(counts.items())}

    def accuracy(self, bootstrap: Bootstrap) -> Estimate:
        """Share of right answers."""
        if len(self.rows) == 1:
            return bootstrap.share(self.right, self.contexts)
        return bootstrap.mean(self.right, self.contexts)

    def minus(self, other: Repeated, bootstrap: Bootstrap) -> Estimate:
        """Accuracy less that of others, paired on the same queries."""
        return bootstrap.paired_difference(self.right, other.right, self.contexts)

    def _mean(self, figure: Callable[[Rows], Floats]) -> Floats:
        return np.asarray(np.mean([figure(rows) for rows in self.rows], axis=0), dtype=np.float64)


def repeated(study: Study, arms: Sequence[Arm]) -> Repeated:
    """The rows of arms that differ in a seed alone.

    Raises:
        InputError: records are missing; the message names the arm.
    """
    return Repeated(tuple(rows_of(study, arm) for arm in arms))


def single(study: Study, arm: Arm) -> Repeated:
    """The rows of one arm.

    Raises:
        InputError: as `repeated`.
    """
    return repeated(study, [arm])
