"""Ways to spend tokens at test time alone, out of all that was measured, and the best of them for so many tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.attempts import attempts_of, lowest_sampled, sampled
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.experiments.methods import WITHOUT
from sleeptime.lab.experiments.rows import rows_of
from sleeptime.lab.experiments.wording import NONE
from sleeptime.lab.statistics.estimate import Floats
from sleeptime.lab.statistics.frontier import Frontier, frontier

VOTED: Final = ("v1", "v2", "v3")
"""Budgets that are sampled for votes, beside the lowest."""
VOTES: Final = 5
QUICK_VOTES: Final = 3
LINE_POINTS: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """Ways to spend tokens.

    Args:
        labels: ``W``, such as ``"v3"``, ``"v1, majority of 3"`` and ``"v0, oracle of 8"``.
        spent: ``(n, W)`` output tokens per query.
        right: ``(n, W)`` right, or the chance of it.
        is_oracle: ``W``, true for what only an oracle could do.
        unscored: replies that could not be read, of all arms.
    """

    labels: tuple[str, ...]
    spent: Floats
    right: Floats
    is_oracle: tuple[bool, ...]
    unscored: int

    @property
    def possible(self) -> list[int]:
        """Those that a user has, without an oracle."""
        return [i for i, is_oracle in enumerate(self.is_oracle) if not is_oracle]

    @property
    def dearest(self) -> tuple[str, float]:
        """The possible one that takes most tokens, as the data are, and how many."""
        spent = {self.labels[i]: float(self.spent[:, i].mean()) for i in self.possible}
        return max(spent.items(), key=lambda way: way[1])

    def best(self, limit: float) -> str:
        """How the best accuracy within a limit is reached, as the data are; with its tokens where it leaves some."""
        corners = self._frontier()
        spent, labels = corners.spent[0], [self.labels[self.possible[int(way)]] for way in corners.ways[0]]
        if limit < spent[0]:
            return NONE
        if limit > spent[-1]:
            return f"{labels[-1]} ({spent[-1]:.1f} tokens)"
        left, right, part = (float(value[0, 0]) for value in corners.between(np.array([[limit]])))
        cheap, dear = labels[int(left)], labels[int(right)]
        return cheap if part == 0 else f"{1 - part:.0%} {cheap} + {part:.0%} {dear}"

    def line(self) -> tuple[list[float], list[float]]:
        """Tokens and best accuracy, from the cheapest way to the dearest, for drawing."""
        corners = self._frontier()
        limits = np.geomspace(corners.spent[0, 0], self.dearest[1], LINE_POINTS)[:-1]
        limits = np.unique([*corners.spent[0], *limits, self.dearest[1]])
        return limits.tolist(), corners.best(limits[None])[0].tolist()

    def _frontier(self) -> Frontier:
        spent, right = (values[:, self.possible].mean(axis=0)[None] for values in (self.spent, self.right))
        return frontier(spent, right)


def sampled_arms(*, is_quick: bool) -> tuple[Arm, ...]:
    """Arms without sleep that are asked several times."""
    votes = QUICK_VOTES if is_quick else VOTES
    return lowest_sampled(is_quick=is_quick), *(sampled(budget, votes) for budget in VOTED)


def ways_of(study: Study) -> Ways:
    """Everything that was measured without sleep.

    Raises:
        InputError: records are missing.
    """
    greedy = [rows_of(study, arm) for arm in WITHOUT.arms]
    asked = [rows_of(study, arm) for arm in sampled_arms(is_quick=study.is_quick)]
    found: list[tuple[str, Floats, Floats, bool]] = [(rows.budget, rows.output, rows.right, False) for rows in greedy]
    for rows in asked:
        attempts = attempts_of(rows)
        for i, k in enumerate(attempts.ks):
            name = f"{rows.budget}, {f'majority of {k}' if k > 1 else 'sampled'}"
            found.append((name, k * attempts.output, attempts.majority[:, i], False))
        for i, k in enumerate(attempts.ks):
            if k > 1:  # one attempt leaves nothing to choose
                found.append((f"{rows.budget}, oracle of {k}", k * attempts.output, attempts.oracle[:, i], True))
    labels, spent, right, is_oracle = zip(*found, strict=True)
    unscored = sum(rows.unscored for rows in (*greedy, *asked))
    return Ways(labels, np.stack(spent, axis=1), np.stack(right, axis=1), is_oracle, unscored)
