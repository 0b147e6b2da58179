"""Does a figure rise with a score? Quantile bins, rank correlation, and a test that keeps contexts together.

Strata answer the same question with something held fixed, such as the number of steps: only queries of one stratum
are compared with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics.bootstrap import Bootstrap, divide
from sleeptime.lab.statistics.estimate import Estimate, Floats, Indices, Labels, codes, finite, same_length


@dataclass(frozen=True, slots=True)
class Trend:
    """Rank correlation of a figure with a score.

    Args:
        correlation: Spearman's, pooled within strata where there are several; ``None`` where the score or the figure
            never varies.
        p: two-sided p-value of "no trend"; ``None`` with fewer than 2 contexts or without variation.
        flips: random sign flips behind ``p``, which is at least ``1 / (flips + 1)``.
    """

    correlation: Estimate | None
    p: float | None
    flips: int


def mid_ranks(values: ArrayLike) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs.

    >>> mid_ranks([3.0, 1.0, 3.0]).tolist()
    [2.5, 1.0, 2.5]
    """
    _, index, count = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[index], dtype=np.float64)


def quantile_bins(scores: ArrayLike, bins: int = 5, *, strata: Labels | None = None) -> Indices:
    """Bin of each row, 0 to ``bins - 1`` by rising score.

    Bins hold equally many rows as far as ties allow: equal scores share the bin of their mean rank, so a bin can stay
    empty.

    >>> quantile_bins([0.1, 0.2, 0.2, 0.9], bins=2).tolist()
    [0, 1, 1, 1]

    Args:
        scores: ``(n,)``.
        bins: how many.
        strata: what is held fixed, per row: bins are taken within each, so that every bin holds as many rows of a
            stratum as any other.

    Raises:
        InputError: fewer than 1 bin, or scores that are not finite.
    """
    rows = finite(scores, "scores")
    same_length(rows.size, strata=strata if strata is not None else rows)
    if bins < 1:
        raise InputError(f"quantile bins: at least 1 bin is needed, got {bins}")
    stratum = codes(strata)[0] if strata is not None else np.zeros(rows.size, dtype=np.intp)
    found = np.empty(rows.size, dtype=np.intp)
    for s in np.unique(stratum):
        inside = stratum == s
        found[inside] = np.floor(bins * (mid_ranks(rows[inside]) - 0.5) / inside.sum())
    return found


def trend(
    scores: ArrayLike,
    figures: ArrayLike,
    contexts: Sequence[str],
    bootstrap: Bootstrap,
    *,
    strata: Labels | None = None,
    flips: int = 9_999,
) -> Trend:
    """Rank correlation of figures with scores, with a bootstrap interval and a randomisation test.

    The test: each row gives the product of its two centred ranks, each context the sum over its rows. Without a trend
    these sums are centred at 0 and independent of each other, whatever happens inside a context, so the sign of each
    may be flipped: the p-value is the share of random flips whose total is at least as far from 0, the data counted
    among them. It is exact when the sums are symmetric, and holds for many contexts when they are not (Kline and
    Santos, "A score based approach to wild bootstrap inference", Journal of Econometric Methods 1, 2012).

    Args:
        scores: ``(n,)``.
        figures: ``(n,)``, such as right with sleep minus right without.
        contexts: context of each row.
        bootstrap: draws for the interval; its seed also seeds the flips.
        strata: what is held fixed, per row; ranks are taken, and centred, within each.
        flips: random sign flips.
    """
    x, y = _pair(scores, figures, contexts)
    same_length(x.size, strata=strata if strata is not None else contexts)
    stratum, count = codes(strata) if strata is not None else (np.zeros(x.size, dtype=np.intp), 1)
    x, y = _centred_ranks(x, stratum), _centred_ranks(y, stratum)
    clusters = len(set(contexts))
    correlation = _correlation(x, y, stratum, count, contexts, bootstrap)
    products = bootstrap.totals(x * y, contexts)
    if clusters < 2 or correlation is None:
        return Trend(correlation, None, flips)
    rng = np.random.default_rng([bootstrap.seed, flips])
    signs = rng.integers(2, size=(flips, products.size), dtype=np.int8)
    totals = 2 * _rows_times(signs, products) - products.sum()
    as_far = np.abs(totals) >= abs(products.sum()) * (1 - 1e-12)
    return Trend(correlation, float((1 + as_far.sum()) / (1 + flips)), flips)


def _correlation(
    x: Floats, y: Floats, stratum: Indices, count: int, contexts: Sequence[str], bootstrap: Bootstrap
) -> Estimate | None:
    """Pooled within-stratum correlation; means and variances are made anew per resample, the ranks are kept."""
    products = (np.ones(x.size), x, y, x * x, y * y, x * y)
    columns = np.stack(
        [bootstrap.totals(values * (stratum == s), contexts) for values in products for s in range(count)], axis=1
    )

    def statistic(sums: Floats) -> Floats:
        n, sx, sy, sxx, syy, sxy = (sums[:, i * count : (i + 1) * count] for i in range(6))
        # A stratum that was not drawn adds nothing.
        covariance, spread_x, spread_y = (
            np.nansum(second - divide(first, n), axis=1)
            for second, first in ((sxy, sx * sy), (sxx, sx * sx), (syy, sy * sy))
        )
        spread = np.where(np.minimum(spread_x, spread_y) > 1e-9, spread_x * spread_y, 0.0)
        return divide(covariance, np.sqrt(spread))

    return bootstrap.estimate(columns, statistic, n=x.size, clusters=len(set(contexts)))


def _centred_ranks(values: Floats, stratum: Indices) -> Floats:
    """Ranks within each stratum, scaled to its size and centred at 0."""
    found = np.zeros(values.size)
    for s in np.unique(stratum):
        rows = stratum == s
        found[rows] = mid_ranks(values[rows]) / rows.sum() - (rows.sum() + 1) / (2 * rows.sum())
    return found


def _rows_times(signs: np.ndarray[tuple[int, int], np.dtype[np.int8]], values: Floats) -> Floats:
    """Matrix times vector in blocks, so that the small integers never all become floats at once."""
    step = max(1, 2_000_000 // values.size)
    return np.concatenate([signs[i : i + step].astype(np.float64) @ values for i in range(0, len(signs), step)])


def _pair(scores: ArrayLike, figures: ArrayLike, contexts: Sequence[str]) -> tuple[Floats, Floats]:
    x, y = finite(scores, "scores"), finite(figures, "figures")
    same_length(x.size, figures=y, contexts=contexts)
    return x, y
