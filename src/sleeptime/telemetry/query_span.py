"""The span of a query, and its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sleeptime.core.call import OK
from sleeptime.core.query import Query
from sleeptime.telemetry.meters import OUTCOME
from sleeptime.telemetry.telemetry import CONTEXT, VERSION, Telemetry, spend_attributes

NO_ROUTE = "none"
"""Of a query that failed before it had one."""


@contextmanager
def query_span(telemetry: Telemetry, context: str) -> Iterator[Callable[[Query, str], None]]:
    """Around a query about a context; what it gives is told the answer, and the version of the context it is about."""
    began_s, route, outcome = time.perf_counter(), NO_ROUTE, OK
    try:
        with telemetry.span("sleeptime.ask", {CONTEXT: context}) as span:

            def answered(query: Query, version: str) -> None:
                nonlocal route
                route = query.route
                span.set_attributes(
                    {
                        VERSION: version,
                        OUTCOME: OK,
                        "sleeptime.query.id": query.id,
                        "sleeptime.route": query.route,
                        "sleeptime.budget": query.budget,
                        "sleeptime.notes.used": len(query.notes_used),
                        **spend_attributes(query.usage, query.cost_usd),
                    }
                )
                if query.learned is not None:
                    span.set_attribute("sleeptime.learned.version", query.learned)

            yield answered
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        telemetry.meters.query(route, outcome, time.perf_counter() - began_s)
