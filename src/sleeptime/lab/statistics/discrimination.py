"""How well a score tells two kinds of queries apart: the area under the ROC curve, also within strata."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sleeptime.lab.statistics.bootstrap import Bootstrap, divide
from sleeptime.lab.statistics.estimate import Estimate, Floats, Indices, Labels, codes, finite, same_length, zero_or_one


def auc(
    scores: ArrayLike,
    outcomes: ArrayLike,
    contexts: Sequence[str],
    bootstrap: Bootstrap,
    *,
    strata: Labels | None = None,
) -> Estimate | None:
    """Chance that a row with outcome 1 scores above a row with outcome 0, a tie counting half.

    Args:
        scores: ``(n,)``.
        outcomes: ``(n,)`` of 0 and 1.
        contexts: context of each row; the interval draws contexts.
        bootstrap: the draws.
        strata: what is held fixed, per row: only pairs within one stratum count, each pair once.

    Returns:
        ``None`` where no stratum has rows of both outcomes.
    """
    x, y = finite(scores, "scores"), zero_or_one(outcomes, "outcomes")
    same_length(x.size, outcomes=y, contexts=contexts, strata=strata if strata is not None else contexts)
    stratum, count = codes(strata) if strata is not None else (np.zeros(x.size, dtype=np.intp), 1)
    position = bootstrap.positions(contexts)
    parts = [_Stratum(x[rows], y[rows], position[rows]) for rows in (stratum == s for s in range(count))]

    def statistic(weights: Floats) -> Floats:
        counted = [part.pairs(weights) for part in parts]
        return divide(sum((won for won, _ in counted), np.zeros(1)), sum((all_ for _, all_ in counted), np.zeros(1)))

    return bootstrap.weighted_estimate(statistic, width=x.size, n=x.size, clusters=len(set(contexts)))


class _Stratum:
    """Rows of one stratum in the order of their scores; how many negatives lie below each positive, ties out and in."""

    def __init__(self, scores: Floats, outcomes: Floats, position: Indices) -> None:
        order = np.argsort(scores, kind="stable")
        scores, positive, position = scores[order], outcomes[order] == 1, position[order]
        self.positives, self.negatives = position[positive], position[~positive]
        self.below = np.searchsorted(scores[~positive], scores[positive], "left")
        self.up_to = np.searchsorted(scores[~positive], scores[positive], "right")

    def pairs(self, weights: Floats) -> tuple[Floats, Floats]:
        """Pairs won and all pairs, per resample: a row drawn twice is two rows."""
        positives, negatives = weights[:, self.positives], weights[:, self.negatives]
        under = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(negatives, axis=1)], axis=1)
        beaten = (under[:, self.below] + under[:, self.up_to]) / 2
        return (positives * beaten).sum(1), positives.sum(1) * under[:, -1]
