"""Export: the SDK of OpenTelemetry set up for one process. Only here is it imported, and only when it is asked for.

What OpenTelemetry has a standard variable for is read by the SDK itself. The providers are ours and not the program's,
so that a program which has its own keeps them.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from prometheus_client import CollectorRegistry, start_http_server
from pydantic_ai.models.instrumented import InstrumentationSettings

from sleeptime.core.errors import InputError
from sleeptime.telemetry.exporter import Exporter
from sleeptime.telemetry.meters import Meters
from sleeptime.telemetry.standard import is_captured, prometheus_address
from sleeptime.telemetry.telemetry import Telemetry

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 3.0
"""Longest export, repeats included, where no standard variable says one: the end of a command waits for it."""
_SCOPE: Final = "sleeptime"


def export(exporters: frozenset[Exporter]) -> Telemetry:
    """Begin to export; what is left is sent when the process ends.

    Args:
        exporters: at least one.

    Raises:
        InputError: a standard variable asks for what there is not.
    """
    if Exporter.OTLP in exporters:
        _check_protocol()
    # What the SDK logs is for programs that set up logging; `_Outage` says once what matters to all others.
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
    own = version("sleeptime")
    resource = _resource(own)
    traces = TracerProvider(resource=resource)
    readers: list[MetricReader] = []
    if Exporter.OTLP in exporters:
        outage = _Outage()
        if os.environ.get("OTEL_TRACES_EXPORTER") != "none":
            traces.add_span_processor(BatchSpanProcessor(_Spans(outage)))
        if os.environ.get("OTEL_METRICS_EXPORTER") != "none":
            readers.append(PeriodicExportingMetricReader(_Metrics(outage)))
    if Exporter.PROMETHEUS in exporters:
        readers.append(_served())
    metrics = MeterProvider(readers, resource=resource)
    instrumentation = InstrumentationSettings(
        tracer_provider=traces,
        meter_provider=metrics,
        include_content=is_captured(),
        include_binary_content=False,
        include_model_request_parameters=False,
    )
    return Telemetry(traces.get_tracer(_SCOPE, own), Meters(metrics.get_meter(_SCOPE, own)), instrumentation)


def _resource(own: str) -> Resource:
    """Who tells it: what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say comes first.

    Each process is an instance of its own: the counters of several under one name would jump to and fro.
    """
    ours = {"service.name": "sleeptime", "service.version": own, "service.instance.id": str(uuid4())}
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})


def _check_protocol() -> None:
    for variable in ("", "TRACES_", "METRICS_"):
        name = f"OTEL_EXPORTER_OTLP_{variable}PROTOCOL"
        if os.environ.get(name, "http/protobuf") != "http/protobuf":
            raise InputError(f"{name}={os.environ[name]} is not possible here; allowed: http/protobuf")


def _timeout_s(signal: str) -> float | None:
    """None where a standard variable says it, which the exporter reads."""
    names = ("OTEL_EXPORTER_OTLP_TIMEOUT", f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT")
    return None if any(name in os.environ for name in names) else TIMEOUT_S


def _served() -> PrometheusMetricReader:
    """Metrics at /metrics, for a Prometheus that comes for them; without them, when the port is taken."""
    host, port = prometheus_address()
    registry = CollectorRegistry()
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        log.warning(
            "no metrics for Prometheus: %s:%d cannot be served (%s); OTEL_EXPORTER_PROMETHEUS_PORT names another port",
            host,
            port,
            error.strerror or error,
        )
    return PrometheusMetricReader(scope_info_enabled=False, registry=registry)


class _Outage:
    """Says once that nobody takes what is sent, and again when somebody did in between."""

    def __init__(self) -> None:
        self._is_out = False
        self._lock = threading.Lock()

    def tell(self, is_taken: bool, endpoint: str) -> None:
        """What became of an export."""
        with self._lock:
            is_new, self._is_out = not is_taken and not self._is_out, not is_taken
        if is_new:
            log.warning("telemetry is lost: %s does not take it; work goes on", endpoint)


class _Spans(OTLPSpanExporter):
    """Spans to a collector."""

    def __init__(self, outage: _Outage) -> None:
        super().__init__(timeout=_timeout_s("TRACES"))
        self._outage = outage

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As `SpanExporter.export`."""
        result = super().export(spans)
        self._outage.tell(result is SpanExportResult.SUCCESS, self._endpoint)
        return result


class _Metrics(OTLPMetricExporter):
    """Metrics to a collector."""

    def __init__(self, outage: _Outage) -> None:
        super().__init__(timeout=_timeout_s("METRICS"))
        self._outage = outage

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = None, **kwargs: object
    ) -> MetricExportResult:
        """As `MetricExporter.export`."""
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self._outage.tell(result is MetricExportResult.SUCCESS, self._endpoint)
        return result
