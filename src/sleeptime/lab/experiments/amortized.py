"""Amortized: cost per query of an arm with sleep against a curve without it, at equal accuracy, by N, t and ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from sleeptime.core.price import Price
from sleeptime.lab.experiments.recipes import PRICE_RATIOS, QUERY_COUNTS
from sleeptime.lab.experiments.rows import Rows
from sleeptime.lab.experiments.serving import Caching, Sleeps, call_prices, calls_of, sleep_prices
from sleeptime.lab.statistics import Bootstrap, Estimate, divide, spent_to_reach
from sleeptime.lab.statistics.estimate import Floats

MANY: Final = 1e9
"""Queries per context at which the first one does not count."""


class Ledger(StrEnum):
    """What is counted."""

    PAPER = "output only"
    """Generated tokens, in sleep-time tokens (arXiv:2504.13171, section 5.3)."""
    FRESH = "all-in, nothing cached"
    CACHED = "all-in, prefix cached"

    @property
    def caching(self) -> Caching:
        """What is cached, for the all-in ledgers."""
        return Caching.PREFIX if self is Ledger.CACHED else Caching.NOTHING


@dataclass(frozen=True, slots=True)
class Share:
    """One cell: so many queries per context, a test-time token at the price of so many sleep-time tokens."""

    ledger: Ledger
    t: float
    n_queries: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What a query costs in one cell; sleep-time tokens in the paper's ledger, USD in the others.

    Args:
        cost_with: with sleep, its share of the sleep included.
        cost_without: without sleep, at the accuracy of the other; None where no budget reaches it.
        saving: how many times cheaper sleep is.
        saving_without_gate: the same when nothing is scored before a sleep.
        over_one: how many times cheaper than sleep with one query per context, which is the paper's comparison.
    """

    cost_with: Estimate | None
    cost_without: Estimate | None
    saving: Estimate | None
    saving_without_gate: Estimate | None
    over_one: Estimate | None


@dataclass(frozen=True, slots=True)
class Amortization:
    """Everything about a method with sleep at one budget.

    Args:
        accuracy: of the method there.
        between: budgets of the curve that this accuracy lies between, as the data are; empty where it is outside.
        costs: per cell.
        break_even: queries per context at which sleep has paid for itself, as a number that is not whole, by ledger and
            t; None where it never does, or where the accuracy is not reached without sleep.
        unscored: replies with sleep that could not be read.
    """

    accuracy: Estimate
    between: tuple[str, ...]
    costs: dict[Share, Costs]
    break_even: dict[tuple[Ledger, float], Estimate | None]
    unscored: int


def shares() -> list[Share]:
    """Every cell."""
    return [Share(ledger, t, n) for ledger in Ledger for t in PRICE_RATIOS for n in QUERY_COUNTS]


def amortized(
    without: Sequence[Rows],
    with_sleep: Rows,
    sleeps: Sleeps,
    price: Price,
    bootstrap: Bootstrap,
    cells: Sequence[Share] | None = None,
) -> Amortization:
    """Cost per query, cell by cell.

    Args:
        without: the curve without sleep, cheapest budget first.
        with_sleep: the arm.
        sleeps: of the contexts; one score of a query per context, as the gate takes it, is counted with them.
        price: USD per million tokens.
        bootstrap: the draws; the curve and the arm are made anew in each.
        cells: default: all.
    """
    contexts = with_sleep.contexts
    cells = shares() if cells is None else cells
    lines = list(dict.fromkeys((cell.ledger, cell.t) for cell in cells))
    columns = [bootstrap.counts(contexts), bootstrap.counts(sleeps.contexts)]
    columns += [bootstrap.totals(values, sleeps.contexts) for values in (sleeps.read, sleeps.read_again, sleeps.output)]
    # The gate reads a context and one query, as a query without sleep does: the mean over those of the context.
    columns.append(divide(bootstrap.totals(without[0].input, contexts), bootstrap.counts(contexts)))
    for rows in (with_sleep, *without):
        calls = calls_of(rows)
        parts = (rows.right, calls.prefix, calls.tail, calls.output)
        columns += [bootstrap.totals(values, contexts) for values in parts]

    def statistic(sums: Floats) -> Floats:
        book = _Book(sums, price, sleeps.drafts)
        found = [figure for cell in cells for figure in book.cell(cell)]
        found += [book.break_even(ledger, t) for ledger, t in lines]
        return np.stack(found, axis=1)

    size = len(set(contexts))
    found = bootstrap.estimates(np.stack(columns, axis=1), statistic, n=len(contexts), clusters=size)
    costs = {cell: Costs(*found[5 * i : 5 * i + 5]) for i, cell in enumerate(cells)}
    break_even = dict(zip(lines, found[5 * len(cells) :], strict=True))
    accuracy = with_sleep.accuracy(bootstrap)
    return Amortization(accuracy, _between(without, accuracy.mean), costs, break_even, with_sleep.unscored)


