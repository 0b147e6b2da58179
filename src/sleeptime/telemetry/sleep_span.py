"""The span of one run of a sleep, and its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sleeptime.core.job import Job, JobState
from sleeptime.core.note import LearnedContext
from sleeptime.core.outcome import Outcome
from sleeptime.core.totals import Totals
from sleeptime.telemetry.meters import OUTCOME
from sleeptime.telemetry.telemetry import CONTEXT, VERSION, Telemetry, spend_attributes

PASSED = "passed"
"""Where the job stands for a run that had passed: with others."""

Told = Callable[[JobState | None, Outcome | None, LearnedContext | None, Totals], None]
"""Told where the job stands, how it ended when it is over, what it wrote, and what this run spent."""


@contextmanager
def sleep_span(telemetry: Telemetry, job: Job) -> Iterator[Told]:
    """Around a run of a job; what it gives is told what became of it."""
    began_s, asked = time.perf_counter(), job.settings
    about: dict[str, str | int] = {
        CONTEXT: job.context,
        VERSION: job.context_version,
        "sleeptime.job.id": job.id,
        "sleeptime.job.run": job.run,
        "sleeptime.trigger": job.trigger,
        **{f"sleeptime.{name}": str(asked[name]) for name in ("strategy", "tier") if asked.get(name) is not None},
    }
    with telemetry.span("sleeptime.sleep", about) as span:

        def told(
            state: JobState | None, outcome: Outcome | None, written: LearnedContext | None, totals: Totals
        ) -> None:
            stands = PASSED if state is None else state.value
            num_notes = 0 if written is None else len(written.notes)
            span.set_attributes(
                {
                    "sleeptime.job.state": stands,
                    "sleeptime.calls": totals.calls,
                    "sleeptime.notes.learned": num_notes,
                    **spend_attributes(totals.usage, totals.cost_usd),
                }
            )
            telemetry.meters.run(time.perf_counter() - began_s, stands)
            if outcome is not None:
                span.set_attribute(OUTCOME, outcome.value)
                telemetry.meters.sleep(outcome.value, job.trigger, num_notes)

        yield told
