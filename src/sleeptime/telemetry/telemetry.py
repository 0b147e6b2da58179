"""Telemetry: what a process tells of its work, in spans and metrics; `SILENT` tells nothing and costs nothing.

Stands on OpenTelemetry's API alone, which pydantic-ai brings along; the SDK is `telemetry.export`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from opentelemetry.metrics import NoOpMeter
from opentelemetry.trace import INVALID_SPAN, NoOpTracer, Span, StatusCode, Tracer
from pydantic_ai.models import Model
from pydantic_ai.models.instrumented import InstrumentationSettings, InstrumentedModel

from sleeptime.core.call import CallLedger
from sleeptime.core.errors import CapReached, NotNow
from sleeptime.core.usage import Usage
from sleeptime.telemetry.calls import ObservedCalls
from sleeptime.telemetry.meters import Meters

CONTEXT: Final = "sleeptime.context"
"""Name of the context; of spans alone."""
VERSION: Final = "sleeptime.context.version"

Attributes = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Spans and metrics of one process.

    Args:
        tracer: begins spans.
        meters: count.
        instrumentation: how pydantic-ai shows calls; ``None`` where nothing is shown.
    """

    tracer: Tracer
    meters: Meters
    instrumentation: InstrumentationSettings | None = None

    @property
    def is_on(self) -> bool:
        """Whether anything is told."""
        return self.instrumentation is not None

    def instrumented(self, model: Model) -> Model:
        """The model with a span of the GenAI conventions for each request that is made."""
        return model if self.instrumentation is None else InstrumentedModel(model, self.instrumentation)

    def led(self, ledger: CallLedger, model: Model) -> CallLedger:
        """The ledger of calls to a model, which also counts them."""
        return ledger if self.instrumentation is None else ObservedCalls(ledger, self.meters, model.system)

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[Span]:
        """A span around what is done inside; it tells the kind of an error and not its words, which may quote text."""
        if not self.is_on:
            yield INVALID_SPAN
            return
        with self.tracer.start_as_current_span(
            name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                if not isinstance(error, CapReached | NotNow):  # a limit that holds, and a wait, are no failure
                    span.set_status(StatusCode.ERROR)
                raise


def spend_attributes(usage: Usage, cost_usd: float | None) -> dict[str, int | float]:
    """What several calls used together, under the names that pydantic-ai has for it; no cost where it is unknown.

    Not `gen_ai.usage.*`: who adds those up over all spans would count each call twice.
    """
    read = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
    tokens: dict[str, int | float] = {
        "gen_ai.aggregated_usage.input_tokens": read,
        "gen_ai.aggregated_usage.output_tokens": usage.output_tokens,
    }
    return tokens if cost_usd is None else {**tokens, "sleeptime.cost_usd": cost_usd}


SILENT: Final = Telemetry(NoOpTracer(), Meters(NoOpMeter("sleeptime")))
