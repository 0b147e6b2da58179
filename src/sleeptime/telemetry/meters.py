"""Meters: what is counted and measured, with its names and units (docs/telemetry.md).

An attribute of a metric takes few values: a context, a job or a query is named by spans alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.metrics import Meter

from sleeptime.core.call import OK, Call, Phase

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Bounds of `gen_ai.client.operation.duration`, as the GenAI conventions give them."""
SLEEP_SECONDS: Final = (0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0)

PHASE: Final = "sleeptime.phase"
OUTCOME: Final = "sleeptime.outcome"
MODEL: Final = "gen_ai.request.model"


class Meters:
    """The instruments of a meter.

    Args:
        meter: makes them.
    """

    def __init__(self, meter: Meter) -> None:
        count, measure, show = meter.create_counter, meter.create_histogram, meter.create_gauge
        self._calls = count("sleeptime.calls", "{call}", "Calls of models that have ended")
        self._tokens = count("sleeptime.call.tokens", "{token}", "Tokens of calls; the kinds do not overlap")
        self._reasoning = count("sleeptime.call.reasoning_tokens", "{token}", "Output tokens that were reasoning")
        self._cost = count("sleeptime.call.cost", "{USD}", "What calls cost in USD, where the price is known")
        self._unpriced = count("sleeptime.call.unpriced", "{call}", "Calls whose price is unknown")
        self._duration = measure(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._refusals = count("sleeptime.cap.refusals", "{call}", "Calls that a cap had no room for; not made")
        self._sleeps = count("sleeptime.sleeps", "{sleep}", "Sleeps that are over")
        self._run_duration = measure(
            "sleeptime.sleep.run.duration",
            "s",
            "From the beginning of a run of a sleep to its end",
            explicit_bucket_boundaries_advisory=SLEEP_SECONDS,
        )
        self._notes = count("sleeptime.notes.learned", "{note}", "Notes of the learned contexts that were written")
        self._queries = count("sleeptime.queries", "{query}", "Queries that were answered, or failed")
        self._query_duration = measure(
            "sleeptime.query.duration",
            "s",
            "From a query to its answer",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._jobs = show("sleeptime.jobs", "{job}", "Jobs that are not over, by state; counted to 10,000")
        self._quarantined = show("sleeptime.contexts.quarantined", "{context}", "Contexts in quarantine")
        self._workers = show("sleeptime.workers", "{worker}", "Workers that are not known to be gone")
        self._breakers = show("sleeptime.breakers.open", "{model}", "Models that are left alone")

    def call(self, call: Call, provider: str) -> None:
        """A call has ended."""
        model = {MODEL: call.model}
        of_phase = {PHASE: call.phase.value, **model}
        self._calls.add(1, {**of_phase, "sleeptime.tier": call.tier.value, OUTCOME: call.outcome})
        usage = call.usage
        for kind, tokens in (
            ("input", usage.input_tokens),
            ("cached_input", usage.cached_input_tokens),
            ("cache_write", usage.cache_write_tokens),
            ("output", usage.output_tokens),
        ):
            if tokens:
                self._tokens.add(tokens, {**of_phase, "sleeptime.token.kind": kind})
        if usage.reasoning_tokens:
            self._reasoning.add(usage.reasoning_tokens, of_phase)
        if call.cost_usd is None:
            self._unpriced.add(1, of_phase)
        else:
            self._cost.add(call.cost_usd, of_phase)
        operation = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, **model}
        failed = {} if call.outcome == OK else {"error.type": call.outcome}
        self._duration.record(call.latency_s, {**operation, **failed})

    def refused(self, phase: Phase, model: str) -> None:
        """A cap had no room for a call."""
        self._refusals.add(1, {PHASE: phase.value, MODEL: model})

    def run(self, duration_s: float, state: str) -> None:
        """A run of a job has ended, and the job stands in this state."""
        self._run_duration.record(duration_s, {"sleeptime.job.state": state})

    def sleep(self, outcome: str, trigger: str, num_notes: int) -> None:
        """A sleep is over."""
        self._sleeps.add(1, {OUTCOME: outcome, "sleeptime.trigger": trigger})
        if num_notes:
            self._notes.add(num_notes)

    def query(self, route: str, outcome: str, duration_s: float) -> None:
        """A query was answered, or failed."""
        attributes = {"sleeptime.route": route, OUTCOME: outcome}
        self._queries.add(1, attributes)
        self._query_duration.record(duration_s, attributes)

    def queue(self, jobs: Mapping[str, int], *, quarantined: int, workers: int, breakers: int) -> None:
        """How sleep stands.

        Args:
            jobs: how many are in each state, zeros too.
            quarantined: contexts.
            workers: that are there.
            breakers: that are open.
        """
        for state, count in jobs.items():
            self._jobs.set(count, {"sleeptime.job.state": state})
        self._quarantined.set(quarantined)
        self._workers.set(workers)
        self._breakers.set(breakers)
