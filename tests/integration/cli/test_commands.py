"""Commands in this process: what they print, where, and with which exit code."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from sleeptime.cli.output import progress_bar
from sleeptime.models.scripted import ScriptedModel, ToolCall
from tests.support.commands import Cli, add, note, script, writes
from tests.support.openai_server import openai_server


def test_what_was_left_out_is_named_on_stderr_and_in_json(cli: Cli) -> None:
    Path("d").mkdir()
    Path("d/ok.md").write_text("text")
    Path("d/logo.png").write_bytes(b"\x89PNG\0")
    done = cli("add", "c", "d", "--json")
    assert done.code == 0
    assert done.err == "left out: 1 binary (d/logo.png)\n"
    assert done.json["skipped"] == [{"name": "d/logo.png", "reason": "binary"}]
    assert (done.json["parts"], done.json["bytes"]) == (1, 4)


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_bad_source_stores_nothing_and_exits_with_2(cli: Cli, extra: tuple[str, ...]) -> None:
    Path("good.md").write_text("text")
    Path("bad.bin").write_bytes(b"\0")
    done = cli("add", "c", "good.md", "bad.bin", *extra)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: bad.bin is binary")
    missing = cli("notes", "c", *extra)
    assert (missing.code, missing.out) == (1, "")
    assert "'c'" in missing.err


def test_a_limit_is_a_setting(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_MAX_PART_BYTES", "10")
    Path("a.md").write_text("x" * 11)
    done = cli("add", "c", "a.md")
    assert done.code == 2
    assert "a.md is larger than 10 bytes" in done.err


def test_standard_input_is_a_source(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    assert cli("add", "c", "-", "--json").json["bytes"] == 11


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "c"),
        ("sleep", "c", "--strategy", "dream"),
        ("sleep", "c", "--drafts", "0"),
        ("sleep", "c", "--colour"),
        ("ask", "c", "q", "--route", "direct"),
        ("ask", "c", "q", "--budget", "v9"),
        ("ask", "c", "q", "--model", "gpt"),
        ("ask", "c", "q", "--database", "mysql://x"),
        ("ask", "c", ""),
        ("jobs", "--limit", "99999999999999999999"),
        ("notes", "c", "--diff", "1"),
        ("notes", "c", "--version", "1", "--rollback", "1"),
        ("dream",),
    ],
)
def test_a_usage_error_exits_with_2_and_says_so_on_stderr(cli: Cli, arguments: tuple[str, ...]) -> None:
    add(cli)
    script("reply")
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize(
    "command", [("sleep", "nowhere"), ("ask", "nowhere", "q"), ("notes", "nowhere"), ("ledger", "nowhere")]
)
def test_a_context_that_does_not_exist_exits_with_1(cli: Cli, command: tuple[str, ...]) -> None:
    script("reply")
    done = cli(*command, "--json")
    assert (done.code, done.out) == (1, "")
    assert "nowhere" in done.err


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("sleep",),
        ("ask", "{}", "q"),
        ("notes",),
        ("ledger",),
        ("policy",),
        ("jobs",),
        ("jobs", "pause"),
        ("jobs", "release"),
    ],
)
def test_a_name_that_is_no_text_is_an_error_of_who_gave_it(cli: Cli, command: tuple[str, ...]) -> None:
    script("reply")
    given = [part.replace("{}", "\udcff") for part in command]
    done = cli(*(given if "{}" in command else [*given, "\udcff"]))
    assert (done.code, done.out) == (2, "")
    assert "lone surrogate U+DCFF" in done.err
    assert "backup" not in done.err


def test_a_context_that_was_not_slept_on_is_answered_in_full_and_a_remark_says_so(cli: Cli) -> None:
    add(cli)
    script("The answer is 3.", "The answer is 3.")
    done = cli("ask", "c", "How many?", "--json")
    assert (done.json["route"], done.json["notes_used"]) == ("full", [])
    assert "no notes in service" in done.err
    assert cli("ask", "c", "How many?").out == "The answer is 3.\n"


def test_a_failed_sleep_exits_with_1_and_leaves_the_notes(cli: Cli) -> None:
    add(cli)
    script(writes(note("first")))
    assert cli("sleep", "c").code == 0
    script("words", "words", "words")
    done = cli("sleep", "c", "--full", "--json")
    assert (done.code, done.json["outcome"], done.json["version"], done.json["notes"]) == (1, "failed", None, [])
    assert done.json["reason"]
    assert [item["text"] for item in cli("notes", "c", "--json").json["notes"]] == ["first"]


def test_a_provider_that_fails_is_no_traceback_and_stays_in_the_ledger(cli: Cli) -> None:
    add(cli)
    script({"error": "RequestRejected", "message": "no such model"})
    done = cli("ask", "c", "q", "--json")
    assert (done.code, done.out) == (1, "")
    assert "no such model" in done.err
    script({"error": "RequestRejected", "message": "no such model"})
    done = cli("sleep", "c")
    assert done.code == 1
    assert "no such model" in done.err
    totals = cli("ledger", "c", "--json").json["totals"]
    assert (totals["sleep"]["failed_calls"], totals["wake"]["failed_calls"]) == (1, 1)


def test_a_sleep_that_finds_the_same_again_is_nothing_new(cli: Cli) -> None:
    add(cli)
    script(writes(note("first")))
    cli("sleep", "c")
    script(writes(note("first")))
    done = cli("sleep", "c", "--full", "--json")
    assert (done.code, done.json["outcome"], done.json["version"]) == (0, "nothing new", None)


@pytest.mark.parametrize("strategy", ["notes", "rethink"])
def test_a_dry_run_bounds_the_sleep_and_makes_no_call(cli: Cli, strategy: str) -> None:
    add(cli)
    script("nothing that counts")
    planned = cli("sleep", "c", "--dry-run", "--strategy", strategy, "--drafts", "2", "--json")
    assert planned.code == 0
    assert planned.json["max_cost_usd"] == 0.0
    assert planned.json["max_usage"]["input_tokens"] > 100
    assert cli("ledger", "--json").json["rows"] == []
    # The most awkward model: what it does never counts as finishing, as late as possible.
    script(rules=[{"replies": [*(_awkward(turn) for turn in range(9)), "words"]}])
    cli("sleep", "c", "--strategy", strategy, "--drafts", "2")
    made = cli("ledger", "--json").json["totals"]["sleep"]["calls"]
    assert made <= planned.json["max_calls"]
    assert planned.json["max_calls"] == {"notes": 6, "rethink": 24}[strategy]


def _awkward(turn: int) -> dict[str, Any]:
    return {"tool": "rethink_memory", "args": {"new_memory": f"version {turn}"}}


def test_a_dry_run_with_a_model_of_unknown_price_says_unknown(cli: Cli) -> None:
    add(cli)
    done = cli("sleep", "c", "--dry-run", "--model", "openai-compatible:http://127.0.0.1:9/v1#mine")
    assert done.code == 0
    assert "unknown" in done.out


def test_notes_whose_part_changed_are_out_of_service(cli: Cli) -> None:
    for name in ("a", "b"):
        Path(f"{name}.md").write_text(f"text of {name}")
    cli("add", "c", "a.md", "b.md")
    script(writes(note("about a", parts=["a.md"]), note("about b", parts=["b.md"])))
    cli("sleep", "c")
    Path("b.md").write_text("another text")
    cli("add", "c", "a.md", "b.md")
    shown = cli("notes", "c", "--json").json["notes"]
    assert {item["text"]: item["in_service"] for item in shown} == {"about a": True, "about b": False}
    assert "a part changed" in cli("notes", "c").out
    script("yes")
    asked = cli("ask", "c", "q", "--json").json
    assert asked["notes_used"] == [item["id"] for item in shown if item["text"] == "about a"]


def test_notes_before_any_sleep_say_how_to_make_some(cli: Cli) -> None:
    add(cli)
    done = cli("notes", "c", "--json")
    assert (done.code, done.json["version"], done.json["notes"]) == (0, None, [])
    assert (done.json["status"], done.json["model"], done.json["versions"]) == (None, None, [])
    assert "sleeptime sleep c" in done.err


def test_an_unknown_cost_is_null_and_shown_as_unknown(cli: Cli) -> None:
    add(cli)
    with openai_server(ScriptedModel([ToolCall("write_notes", writes(note("n"))["args"]), "3", "3", "3"])) as server:
        slept = cli("sleep", "c", "--model", server.name(), "--json").json
        asked = cli("ask", "c", "q", "--model", server.name(), "--json").json
        assert "unknown" in cli("ask", "c", "q", "--model", server.name()).err
        cli("ask", "c", "q", "--model", server.name(), "--route", "full")
    assert (slept["outcome"], slept["cost_usd"]) == ("wrote", None)
    assert (asked["route"], asked["cost_usd"]) == ("notes", None)
    ledger = cli("ledger", "c", "--json").json
    assert [row["cost_usd"] for row in ledger["rows"]] == [None, None]
    assert [(totals["cost_usd"], totals["unknown_calls"]) for totals in ledger["totals"].values()] == [
        (None, 1),
        (None, 3),
    ]
    assert ledger["savings"][0]["break_even_queries"] is None
    shown = cli("ledger", "c").out
    assert shown.count("unknown") == 5, "two rows, two totals and the break-even in USD"


def test_what_a_call_that_never_reached_the_provider_cost_is_known(cli: Cli) -> None:
    add(cli)
    assert cli("ask", "c", "q", "--model", "openai-compatible:http://127.0.0.1:9/v1#mine").code == 1
    totals = cli("ledger", "c", "--json").json["totals"]["wake"]
    assert (totals["calls"], totals["failed_calls"], totals["cost_usd"]) == (4, 4, 0.0)


@pytest.mark.parametrize(("without", "pays"), [(110, "20 queries"), (10, "never")])
def test_the_ledger_says_after_how_many_queries_a_sleep_pays(cli: Cli, without: int, pays: str) -> None:
    add(cli)
    for what, tokens in (("sleep", 20_000), ("with", 10), ("without", without)):
        said: object = writes(note("n")) if what == "sleep" else "3"
        script({"parts": [said], "usage": {"output_tokens": tokens}})
        cli("sleep", "c") if what == "sleep" else cli("ask", "c", "q", *(["--route", "full"] * (what == "without")))
    (saving,) = cli("ledger", "c", "--json").json["savings"]
    assert saving["break_even_queries"] is None, "nothing costs anything"
    assert [cost["t"] for cost in saving["paper_costs"]] == [10.0, 4.0, 2.0, 1.0]
    assert saving["paper_costs"][0] == {
        "t": 10.0,
        "with_notes": 10 * 10 + 20_000,
        "without_notes": 10 * without,
        "break_even_queries": 20 if without == 110 else None,
    }
    assert pays in cli("ledger", "c").out


def test_text_that_would_steer_the_terminal_is_shown_as_escapes(cli: Cli) -> None:
    add(cli)
    script(writes(note("red \x1b[31malert\x07")), "done \x1b]0;title\x07")
    cli("sleep", "c")
    out = cli("notes", "c").out
    assert "\x1b" not in out
    assert "red \\x1b[31malert" in out
    script("done \x1b]0;title\x07")
    assert "\x1b" not in cli("ask", "c", "q").out


def test_rich_markup_in_a_note_is_text(cli: Cli) -> None:
    add(cli)
    script(writes(note("[bold]x[/bold] [/] a[0]")))
    assert "[bold]x[/bold] [/] a[0]" in cli("sleep", "c").out


def test_rich_markup_in_a_name_is_text_in_a_progress_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar("sleeping on [/red]") as bar:
        bar.update(1, 2)
    assert "sleeping on [/red]" in capsys.readouterr().err


def test_an_empty_ledger_says_so(cli: Cli) -> None:
    done = cli("ledger", "--json")
    assert (done.json["rows"], done.json["totals"], done.json["savings"], done.json["contexts"]) == ([], {}, [], 0)
    assert "no model call" in done.err


def test_doctor_finds_nothing_wrong_and_makes_no_database(cli: Cli, tmp_path: Path) -> None:
    script("reply")
    done = cli("doctor", "--json")
    assert (done.code, done.json["ok"]) == (0, True)
    assert not (tmp_path / "test.db").exists()
    add(cli)
    assert "1 context" in cli("doctor").out


def test_doctor_names_what_is_wrong(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_MODELL", "nano")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = cli("doctor", "--model", "openai:gpt-4o-mini", "--database", "mysql://x", "--json")
    wrong = {check["name"]: check["detail"] for check in done.json["checks"] if not check["ok"]}
    assert done.code == 1
    assert wrong.keys() == {"settings", "database", "model"}
    assert "SLEEPTIME_MODELL" in wrong["settings"]
    assert "OPENAI_API_KEY" in wrong["model"]


def test_a_bad_setting_is_a_usage_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_DRAFTS", "many")
    done = cli("ledger")
    assert (done.code, done.out) == (2, "")
    assert "SLEEPTIME_DRAFTS" in done.err


def test_messages_are_appended_from_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, text in enumerate((b"hello", b"hello"), start=1):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        done = cli("add", "chat", "--append", "-", "--json").json
        assert (done["appended"], done["parts"], done["is_new"]) == ([f"message {number}"], number, True)


def test_a_file_is_appended_once_and_never_changed_by_it(cli: Cli) -> None:
    Path("a.md").write_text("one")
    Path("b.md").write_text("two")
    cli("add", "c", "a.md")
    assert cli("add", "c", "--append", "a.md", "b.md").out.endswith("1 appended, 2 parts, 6 bytes\n")
    assert cli("add", "c", "--append", "a.md", "b.md", "--json").json["appended"] == []
    Path("a.md").write_text("changed")
    done = cli("add", "c", "--append", "a.md")
    assert (done.code, done.out) == (2, "")
    assert "'a.md' with another text" in done.err


def test_a_sleep_reads_what_changed_and_full_reads_all(cli: Cli) -> None:
    Path("a.md").write_text("Tom has 3 apples.")
    Path("b.md").write_text("Ann has 5 pears.")
    cli("add", "c", "a.md", "b.md")
    script(
        writes(note("Tom: 3", parts=["a.md"]), note("Ann: 5", parts=["b.md"])), writes(note("Ann: 6", parts=["b.md"]))
    )
    cli("sleep", "c")
    again = cli("sleep", "c", "--json")
    assert (again.code, again.json["outcome"], again.json["studied"]) == (0, "skipped", 0)
    Path("b.md").write_text("Ann has 6 pears.")
    cli("add", "c", "a.md", "b.md")
    plan = cli("sleep", "c", "--dry-run", "--json").json
    assert (plan["studied"], plan["pieces"], plan["carried"]) == (1, 1, 1)
    assert cli("sleep", "c", "--dry-run", "--full", "--json").json["studied"] == 2
    slept = cli("sleep", "c").out
    assert "wrote 2 notes (1 carried over), version 2" in slept
