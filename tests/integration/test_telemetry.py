"""Telemetry of real processes: sent to a collector, scraped as a Prometheus does, and not there when it is off."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.collector import Collector, attributes, collecting
from tests.support.commands import note, writes
from tests.support.jobs import WorkerProcess, until

SECRETS = ("okapi", "pangolin", "quokka", "axolotl")
"""A word of the context, of the notes, of the query and of the answer."""
RULES = [
    {"tools": "write_notes", "replies": [writes(note("The pangolin sleeps."), note("Tom has 3 apples."))]},
    {"replies": ["An axolotl."]},
]
LEDGER_TOKENS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens")


@dataclass
class Place:
    """A folder with a context ``c``, and commands that run there."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "script.json").write_text(json.dumps({"rules": RULES}))
        (self.folder / "c.md").write_text("The okapi counts. Tom has 3 apples.")
        self.run("add", "c", "c.md")

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 's.db'}"

    def environment(self, **variables: str) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLEEPTIME_", "OTEL_"))}
        own = {"SLEEPTIME_DATABASE_URL": self.url, "SLEEPTIME_MODEL": "scripted:script.json"}
        return {**clean, **own, "OTEL_METRIC_EXPORT_INTERVAL": "3600000", **variables}

    def python(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python there, with warnings as errors; it must end well."""
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        return self.python("-m", "sleeptime", *arguments, **variables)

    def ledger(self) -> list[dict[str, Any]]:
        """The rows of the ledger."""
        rows: list[dict[str, Any]] = json.loads(self.run("ledger", "c", "--json").stdout)["rows"]
        return rows


def otlp(collector: Collector) -> dict[str, str]:
    """The variables of a process that tells a collector."""
    return {"SLEEPTIME_TELEMETRY": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "zoo"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def told(place: Place) -> Iterator[Collector]:
    """What a sleep of two drafts and a query told a collector."""
    with collecting() as collector:
        place.run("sleep", "c", "--drafts", "2", **otlp(collector))
        place.run("ask", "c", "Where is the quokka?", **otlp(collector))
        yield collector


def test_spans_of_calls_lie_in_drafts_and_those_in_the_sleep(told: Collector) -> None:
    (sleep,), drafts = told.named("sleeptime.sleep"), told.named("sleeptime.draft")
    assert not sleep.parent_span_id
    assert {draft.parent_span_id for draft in drafts} == {sleep.span_id}
    assert sorted(attributes(draft.attributes)["sleeptime.draft"] for draft in drafts) == [0, 1]
    (ask,) = told.named("sleeptime.ask")
    inside = Counter(span.parent_span_id for span in told.named("chat scripted"))
    assert inside == {drafts[0].span_id: 1, drafts[1].span_id: 1, ask.span_id: 1}
    assert ask.trace_id != sleep.trace_id


def test_spans_say_what_it_was_about_how_it_ended_and_what_it_took(told: Collector, place: Place) -> None:
    version = json.loads(place.run("notes", "c", "--json").stdout)["context_version"]
    tokens = Counter[str]()
    for name, outcome in (("sleeptime.sleep", "wrote"), ("sleeptime.ask", "ok")):
        found = attributes(told.named(name)[0].attributes)
        assert (found["sleeptime.context"], found["sleeptime.context.version"]) == ("c", version)
        assert found["sleeptime.outcome"] == outcome
        tokens["in"] += found["gen_ai.aggregated_usage.input_tokens"]
        tokens["out"] += found["gen_ai.aggregated_usage.output_tokens"]
    rows = place.ledger()
    assert tokens["out"] == sum(row["output_tokens"] for row in rows) > 0
    assert tokens["in"] == sum(row[kind] for row in rows for kind in LEDGER_TOKENS[:3]) > 0
    chat = attributes(told.named("chat scripted")[0].attributes)
    assert (chat["gen_ai.operation.name"], chat["gen_ai.request.model"]) == ("chat", "scripted")


def test_metrics_of_all_processes_together_are_the_ledger(told: Collector, place: Place) -> None:
    rows = place.ledger()
    for phase in ("sleep", "wake"):
        mine = [row for row in rows if row["phase"] == phase]
        assert told.total("sleeptime.calls", phase=phase, outcome="ok") == sum(row["calls"] for row in mine) > 0
        for kind in LEDGER_TOKENS:
            counted = told.total("sleeptime.call.tokens", phase=phase, token_kind=kind.removesuffix("_tokens"))
            assert counted == sum(row[kind] for row in mine)
    assert told.total("gen_ai.client.operation.duration") == told.total("sleeptime.calls") == 3
    assert told.total("gen_ai.client.token.usage") == 6, "input and output of each call, by pydantic-ai"
    assert told.values("sleeptime.sleeps") == {
        frozenset({("sleeptime.outcome", "wrote"), ("sleeptime.trigger", "hand")}): 1
    }
    assert told.total("sleeptime.notes.learned") == 2
    assert told.total("sleeptime.queries", outcome="ok") == 1


def test_no_text_leaves_and_metrics_do_not_name_contexts(told: Collector) -> None:
    sent = b"".join(told.bodies)
    assert [word for word in SECRETS if word.encode() in sent] == []
    assert b"Tom has" not in sent
    contexts = [sent for sent in told.metrics if "sleeptime.context" in str(sent)]
    assert contexts == []


def test_each_process_is_an_instance_of_the_service_that_the_standard_variable_names(told: Collector) -> None:
    resources = [attributes(of.resource.attributes) for sent in told.traces for of in sent.resource_spans]
    assert {resource["service.name"] for resource in resources} == {"zoo"}
    assert len({resource["service.instance.id"] for resource in resources}) == 2


def test_text_is_told_when_the_standard_variable_asks_for_it(place: Place) -> None:
    with collecting() as collector:
        asked = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY", **otlp(collector)}
        place.run("ask", "c", "Where is the quokka?", **asked)
        assert [word for word in SECRETS if word.encode() in b"".join(collector.bodies)] != []


def test_a_query_that_fails_is_told_with_the_kind_of_error_alone(place: Place) -> None:
    script = place.folder / "refused.json"
    script.write_text(json.dumps({"replies": [{"error": "RequestRejected", "message": "the okapi said no"}]}))
    code = """
import sys
from sleeptime.cli import main
sys.argv = ["sleeptime", "ask", "c", "Where?"]
try:
    main()
except SystemExit as end:
    assert end.code == 1, end.code
"""
    with collecting() as collector:
        done = place.python("-c", code, **{**otlp(collector), "SLEEPTIME_MODEL": f"scripted:{script}"})
        assert "okapi" in done.stderr
        assert b"okapi" not in b"".join(collector.bodies)
        assert collector.total("sleeptime.queries", route="none", outcome="RequestRejected") == 1
        assert collector.total("sleeptime.calls", outcome="RequestRejected") == 1
        (ask,) = collector.named("sleeptime.ask")
        assert attributes(ask.attributes)["error.type"] == "RequestRejected"


def test_a_collector_that_is_down_costs_a_line_and_not_the_answer(place: Place) -> None:
    with taken_port() as port:  # bound, and nobody listens
        done = place.run(
            "ask", "c", "Where?", SLEEPTIME_TELEMETRY="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}"
        )
    assert done.stdout == "An axolotl.\n"
    assert done.stderr.count("telemetry is lost") == 1
    assert "Traceback" not in done.stderr


async def test_a_prometheus_scrapes_a_worker_and_finds_the_ledger_and_the_queue(tmp_path: Path) -> None:
    place, port = Place(tmp_path), free_port()
    place.run("sleep", "c", "--background")
    with working(place, SLEEPTIME_TELEMETRY="prometheus", OTEL_EXPORTER_PROMETHEUS_PORT=str(port)) as worker:
        await worker.started()

        def has_told() -> bool:
            found = scraped(port)
            stands = [value for (name, _), value in found.items() if name == "sleeptime_jobs"]
            return found["sleeptime_sleeps_total", "wrote"] == 1 and stands == [0, 0, 0, 0]

        await until(has_told, "the sleep is over and the queue is empty in the metrics", worker)
        found, (row,) = scraped(port), place.ledger()
        assert found["sleeptime_calls_total", "ok"] == row["calls"] == 1
        for kind in LEDGER_TOKENS:
            assert found["sleeptime_call_tokens_total", kind.removesuffix("_tokens")] == row[kind]
        assert found["sleeptime_workers", ""] == 1
        assert ("sleeptime_contexts_quarantined", "") in found
        text = page(port)
        assert re.search(r"okapi|pangolin|context=", text) is None
        worker.send(signal.SIGTERM)
        assert await worker.ended() == 0, worker.log.read_text()


async def test_a_port_that_is_taken_costs_a_line_and_not_the_worker(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with (
        taken_port() as port,
        working(place, SLEEPTIME_TELEMETRY="prometheus", OTEL_EXPORTER_PROMETHEUS_PORT=str(port)) as worker,
    ):
        await worker.started()
        worker.send(signal.SIGTERM)
        assert await worker.ended() == 0
        assert worker.log.read_text().count("no metrics for Prometheus") == 1


LOADED = """
import asyncio, json, random, sys
from sleeptime import Sleeptime
from sleeptime.jobs.worker import run_worker
from sleeptime.settings import load_settings

async def main():
    async with Sleeptime() as sleeptime:
        await sleeptime.sleep("c")
        await sleeptime.ask("c", "Where?")
    stop = asyncio.Event()
    await run_worker(load_settings(), stop, rng=random.Random(0), started=lambda _: stop.set())

asyncio.run(main())
of_the_extra = ("opentelemetry.sdk", "opentelemetry.exporter", "prometheus_client")
print(json.dumps([name for name in sys.modules if name.startswith(of_the_extra)]))
"""


def test_off_is_the_default_and_loads_nothing_of_the_sdk(place: Place) -> None:
    assert json.loads(place.python("-c", LOADED).stdout) == []
    disabled = place.python("-c", LOADED, SLEEPTIME_TELEMETRY="otlp,prometheus", OTEL_SDK_DISABLED="true")
    assert json.loads(disabled.stdout) == []
    assert json.loads(place.python("-c", LOADED, SLEEPTIME_TELEMETRY="otlp").stdout) != []


def test_without_the_extra_it_is_an_error_that_says_what_to_install(place: Place) -> None:
    code = """
import sys
sys.modules["prometheus_client"] = None  # as if it were not installed
from sleeptime.cli import main
sys.argv = ["sleeptime", "ask", "c", "Where?"]
try:
    main()
except SystemExit as end:
    assert end.code == 2, end.code
"""
    done = place.python("-c", code, SLEEPTIME_TELEMETRY="otlp")
    assert 'pip install "sleeptime[telemetry]"' in done.stderr
    assert done.stdout == ""


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def free_port() -> int:
    with taken_port() as port:
        return port


@contextmanager
def working(place: Place, **variables: str) -> Iterator[WorkerProcess]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment(**variables).items():
            patch.setenv(name, value)
        worker = WorkerProcess(place.url, place.folder / "worker.log")
    try:
        yield worker
    finally:
        worker.close()


def page(port: int) -> str:
    with urllib.request.urlopen(f"http://localhost:{port}/metrics", timeout=30) as response:
        text: str = response.read().decode()
    return text


def scraped(port: int) -> Counter[tuple[str, str]]:
    """Samples by their name and what they are told apart by."""
    apart = ("sleeptime_outcome", "sleeptime_token_kind", "sleeptime_job_state")
    found = Counter[tuple[str, str]]()
    for family in text_string_to_metric_families(page(port)):
        for sample in family.samples:
            key = next((sample.labels[label] for label in apart if label in sample.labels), "")
            found[sample.name, key] += sample.value  # type: ignore[assignment]
    return found
