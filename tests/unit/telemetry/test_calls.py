"""What is counted of calls, read back from the real SDK."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint

from sleeptime.core.call import RUNNING, Call, Phase
from sleeptime.core.errors import CapReached
from sleeptime.core.price import Tier
from sleeptime.core.usage import Usage
from sleeptime.telemetry.calls import ObservedCalls
from sleeptime.telemetry.meters import Meters
from tests.support.calls import MemoryLedger

USAGE = Usage(input_tokens=7, cached_input_tokens=5, cache_write_tokens=3, output_tokens=11, reasoning_tokens=2)
ASKED = Call(phase=Phase.WAKE, model="m", usage=USAGE, cost_usd=0.25, latency_s=0.5, context="secret name")
SLEPT = Call(phase=Phase.SLEEP, model="m", usage=Usage(input_tokens=100), cost_usd=None, tier=Tier.FLEX)
FAILED = Call(phase=Phase.SLEEP, model="m", usage=Usage(), cost_usd=0.0, outcome="ProviderDown")


class Full(MemoryLedger):
    """A ledger without room."""

    async def begin(self, call: Call) -> None:
        raise CapReached("full")


class Seen:
    """Meters, and what they show."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.meters = Meters(MeterProvider([self._reader]).get_meter("test"))

    def points(self, name: str) -> Counter[tuple[tuple[str, object], ...]]:
        """Sums of a counter, or counts of a histogram, by their attributes."""
        found: Counter[tuple[tuple[str, object], ...]] = Counter()
        data = self._reader.get_metrics_data()
        assert data is not None
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            if metric.name == name:
                for point in metric.data.data_points:
                    labels = tuple(sorted((point.attributes or {}).items()))
                    assert isinstance(point, HistogramDataPoint | NumberDataPoint)
                    found[labels] += point.count if isinstance(point, HistogramDataPoint) else point.value  # type: ignore[assignment]
        return found


@pytest.fixture
async def seen() -> Seen:
    """Meters that were told three calls."""
    seen = Seen()
    ledger = ObservedCalls(MemoryLedger(), seen.meters, "openai")
    for call in (ASKED, SLEPT, FAILED):
        await ledger.begin(replace(call, outcome=RUNNING))
        await ledger.end(call)
    return seen


async def test_a_call_counts_once_by_phase_model_tier_and_outcome(seen: Seen) -> None:
    def labels(phase: str, outcome: str, tier: str = "standard") -> tuple[tuple[str, object], ...]:
        return (
            ("gen_ai.request.model", "m"),
            ("sleeptime.outcome", outcome),
            ("sleeptime.phase", phase),
            ("sleeptime.tier", tier),
        )

    assert seen.points("sleeptime.calls") == {
        labels("wake", "ok"): 1,
        labels("sleep", "ok", "flex"): 1,
        labels("sleep", "ProviderDown"): 1,
    }


async def test_the_kinds_of_tokens_add_up_to_all_of_them(seen: Seen) -> None:
    tokens = seen.points("sleeptime.call.tokens")
    wake = {
        dict(labels)["sleeptime.token.kind"]: n for labels, n in tokens.items() if ("sleeptime.phase", "wake") in labels
    }
    assert wake == {"input": 7, "cached_input": 5, "cache_write": 3, "output": 11}
    assert sum(tokens.values()) == 7 + 5 + 3 + 11 + 100
    assert sum(seen.points("sleeptime.call.reasoning_tokens").values()) == 2


async def test_a_price_that_is_unknown_is_told_as_such_and_not_as_zero(seen: Seen) -> None:
    assert sum(seen.points("sleeptime.call.cost").values()) == pytest.approx(0.25)
    unpriced = seen.points("sleeptime.call.unpriced")
    assert unpriced == {(("gen_ai.request.model", "m"), ("sleeptime.phase", "sleep")): 1}


async def test_durations_are_those_of_the_conventions_with_the_kind_of_error(seen: Seen) -> None:
    told = [dict(labels) for labels in seen.points("gen_ai.client.operation.duration").elements()]
    assert [found.get("error.type") for found in told].count("ProviderDown") == 1
    assert {found["gen_ai.provider.name"] for found in told} == {"openai"}
    assert len(told) == 3


async def test_a_refusal_of_a_cap_is_counted_and_raised_and_is_no_call() -> None:
    seen = Seen()
    with pytest.raises(CapReached):
        await ObservedCalls(Full(), seen.meters, "openai").begin(SLEPT)
    assert sum(seen.points("sleeptime.cap.refusals").values()) == 1
    assert not seen.points("sleeptime.calls")
