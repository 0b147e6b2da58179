"""Costs of answering N queries about one context, written plainly: what the experiment `amortization` is held against.

The paper's ledger counts generated tokens only. The all-in ledger counts every token class of every call, so what sleep
costs online (c' is read again by each query) stands beside what it saves. Both take t, how many times a test-time
token costs a sleep-time one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sleeptime.core.errors import InputError
from sleeptime.core.price import Price, break_even_queries, paper_cost
from sleeptime.core.usage import Usage
from sleeptime.lab.experiments.recipes import QUERY_COUNTS


@dataclass(frozen=True, slots=True)
class MeanTokens:
    """Mean tokens of one query, or of one sleep, by the class they are billed in.

    Args:
        fresh: input neither read from nor written to a cache.
        cached: input read from the cache.
        written: input written to the cache.
        output: generated, reasoning included.
    """

    fresh: float = 0.0
    cached: float = 0.0
    written: float = 0.0
    output: float = 0.0

    def __post_init__(self) -> None:
        if not all(count >= 0 for count in (self.fresh, self.cached, self.written, self.output)):
            raise InputError(f"token counts are never negative, got {self}")

    @classmethod
    def of(cls, usages: Iterable[Usage]) -> MeanTokens:
        """Mean of some usages, each the sum of all calls of one query or of one sleep.

        Raises:
            InputError: there are none.
        """
        found = list(usages)
        if not found:
            raise InputError("mean tokens: at least one query or sleep is needed")
        return cls(
            fresh=sum(usage.input_tokens for usage in found) / len(found),
            cached=sum(usage.cached_input_tokens for usage in found) / len(found),
            written=sum(usage.cache_write_tokens for usage in found) / len(found),
            output=sum(usage.output_tokens for usage in found) / len(found),
        )


class CostLedger(Protocol):
    """A way to count cost; any unit, as long as both methods use the same."""

    def query(self, tokens: MeanTokens) -> float:
        """Cost of one query at test time."""
        ...

    def sleep(self, tokens: MeanTokens) -> float:
        """Cost of one sleep."""
        ...


@dataclass(frozen=True, slots=True)
class PaperLedger:
    """Generated tokens only, in sleep-time tokens (arXiv:2504.13171, section 5.3).

    Args:
        t: sleep-time tokens that one test-time token costs.
    """

    t: float

    def __post_init__(self) -> None:
        _check_ratio(self.t)

    def query(self, tokens: MeanTokens) -> float:
        """``t`` per generated token."""
        return paper_cost(tokens.output, 0.0, 1, self.t)

    def sleep(self, tokens: MeanTokens) -> float:
        """1 per generated token."""
        return paper_cost(0.0, tokens.output, 1, self.t)


@dataclass(frozen=True, slots=True)
class AllInLedger:
    """Every token class at its price, in USD; the same model sleeps at a price lower by the factor t.

    Args:
        price: at test time.
        t: by what the price of every class is divided while asleep.
    """

    price: Price
    t: float

    def __post_init__(self) -> None:
        _check_ratio(self.t)

    def query(self, tokens: MeanTokens) -> float:
        """What ``core.price.billed_cost_usd`` gives, for mean tokens."""
        micro_usd = (
            tokens.fresh * self.price.input
            + tokens.cached * self.price.cached_input
            + tokens.written * self.price.cache_write
            + tokens.output * self.price.output
        )
        return micro_usd / 1e6

    def sleep(self, tokens: MeanTokens) -> float:
        """The same divided by t."""
        return self.query(tokens) / self.t


def cost_per_query(ledger: CostLedger, query: MeanTokens, sleep: MeanTokens, n_queries: int) -> float:
    """Cost of one query with its share of a sleep that ``n_queries`` queries have in common.

    Raises:
        InputError: ``n_queries`` is below 1.
    """
    if n_queries < 1:
        raise InputError(f"the cost per query needs at least 1 query, got {n_queries}")
    return ledger.query(query) + ledger.sleep(sleep) / n_queries


@dataclass(frozen=True, slots=True)
class Amortized:
    """Cost per query for N queries per context.

    Args:
        n_queries: N.
        cost_without: without sleep, whatever N.
        cost_with: with sleep, its share of the sleep included.
        cost_with_one: the same for N = 1, which is what the paper divides by.
    """

    n_queries: int
    cost_without: float
    cost_with: float
    cost_with_one: float

    @property
    def saving(self) -> float | None:
        """How many times cheaper sleep is than test-time only; below 1 it is dearer. ``None`` when it costs nothing."""
        return self.cost_without / self.cost_with if self.cost_with else None

    @property
    def saving_over_one(self) -> float | None:
        """How many times cheaper than sleep that serves a single query: the paper's 2.5x."""
        return self.cost_with_one / self.cost_with if self.cost_with else None


def amortize(
    ledger: CostLedger,
    *,
    without: MeanTokens,
    with_sleep: MeanTokens,
    sleep: MeanTokens,
    query_counts: Sequence[int] = QUERY_COUNTS,
) -> tuple[Amortized, ...]:
    """Cost per query over the number of queries per context.

    Args:
        ledger: how cost is counted, with its t.
        without: one query of the arm without sleep, at a budget of about the accuracy of the other.
        with_sleep: one query of the arm with sleep.
        sleep: one sleep, whole: all drafts, verification and gate.
        query_counts: each N.
    """
    alone = cost_per_query(ledger, with_sleep, sleep, 1)
    return tuple(
        Amortized(n, ledger.query(without), cost_per_query(ledger, with_sleep, sleep, n), alone) for n in query_counts
    )


def break_even(ledger: CostLedger, *, without: MeanTokens, with_sleep: MeanTokens, sleep: MeanTokens) -> int | None:
    """The least number of queries per context at which sleep has paid for itself; ``None`` when it never does."""
    return break_even_queries(ledger.sleep(sleep), ledger.query(without), ledger.query(with_sleep))


def _check_ratio(t: float) -> None:
    if not t > 0:
        raise InputError(f"t, the price of a test-time token in sleep-time tokens, must be above 0, got {t}")