class _Book:
    """Costs from sums over the contexts drawn, ``(R, K)``."""

    def __init__(self, sums: Floats, price: Price, drafts: int) -> None:
        self._price, self._drafts = price, drafts
        self._sleep = divide(sums[:, 2:6], sums[:, 1:2])
        means = divide(sums[:, 6:], sums[:, :1]).reshape(len(sums), -1, 4)
        self._accuracy, self._tokens = means[:, :, 0], means[:, :, 1:]
        self._reached: dict[tuple[Ledger, float], Floats] = {}

    def cell(self, share: Share) -> tuple[Floats, ...]:
        """The figures of `Costs`, in its order."""
        slept = self._slept(share.ledger, share.t)
        gate = self._gate(share.ledger, share.t)
        served = self._served(share.ledger, share.t, share.n_queries)
        cost_with = served + (slept + gate) / share.n_queries
        without = self._without(share.ledger, share.t, share.n_queries)
        alone = self._served(share.ledger, share.t, 1) + slept + gate
        return (
            cost_with,
            without,
            divide(without, cost_with),
            divide(without, cost_with - gate / share.n_queries),
            divide(alone, cost_with),
        )

    def break_even(self, ledger: Ledger, t: float) -> Floats:
        """Where the costs of all queries of a context, a first one and later ones, are the same with and without."""
        first, later = (
            self._without(ledger, t, n) - self._served(ledger, t, n) for n in (1.0, MANY)
        )  # what a query saves
        still_owed = self._slept(ledger, t) + self._gate(ledger, t) - (first - later)
        return np.where(later > 0, divide(np.maximum(still_owed, 0.0), later), np.nan)

    def _prices(self, ledger: Ledger, t: float, n_queries: float) -> Floats:
        """Of prefix, tail and output of a query."""
        if ledger is Ledger.PAPER:
            return np.array([0.0, 0.0, t])
        return np.array(call_prices(self._price, ledger.caching, n_queries))

    def _served(self, ledger: Ledger, t: float, n_queries: float) -> Floats:
        cost: Floats = self._tokens[:, 0] @ self._prices(ledger, t, n_queries)
        return cost

    def _without(self, ledger: Ledger, t: float, n_queries: float) -> Floats:
        """Of the curve, at the accuracy with sleep."""
        key = (ledger, 0.0 if ledger is Ledger.PAPER else n_queries)
        if key not in self._reached:
            costs = self._tokens[:, 1:] @ self._prices(ledger, 1.0, n_queries)
            self._reached[key] = spent_to_reach(costs, self._accuracy[:, 1:], self._accuracy[:, :1])[:, 0]
        return self._reached[key] * (t if ledger is Ledger.PAPER else 1.0)

    def _slept(self, ledger: Ledger, t: float) -> Floats:
        """Drafts, whole; they are verified by arithmetic, which takes no tokens."""
        if ledger is Ledger.PAPER:
            return self._sleep[:, 2]
        prices = sleep_prices(self._price, ledger.caching, self._drafts)
        cost: Floats = self._sleep[:, :3] @ np.array(prices) / t
        return cost

    def _gate(self, ledger: Ledger, t: float) -> Floats:
        scored = self._sleep[:, 3]
        return np.zeros_like(scored) if ledger is Ledger.PAPER else scored * self._price.input / 1e6 / t


def _between(without: Sequence[Rows], accuracy: float) -> tuple[str, ...]:
    """The budgets of a curve around an accuracy, by output tokens."""
    curve = sorted(((float(r.output.mean()), float(r.right.mean()), r.budget) for r in without), key=lambda p: p[0])
    best = [curve[0]]
    for point in curve[1:]:
        if point[1] > best[-1][1]:
            best.append(point)
    if not best[0][1] - 1e-12 <= accuracy <= best[-1][1] + 1e-12:
        return ()
    above = next(i for i, point in enumerate(best) if point[1] >= accuracy - 1e-12)
    if abs(best[above][1] - accuracy) < 1e-12:
        return (best[above][2],)
    return best[above - 1][2], best[above][2]
