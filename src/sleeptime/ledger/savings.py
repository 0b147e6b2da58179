"""Saving: what queries with notes cost less than queries without, beside what sleep cost; measured, not assumed.

The two groups are different queries unless the same ones were asked both ways, so a difference between them has the
interval of two independent samples. It is about the contexts, models and budgets that are in the groups: compare like
with like by passing queries of one context and one budget. Queries that an agent worked on are in neither group: an
agent chooses itself whether it asks for notes, so those that it asked for none are no sample of what it does without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Final

from sleeptime.core.price import break_even_queries, paper_cost
from sleeptime.core.query import AGENT, Query
from sleeptime.core.totals import Totals

FULL: Final = "full"
"""The route of a query that was answered without notes (the paper's test-time only baseline)."""

PAPER_T: Final = (10.0, 4.0, 2.0, 1.0)
"""Values of t to report: the paper's 10 (section 5.3), and what one model's own price lists give."""

_Z95: Final = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution: the interval misses the truth about one time in twenty."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of queries without notes minus mean of queries with notes: positive is a saving.

    Args:
        mean: the difference, per query.
        low: lower end of its 95 % interval, ``None`` when a group has fewer than 2 queries.
        high: upper end, ``None`` likewise.
    """

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """Queries served one way.

    Args:
        queries: how many.
        output_tokens: mean generated tokens per query, ``None`` without queries.
        cost_usd: mean cost per query, ``None`` without queries or when any cost is unknown.
        latency_s: mean seconds per query, ``None`` without queries.
    """

    queries: int
    output_tokens: float | None
    cost_usd: float | None
    latency_s: float | None


@dataclass(frozen=True, slots=True)
class Saving:
    """What sleep saved.

    Args:
        with_notes: queries served from notes, or from a pre-answer.
        without_notes: queries served by the context alone.
        sleep: sums over the calls made while no query waited.
        output_tokens: difference in generated tokens per query, ``None`` when a group is empty.
        cost_usd: difference in cost per query, ``None`` likewise or when a cost is unknown.
        latency_s: difference in seconds per query, ``None`` when a group is empty.
    """

    with_notes: Group
    without_notes: Group
    sleep: Totals
    output_tokens: Difference | None
    cost_usd: Difference | None
    latency_s: Difference | None

    def break_even_queries(self) -> int | None:
        """Queries after which sleep has paid for itself in USD; ``None`` when it does not, or a cost is unknown."""
        without, with_notes, sleep = self.without_notes.cost_usd, self.with_notes.cost_usd, self.sleep.cost_usd
        if without is None or with_notes is None or sleep is None:
            return None
        return break_even_queries(sleep, without, with_notes)

    def paper_costs(self, t: float) -> tuple[float, float] | None:
        """Cost per query, with notes and without, in sleep-time tokens (arXiv:2504.13171, section 5.3).

        Sleep is shared by the queries that were served with notes. ``None`` when a group is empty.
        """
        with_notes, without = self.with_notes.output_tokens, self.without_notes.output_tokens
        if with_notes is None or without is None:
            return None
        sleep_tokens = self.sleep.usage.output_tokens
        return paper_cost(with_notes, sleep_tokens, self.with_notes.queries, t), paper_cost(without, 0, 1, t)

    def paper_break_even_queries(self, t: float) -> int | None:
        """Queries after which sleep has paid for itself in the paper's cost; ``None`` when it does not."""
        with_notes, without = self.with_notes.output_tokens, self.without_notes.output_tokens
        if with_notes is None or without is None:
            return None
        return break_even_queries(self.sleep.usage.output_tokens, t * without, t * with_notes)


def measure_saving(queries: Iterable[Query], sleep: Totals) -> Saving:
    """Compare queries with and without notes, beside what sleep cost.

    Args:
        queries: of one context and one budget, for a fair comparison; an agent's are left out.
        sleep: of the same contexts; verification and gate belong to it.
    """
    groups: tuple[list[Query], list[Query]] = ([], [])
    for query in (query for query in queries if query.route != AGENT):
        groups[query.route == FULL].append(query)
    with_notes, without = groups
    return Saving(
        with_notes=_group(with_notes),
        without_notes=_group(without),
        sleep=sleep,
        output_tokens=_difference(without, with_notes, lambda query: float(query.usage.output_tokens)),
        cost_usd=_difference(without, with_notes, lambda query: query.cost_usd),
        latency_s=_difference(without, with_notes, lambda query: query.latency_s),
    )


Measure = Callable[[Query], float | None]


def _values(queries: Sequence[Query], measure: Measure) -> list[float] | None:
    """The measure of each query; None when there are no queries, or it is unknown for any."""
    values = [value for query in queries if (value := measure(query)) is not None]
    return values if values and len(values) == len(queries) else None


def _mean(queries: Sequence[Query], measure: Measure) -> float | None:
    values = _values(queries, measure)
    return None if values is None else fmean(values)


def _group(queries: Sequence[Query]) -> Group:
    return Group(
        queries=len(queries),
        output_tokens=_mean(queries, lambda query: float(query.usage.output_tokens)),
        cost_usd=_mean(queries, lambda query: query.cost_usd),
        latency_s=_mean(queries, lambda query: query.latency_s),
    )


def _difference(without: Sequence[Query], with_notes: Sequence[Query], measure: Measure) -> Difference | None:
    """Difference of the means, with the normal interval of two samples of unequal variance."""
    a, b = _values(without, measure), _values(with_notes, measure)
    if a is None or b is None:
        return None
    mean = fmean(a) - fmean(b)
    if len(a) < 2 or len(b) < 2:
        return Difference(mean, None, None)
    half = _Z95 * math.sqrt(variance(a) / len(a) + variance(b) / len(b))
    return Difference(mean, mean - half, mean + half)
