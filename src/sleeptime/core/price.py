"""Price and cost: the paper's cost in tokens, and what a provider bills in USD.

Holds no price list; ``models.prices`` looks prices up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage


class Tier(StrEnum):
    """Price and speed class of a call."""

    STANDARD = "standard"
    PRIORITY = "priority"
    FLEX = "flex"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens of each class; reasoning tokens are billed as output.

    Args:
        input: fresh input.
        cached_input: input read from the cache.
        cache_write: input written to the cache.
        output: generated tokens.
    """

    input: float
    cached_input: float
    cache_write: float
    output: float


def billed_cost_usd(usage: Usage, price: Price) -> float:
    """What a provider bills for ``usage``, in USD: every token class at its own price."""
    micro_usd = (
        usage.input_tokens * price.input
        + usage.cached_input_tokens * price.cached_input
        + usage.cache_write_tokens * price.cache_write
        + usage.output_tokens * price.output
    )
    return micro_usd / 1e6


def paper_cost(test_tokens: float, sleep_tokens: float, n_queries: int, t: float = 10.0) -> float:
    """Cost per query in sleep-time tokens: ``t * test_tokens + sleep_tokens / n_queries``.

    arXiv:2504.13171, section 5.3. The paper counts generated tokens only, and takes t = 10 from one vendor's price
    of low latency.

    >>> paper_cost(test_tokens=20, sleep_tokens=1000, n_queries=10)
    300.0

    Args:
        test_tokens: mean output tokens of one query.
        sleep_tokens: output tokens of the sleep that all queries share.
        n_queries: queries per context, at least 1.
        t: how many sleep-time tokens one test-time token costs.

    Raises:
        InputError: ``n_queries`` is below 1.
    """
    if n_queries < 1:
        raise InputError(f"the cost per query needs at least 1 query, got {n_queries}")
    return t * test_tokens + sleep_tokens / n_queries


def break_even_queries(sleep_cost: float, cost_without: float, cost_with: float) -> int | None:
    """The least number of queries after which sleep has paid for itself; ``None`` when it never does.

    >>> break_even_queries(sleep_cost=1000, cost_without=300, cost_with=50)
    4

    Args:
        sleep_cost: cost of the sleep, paid once.
        cost_without: cost of one query without notes, in the same unit.
        cost_with: cost of one query with notes, in the same unit.
    """
    saving = cost_without - cost_with
    if saving <= 0:
        return None
    return math.ceil(sleep_cost / saving)
