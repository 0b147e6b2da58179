"""core.totals: sums over calls; an unknown price stays unknown."""

from __future__ import annotations

import pytest

from sleeptime.core.call import LOST, RUNNING, Call, Phase
from sleeptime.core.price import Tier
from sleeptime.core.totals import LedgerRow, Sums, Totals
from sleeptime.core.usage import Usage


def call(phase: Phase = Phase.WAKE, cost_usd: float | None = 0.5, **other: object) -> Call:
    usage = Usage(1, 2, 3, 4, 2)
    return Call(phase=phase, model="m", usage=usage, cost_usd=cost_usd, latency_s=0.25, **other)  # type: ignore[arg-type]  # named fields


def test_totals_add_up_every_class() -> None:
    sums = Totals.of([call(), call(outcome="RateLimited")])
    assert sums == Totals(2, 1, 0, Usage(2, 4, 6, 8, 4), 1.0, 0.5)
    assert sums.cost_usd == 1.0


def test_one_unknown_price_makes_the_sum_unknown_and_keeps_the_known_part() -> None:
    sums = Totals.of([call(), call(cost_usd=None), call()])
    assert sums.cost_usd is None
    assert (sums.unknown_calls, sums.known_cost_usd) == (1, 1.0)
    assert sums.as_dict()["cost_usd"] is None


def test_nothing_costs_nothing() -> None:
    assert Totals.of([]) == Totals()
    assert Totals.of([]).cost_usd == 0.0


def test_calls_under_way_and_lost_ones_are_told_apart_from_failures() -> None:
    sums = Totals.of(
        [
            call(),
            call(outcome="RateLimited"),
            call(cost_usd=None, outcome=LOST),
            call(cost_usd=None, outcome=RUNNING),
        ]
    )
    assert (sums.calls, sums.failed_calls, sums.lost_calls, sums.running_calls) == (3, 1, 1, 1)
    assert sums.unknown_calls == 1, "what a call under way will cost is no unknown cost"


def test_everything_but_wake_counts_as_sleep() -> None:
    totals = {phase: Totals.of([call(phase)] * n) for n, phase in enumerate(Phase, 1)}
    assert Sums((), totals, 0).sleep.calls == sum(n for n, phase in enumerate(Phase, 1) if phase is not Phase.WAKE)


def test_a_row_prints_flat_with_the_published_names() -> None:
    row = LedgerRow("a", Phase.WAKE, "m", Tier.STANDARD, Totals.of_call(call()))
    assert row.as_dict() == {
        "context": "a",
        "phase": "wake",
        "model": "m",
        "tier": "standard",
        "calls": 1,
        "failed_calls": 0,
        "lost_calls": 0,
        "running_calls": 0,
        "unknown_calls": 0,
        "input_tokens": 1,
        "cached_input_tokens": 2,
        "cache_write_tokens": 3,
        "output_tokens": 4,
        "reasoning_tokens": 2,
        "cost_usd": 0.5,
        "known_cost_usd": 0.5,
        "latency_s": pytest.approx(0.25),
    }
