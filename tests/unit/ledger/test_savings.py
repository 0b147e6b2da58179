"""ledger.savings: what sleep saved, with intervals, and unknown where it is."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from sleeptime.core.call import Call, Phase
from sleeptime.core.query import Query
from sleeptime.core.totals import Totals
from sleeptime.core.usage import Usage
from sleeptime.ledger.savings import PAPER_T, Difference, measure_saving


def query(route: str, output_tokens: int, cost_usd: float | None = 0.0, latency_s: float = 1.0) -> Query:
    usage = Usage(output_tokens=output_tokens)
    return Query(
        context="c", text="q", route=route, budget="v0", answer="a", usage=usage, cost_usd=cost_usd, latency_s=latency_s
    )


def sleep(output_tokens: int, cost_usd: float | None = 0.0) -> Totals:
    return Totals.of_call(
        Call(phase=Phase.SLEEP, model="m", usage=Usage(output_tokens=output_tokens), cost_usd=cost_usd)
    )


QUERIES = [query("notes", 2), query("recall", 0), query("notes", 4), query("full", 30), query("full", 34)]


def test_queries_are_grouped_by_whether_notes_served_them() -> None:
    saving = measure_saving(QUERIES, Totals())
    assert (saving.with_notes.queries, saving.with_notes.output_tokens) == (3, 2.0)
    assert (saving.without_notes.queries, saving.without_notes.output_tokens) == (2, 32.0)


def test_queries_of_an_agent_are_in_neither_group() -> None:
    assert measure_saving([*QUERIES, query("agent", 9_000), query("agent", 1)], sleep(10)) == measure_saving(
        QUERIES, sleep(10)
    )


def test_difference_has_the_interval_of_two_independent_samples() -> None:
    saving = measure_saving(QUERIES, Totals()).output_tokens
    assert saving is not None
    half = NormalDist().inv_cdf(0.975) * math.sqrt(8 / 2 + 4 / 3)
    assert saving == Difference(30.0, pytest.approx(30 - half), pytest.approx(30 + half))  # type: ignore[arg-type]  # approx stands for a float


def test_one_query_in_a_group_gives_no_interval() -> None:
    saving = measure_saving(QUERIES[:4], Totals()).output_tokens
    assert saving == Difference(28.0, None, None)


def test_without_both_groups_there_is_nothing_to_compare() -> None:
    for queries in (QUERIES[:3], QUERIES[3:], []):
        saving = measure_saving(queries, sleep(10))
        assert saving.output_tokens is None
        assert saving.paper_costs(10) is None
        assert saving.paper_break_even_queries(10) is None
        assert saving.break_even_queries() is None


def test_paper_cost_and_break_even_follow_section_5_3() -> None:
    saving = measure_saving(QUERIES, sleep(900))
    assert saving.paper_costs(10) == (10 * 2 + 900 / 3, 320.0)
    assert saving.paper_costs(1) == (2 + 300, 32.0)
    assert [saving.paper_break_even_queries(t) for t in PAPER_T] == [3, 8, 15, 30]


def test_break_even_in_usd_needs_every_cost() -> None:
    with_notes, without = query("notes", 1, 0.01), query("full", 9, 0.05)
    assert measure_saving([with_notes, without], sleep(10, 0.2)).break_even_queries() == 5
    assert measure_saving([with_notes, without], sleep(10, None)).break_even_queries() is None
    unknown = measure_saving([with_notes, query("notes", 1, None), without], sleep(10, 0.2))
    assert unknown.break_even_queries() is None
    assert unknown.cost_usd is None
    assert unknown.output_tokens is not None


def test_notes_that_cost_more_never_break_even() -> None:
    saving = measure_saving([query("notes", 50), query("full", 30)], sleep(10))
    assert saving.paper_break_even_queries(10) is None
    assert saving.output_tokens == Difference(-20.0, None, None)
