"""What an agent's sleep and ask tell a collector, from real processes: their spans, and no text of the repository."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.test_telemetry import LEDGER_TOKENS, Place, otlp, taken_port
from tests.support.collector import Collector, attributes, collecting
from tests.support.repositories import History

SECRETS = ("okapi", "pangolin", "quokka", "axolotl", "numbat", "wombat")
"""A word of a file, of a path, of a message, of the query, of a note and of an edit."""


def tool(name: str, **args: object) -> dict[str, object]:
    return {"tool": name, "args": args}


STUDY = [tool("rethink", files=["zoo/pangolin.py"], note="A numbat lives here."), tool("finish")]
WORK = [
    tool("search_notes", query="axolotl"),
    tool("read", path="zoo/pangolin.py"),
    tool("edit", path="zoo/pangolin.py", old="okapi = 2", new="wombat = 3"),
    tool("submit"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("told"))
    history = History(made.folder / "zoo", is_bare=True)
    for message, text in (("begin", "okapi = 1\n"), ("add a quokka", "okapi = 2\n")):
        history.commit(message, {"zoo/pangolin.py": text, "zoo/keeper.py": text})
    made.run("add", "zoo", "zoo")
    rules = [{"tools": "rethink", "replies": [STUDY]}, {"replies": [[WORK[0]], WORK[1:]]}]
    (made.folder / "agent.json").write_text(json.dumps({"rules": rules}))
    broken = [WORK[2], *[{"error": "BadReply", "message": "the okapi said no"}] * 9]
    (made.folder / "broken.json").write_text(json.dumps({"replies": broken}))
    return made


@pytest.fixture(scope="module")
def told(place: Place) -> Iterator[Collector]:
    """What an agent's sleep and an agent's ask told a collector."""
    model = ("--model", "scripted:agent.json")
    with collecting() as collector:
        place.run("swe", "sleep", "zoo", *model, **otlp(collector))
        place.run("swe", "ask", "zoo", "show the axolotl", *model, **otlp(collector))
        yield collector


def test_calls_of_an_agent_lie_in_its_draft_or_in_its_query(told: Collector) -> None:
    [sleep], [draft], [ask] = (told.named(f"sleeptime.{name}") for name in ("sleep", "draft", "ask"))
    assert (draft.parent_span_id, sleep.parent_span_id, ask.parent_span_id) == (sleep.span_id, b"", b"")
    inside = Counter(span.parent_span_id for span in told.named("chat scripted"))
    assert inside == {draft.span_id: 1, ask.span_id: 2}


def test_spans_of_an_agent_say_what_it_was_about_how_it_ended_and_what_it_took(told: Collector, place: Place) -> None:
    sleep, ask = (attributes(told.named(f"sleeptime.{name}")[0].attributes) for name in ("sleep", "ask"))
    ledger = json.loads(place.run("ledger", "zoo", "--json").stdout)
    [kept] = ledger["by_agent"]["items"]
    assert (sleep["sleeptime.strategy"], sleep["sleeptime.outcome"]) == ("repository", "wrote")
    assert (ask["sleeptime.context"], ask["sleeptime.outcome"]) == ("zoo", "ok")
    assert (ask["sleeptime.query.id"], ask["sleeptime.route"], ask["sleeptime.budget"]) == (
        kept["query_id"],
        "agent",
        "steps:20",
    )
    assert (ask["sleeptime.notes.used"], ask["sleeptime.learned.version"]) == (1, kept["version"])
    for span, phase in ((sleep, "sleep"), (ask, "wake")):
        [row] = [row for row in ledger["rows"] if row["phase"] == phase]
        assert span["gen_ai.aggregated_usage.output_tokens"] == row["output_tokens"] > 0
        assert span["gen_ai.aggregated_usage.input_tokens"] == sum(row[kind] for kind in LEDGER_TOKENS[:3])
        assert told.total("sleeptime.calls", phase=phase, outcome="ok") == row["calls"]
    assert told.total("sleeptime.queries", route="agent", outcome="ok") == 1


def test_no_text_of_the_repository_leaves(told: Collector) -> None:
    sent = b"".join(told.bodies)
    assert sent
    assert [word for word in SECRETS if word.encode() in sent] == []


def test_an_agent_that_breaks_off_is_told_by_the_kind_of_error_alone(place: Place) -> None:
    code = """
import sys
from sleeptime.cli import main
sys.argv = ["sleeptime", "swe", "ask", "zoo", "show the axolotl", "--model", "scripted:broken.json"]
try:
    main()
except SystemExit as end:
    assert end.code == 1, end.code
"""
    with collecting() as collector:
        done = place.python("-c", code, **otlp(collector))
        assert (done.stdout, "the okapi said no" in done.stderr) == ("zoo/pangolin.py\n", True)
        [ask] = collector.named("sleeptime.ask")
        assert attributes(ask.attributes)["sleeptime.outcome"] == "BadReply"
        assert collector.total("sleeptime.queries", route="agent", outcome="BadReply") == 1
        assert [word for word in SECRETS if word.encode() in b"".join(collector.bodies)] == []


def test_a_command_leaves_the_port_of_prometheus_to_a_worker(place: Place) -> None:
    ask = ("swe", "ask", "zoo", "show the axolotl", "--model", "scripted:agent.json")
    with taken_port() as port:
        done = place.run(*ask, SLEEPTIME_TELEMETRY="prometheus", OTEL_EXPORTER_PROMETHEUS_PORT=str(port))
    assert "no metrics for Prometheus" not in done.stderr
