from __future__ import annotations

from datetime import UTC, datetime

import pytest
from opentelemetry.metrics import NoOpMeter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pydantic_ai.models.instrumented import InstrumentationSettings

from sleeptime.core.errors import CapReached, NotNow, ProviderDown
from sleeptime.models.scripted import ScriptedModel
from sleeptime.telemetry.meters import Meters
from sleeptime.telemetry.telemetry import SILENT, Telemetry
from tests.support.calls import MemoryLedger


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def telemetry(spans: InMemorySpanExporter) -> Telemetry:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentation = InstrumentationSettings(tracer_provider=provider)
    return Telemetry(provider.get_tracer("test"), Meters(NoOpMeter("test")), instrumentation)


def test_an_error_is_told_by_its_kind_and_not_by_its_words(telemetry: Telemetry, spans: InMemorySpanExporter) -> None:
    with pytest.raises(ProviderDown), telemetry.span("work", {"a": 1}):
        raise ProviderDown("the prompt was: secret")
    (span,) = spans.get_finished_spans()
    assert dict(span.attributes or {}) == {"a": 1, "error.type": "ProviderDown"}
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, None, ())


@pytest.mark.parametrize("error", [CapReached("full"), NotNow("later", datetime.now(UTC))])
def test_a_limit_and_a_wait_are_no_failures(
    telemetry: Telemetry, spans: InMemorySpanExporter, error: Exception
) -> None:
    with pytest.raises(type(error)), telemetry.span("work", {}):
        raise error
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.UNSET


def test_who_tells_nothing_puts_nothing_between() -> None:
    model, ledger = ScriptedModel(["a"]), MemoryLedger()
    assert SILENT.instrumented(model) is model
    assert SILENT.led(ledger, model) is ledger
    with SILENT.span("work", {}) as span:
        assert not span.is_recording()
