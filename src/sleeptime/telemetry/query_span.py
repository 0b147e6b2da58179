"""The span of a query, and its metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from sleeptime.core.call import OK
from sleeptime.core.query import Query
from sleeptime.telemetry.meters import OUTCOME
from sleeptime.telemetry.telemetry import CONTEXT, VERSION, Telemetry, spend_attributes

NO_ROUTE = "none"
"""Of a query that failed before it had one."""


class Told(Protocol):
    """Told what became of a query."""

    def __call__(self, query: Query, version: str, outcome: str = OK) -> None:
        """Tell it.

        Args:
            query: as it is kept.
            version: of the context that it is about.
            outcome: the kind of the error that the answer broke off with, or that it was ok.
        """
        ...


@contextmanager
def query_span(telemetry: Telemetry, context: str) -> Iterator[Told]:
    """Around a query about a context; what it gives is told what became of it."""
    began_s, route, ended = time.perf_counter(), NO_ROUTE, OK
    try:
        with telemetry.span("sleeptime.ask", {CONTEXT: context}) as span:

            def answered(query: Query, version: str, outcome: str = OK) -> None:
                nonlocal route, ended
                route, ended = query.route, outcome
                span.set_attributes(
                    {
                        VERSION: version,
                        OUTCOME: outcome,
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
        ended = type(error).__name__
        raise
    finally:
        telemetry.meters.query(route, ended, time.perf_counter() - began_s)
