"""ledger.record: sums by phase and by row; an unknown price stays unknown."""

from __future__ import annotations

import pytest

from sleeptime.core.call import Call, Phase
from sleeptime.core.price import Tier
from sleeptime.core.usage import Usage
from sleeptime.ledger.record import Totals, ledger_rows, total, totals_by_phase


def call(phase: Phase = Phase.WAKE, cost_usd: float | None = 0.5, **other: object) -> Call:
    usage = Usage(1, 2, 3, 4, 2)
    return Call(phase=phase, model="m", usage=usage, cost_usd=cost_usd, latency_s=0.25, **other)  # type: ignore[arg-type]  # named fields


def test_totals_add_up_every_class() -> None:
    sums = total([call(), call(outcome="RateLimited")])
    assert sums == Totals(2, 1, 0, Usage(2, 4, 6, 8, 4), 1.0, 0.5)
    assert sums.cost_usd == 1.0


def test_one_unknown_price_makes_the_sum_unknown_and_keeps_the_known_part() -> None:
    sums = total([call(), call(cost_usd=None), call()])
    assert sums.cost_usd is None
    assert (sums.unknown_calls, sums.known_cost_usd) == (1, 1.0)
    assert sums.as_dict()["cost_usd"] is None


def test_nothing_costs_nothing() -> None:
    assert total([]) == Totals()
    assert total([]).cost_usd == 0.0


def test_phases_come_in_their_own_order_and_only_when_used() -> None:
    sums = totals_by_phase([call(Phase.WAKE), call(Phase.SLEEP), call(Phase.WAKE, cost_usd=None)])
    assert list(sums) == [Phase.SLEEP, Phase.WAKE]
    assert (sums[Phase.SLEEP].cost_usd, sums[Phase.WAKE].cost_usd) == (0.5, None)


def test_rows_keep_context_phase_model_and_tier_apart() -> None:
    rows = ledger_rows(
        [
            call(context="b"),
            call(context="a", tier=Tier.BATCH),
            call(context="a"),
            call(context="a"),
            call(Phase.SLEEP, context="a"),
        ]
    )
    found = [(row.context, row.phase, row.tier, row.totals.calls) for row in rows]
    assert found == [
        ("a", Phase.SLEEP, Tier.STANDARD, 1),
        ("a", Phase.WAKE, Tier.BATCH, 1),
        ("a", Phase.WAKE, Tier.STANDARD, 2),
        ("b", Phase.WAKE, Tier.STANDARD, 1),
    ]
    assert sum((row.totals for row in rows), Totals()).calls == 5


def test_a_row_prints_flat_with_the_published_names() -> None:
    (row,) = ledger_rows([call(context="a")])
    assert row.as_dict() == {
        "context": "a",
        "phase": "wake",
        "model": "m",
        "tier": "standard",
        "calls": 1,
        "failed_calls": 0,
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
