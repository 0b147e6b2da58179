"""Clustered bootstrap: contexts are drawn with replacement, each with all of its rows (arXiv:2411.00640).

The queries of one context are not independent, so resampling rows would make intervals too narrow. One ``Bootstrap``
holds one set of draws, and every statistic computed with it sees the same ones: what two arms have in common cancels,
which is what makes a comparison paired. It knows nothing of arms, budgets or records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics.estimate import Estimate, Floats, finite, same_length, zero_to_one

Statistic = Callable[[Floats], Floats]
"""Takes sums ``(R, K)``, of each of K columns over the contexts drawn in each of R resamples; returns ``(R,)``, or
``(R, M)`` for M figures at once. NaN marks what is undefined."""

WeightedStatistic = Callable[[Floats], Floats]
"""The same from weights ``(R, C)``: how often each of C contexts was drawn. For what is no function of sums."""

BLOCK_ENTRIES = 250_000
"""Weights at work at once: bounds memory, and keeps a block in the processor's cache."""


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Element-wise quotient, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator == 0, np.nan, numerator / denominator)


class Bootstrap:
    """Draws of contexts, made once from a seed.

    Args:
        contexts: every context that any statistic will use; repetitions do not matter, nor does the order.
        seed: seed of the draws.
        resamples: R, how many times all contexts are drawn.
        level: coverage of the percentile intervals.

    Raises:
        InputError: no context, fewer than 100 resamples, or a level outside (0, 1).
    """

    def __init__(self, contexts: Iterable[str], *, seed: int, resamples: int = 10_000, level: float = 0.95) -> None:
        self.contexts = tuple(sorted(set(contexts)))
        self.seed, self.resamples, self.level = seed, resamples, level
        self._index = {context: number for number, context in enumerate(self.contexts)}
        if not self.contexts:
            raise InputError("bootstrap: at least one context is needed")
        if resamples < 100 or not 0 < level < 1:
            raise InputError(f"bootstrap: at least 100 resamples and 0 < level < 1, got {resamples} and {level}")

    @cached_property
    def _draws(self) -> NDArray[np.uint16]:
        """``(R, C)``: how often each context was drawn. Few bytes each, since thousands of contexts occur."""
        rng, size = np.random.default_rng(self.seed), len(self.contexts)
        found = np.empty((self.resamples, size), dtype=np.uint16)
        for rows in self._blocks(size):
            count = rows.stop - rows.start
            drawn = rng.integers(size, size=(count, size)) + size * np.arange(count)[:, None]
            found[rows] = np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size)
        return found

    def _blocks(self, width: int) -> Iterator[slice]:
        step = max(1, BLOCK_ENTRIES // width)
        return (slice(start, min(start + step, self.resamples)) for start in range(0, self.resamples, step))

    def positions(self, contexts: Sequence[str]) -> NDArray[np.intp]:
        """Column of each row's context in the weights, ``(n,)``.

        Raises:
            InputError: a context that this bootstrap does not draw.
        """
        try:
            return np.array([self._index[context] for context in contexts], dtype=np.intp)
        except KeyError as unknown:
            raise InputError(f"bootstrap: the context {unknown} is not among those it was made for") from unknown

    def totals(self, values: ArrayLike, contexts: Sequence[str]) -> Floats:
        """Sum of the rows of each context, ``(C,)``; 0 for a context without rows."""
        rows = finite(values, "values")
        same_length(rows.size, contexts=contexts)
        found = np.bincount(self.positions(contexts), rows, minlength=len(self.contexts))
        return found.astype(np.float64, copy=False)

    def counts(self, contexts: Sequence[str]) -> Floats:
        """Number of rows of each context, ``(C,)``."""
        return self.totals(np.ones(len(contexts)), contexts)

    def estimates(
        self, columns: Floats, statistic: Statistic, *, n: int, clusters: int | None = None
    ) -> tuple[Estimate | None, ...]:
        """Figures of a statistic, each with its percentile interval; ``None`` for one undefined on the data.

        Args:
            columns: ``(C, K)`` totals of each context, see ``totals``.
            statistic: makes M figures from their sums, see ``Statistic``.
            n: rows that the figures are made from.
            clusters: contexts that these rows belong to; default: all.
        """
        points = _columns(statistic(columns.sum(0, keepdims=True)))[0]
        clusters = len(self.contexts) if clusters is None else clusters
        resampled = _columns(statistic(self._sums(columns))) if clusters >= 2 else None
        return self._with_intervals(points, resampled, n, clusters)

    def estimate(
        self, columns: Floats, statistic: Statistic, *, n: int, clusters: int | None = None
    ) -> Estimate | None:
        """The one figure of a statistic that returns ``(R,)``; see ``estimates``."""
        (found,) = self.estimates(columns, statistic, n=n, clusters=clusters)
        return found

    def weighted_estimate(
        self, statistic: WeightedStatistic, *, width: int, n: int, clusters: int | None = None
    ) -> Estimate | None:
        """The one figure of a statistic that needs to know which contexts were drawn.

        Args:
            statistic: is given blocks of resamples, so it must treat each by itself.
            width: entries that it makes per resample.
            n: rows that the figure is made from.
            clusters: contexts that these rows belong to; default: all.
        """
        size = len(self.contexts)
        clusters = size if clusters is None else clusters
        point = _columns(statistic(np.ones((1, size))))[0]
        if clusters < 2:
            return self._with_intervals(point, None, n, clusters)[0]
        blocks = self._blocks(max(size, width))
        found = np.concatenate([statistic(self._draws[rows].astype(np.float64)) for rows in blocks])
        return self._with_intervals(point, found[:, None], n, clusters)[0]

    def _sums(self, columns: Floats) -> Floats:
        """Sums of the columns over the contexts drawn, ``(R, K)``."""
        found = np.empty((self.resamples, columns.shape[1]))
        for rows in self._blocks(len(self.contexts)):
            found[rows] = self._draws[rows].astype(np.float64) @ columns
        return found

    def _with_intervals(
        self, points: Floats, resampled: Floats | None, n: int, clusters: int
    ) -> tuple[Estimate | None, ...]:
        if resampled is None:
            return tuple(None if np.isnan(p) else Estimate(float(p), None, None, n, clusters) for p in points)
        return tuple(
            None if np.isnan(point) else self._interval(float(point), resampled[:, column], n, clusters)
            for column, point in enumerate(points)
        )

    def _interval(self, point: float, resampled: Floats, n: int, clusters: int) -> Estimate:
        defined = resampled[~np.isnan(resampled)]
        undefined = 1 - defined.size / resampled.size
        if undefined > 0.5:
            return Estimate(point, None, None, n, clusters, undefined)
        low, high = np.quantile(defined, ((1 - self.level) / 2, (1 + self.level) / 2))
        return Estimate(point, float(low), float(high), n, clusters, undefined)

    def mean(self, values: ArrayLike, contexts: Sequence[str]) -> Estimate:
        """Mean over rows, so a context weighs as much as it has rows."""
        found = self.ratio(values, np.ones(len(contexts)), contexts)
        assert found is not None
        return found

    def share(self, values: ArrayLike, contexts: Sequence[str]) -> Estimate:
        """Mean of shares from 0 to 1, such as an accuracy: of single answers each is 0 or 1.

        Where all rows are alike every resample is alike too, and the bootstrap would claim certainty. Then the end
        that is not at the bound is the exact binomial one (Clopper and Pearson, 1934) for as many trials as there
        are contexts: ``((1 - level) / 2) ** (1 / clusters)``.
        """
        rows = zero_to_one(values, "values")
        found = self.mean(rows, contexts)
        if found.clusters < 2 or found.mean not in (0.0, 1.0):
            return found
        bound = float(((1 - self.level) / 2) ** (1 / found.clusters))
        low, high = (0.0, 1 - bound) if found.mean == 0 else (bound, 1.0)
        return Estimate(found.mean, low, high, found.n, found.clusters)

    def paired_difference(self, first: ArrayLike, second: ArrayLike, contexts: Sequence[str]) -> Estimate:
        """Mean of ``first - second``; row i of both is the same query."""
        a, b = finite(first, "first"), finite(second, "second")
        same_length(a.size, second=b)
        return self.mean(a - b, contexts)

    def ratio(self, numerator: ArrayLike, denominator: ArrayLike, contexts: Sequence[str]) -> Estimate | None:
        """Ratio of the two means (not mean of the ratios); row i of both is the same query.

        Returns:
            ``None`` when the mean of the denominators is 0.
        """
        columns = np.stack([self.totals(numerator, contexts), self.totals(denominator, contexts)], axis=1)
        return self.estimate(
            columns, lambda sums: divide(sums[:, 0], sums[:, 1]), n=len(contexts), clusters=len(set(contexts))
        )


def _columns(found: Floats) -> Floats:
    return found[:, None] if found.ndim == 1 else found
