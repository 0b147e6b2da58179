"""core.price: the paper's cost and the billed one."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core import price
from sleeptime.core.errors import InputError
from sleeptime.core.price import Price, billed_cost_usd, break_even_queries, paper_cost
from sleeptime.core.usage import Usage

COST = st.floats(0, 1e6)


def test_worked_examples_hold() -> None:
    assert doctest.testmod(price).failed == 0


def test_every_token_class_is_billed_at_its_own_price() -> None:
    usage = Usage(1_000_000, 2_000_000, 3_000_000, 4_000_000, reasoning_tokens=1_000_000)
    assert billed_cost_usd(usage, Price(input=1.0, cached_input=0.1, cache_write=1.25, output=8.0)) == pytest.approx(
        36.95
    )


def test_reasoning_is_billed_once_as_output() -> None:
    every_class_at_one = Price(1, 1, 1, 1)
    assert billed_cost_usd(Usage(output_tokens=10, reasoning_tokens=10), every_class_at_one) == pytest.approx(1e-5)


def test_paper_cost_shares_sleep_among_queries() -> None:
    assert paper_cost(20, 1000, 10) == 300
    assert paper_cost(20, 1000, 10, t=1) == 120
    assert paper_cost(20, 0, 1) == 200


def test_paper_cost_needs_a_query() -> None:
    with pytest.raises(InputError, match="at least 1 query, got 0"):
        paper_cost(1, 1, 0)


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.integers(0, 10**6))
def test_break_even_is_the_least_number_of_queries_that_pays(sleep: int, without: int, with_notes: int) -> None:
    n = break_even_queries(sleep, without, with_notes)
    if without <= with_notes:
        assert n is None
    else:
        assert n is not None
        assert sleep + n * with_notes <= n * without
        assert n == 0 or sleep + (n - 1) * with_notes > (n - 1) * without


@given(COST, COST, COST)
def test_break_even_never_pretends_a_saving(sleep: float, without: float, with_notes: float) -> None:
    n = break_even_queries(sleep, without, with_notes)
    assert (n is None) is (with_notes >= without)
