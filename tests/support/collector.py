"""A collector on loopback that takes OTLP over HTTP and keeps what it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.serving import serving

Labels = frozenset[tuple[str, str]]


@dataclass
class Collector:
    """What was sent.

    Args:
        url: where it listens, as `OTEL_EXPORTER_OTLP_ENDPOINT` wants it.
    """

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        """Every span, in the order in which they ended."""
        return [
            span
            for sent in self.traces
            for of in sent.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    def values(self, name: str) -> dict[Labels, float]:
        """A counter's sums, or how often a histogram was told something, over all processes; or a gauge's last values.

        Each process sends its metrics once: give it a long `OTEL_METRIC_EXPORT_INTERVAL`.
        """
        found: dict[Labels, float] = {}
        for metric in self._metrics(name):
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                labels = frozenset(attributes(point.attributes).items())
                value = point.count if metric.HasField("histogram") else point.as_int or point.as_double
                found[labels] = found.get(labels, 0) + value
        return found

    def total(self, name: str, **labels: str) -> float:
        """The sum over all points of a metric that have these labels: `phase` for `sleeptime.phase`."""
        wanted = {(f"sleeptime.{key.replace('_', '.')}", value) for key, value in labels.items()}
        return sum(value for found, value in self.values(name).items() if wanted <= found)

    def _metrics(self, name: str) -> Iterator[Any]:
        for sent in self.metrics:
            for of in sent.resource_metrics:
                for scope in of.scope_metrics:
                    yield from (metric for metric in scope.metrics if metric.name == name)


def attributes(found: Any) -> dict[str, Any]:
    """Attributes by name."""
    return {pair.key: _value(pair) for pair in found}


def _value(pair: KeyValue) -> Any:
    kind = pair.value.WhichOneof("value")
    return None if kind is None else getattr(pair.value, kind)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Collect until the block ends."""
    collector, app = Collector(), FastAPI()

    @app.post("/v1/traces")
    async def take_spans(request: Request) -> Response:
        body = await request.body()
        sent = ExportTraceServiceRequest.FromString(body)
        collector.bodies.append(body)
        collector.traces.append(sent)
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type="application/x-protobuf")

    @app.post("/v1/metrics")
    async def take_metrics(request: Request) -> Response:
        body = await request.body()
        sent = ExportMetricsServiceRequest.FromString(body)
        collector.bodies.append(body)
        collector.metrics.append(sent)
        return Response(ExportMetricsServiceResponse().SerializeToString(), media_type="application/x-protobuf")

    with serving(app) as url:
        collector.url = url
        yield collector
