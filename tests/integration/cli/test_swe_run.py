"""`sleeptime swe run` as a user runs it, on generated repositories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sleeptime.models.scripted import ScriptedModel
from sleeptime.swe.generated import generate
from sleeptime.swe.repository import Repository
from sleeptime.swe.tasks import Task, digest_of, write_tasks
from tests.support.commands import Cli, script
from tests.support.openai_server import openai_server
from tests.support.repositories import History

FIGURES = ("f1", "precision", "recall", "n", "warm_p95_ms", "cold_s")


def test_without_a_model_every_arm_has_its_figures(cli: Cli) -> None:
    made = generate(Path("shop.git"), "shop", commits=90)
    write_tasks(Path("tasks.jsonl"), made.tasks[-4:])
    done = cli("swe", "run", "--repo", "shop.git", "--tasks", "tasks.jsonl", "--model", "none", "--json")
    assert done.code == 0, done.err
    arms = done.json["arms"]
    assert list(arms) == ["random", "recency", "content", "index"]
    for of in arms.values():
        assert all(isinstance(of[name], int | float) for name in FIGURES)
        assert of["n"] == 4
        assert of["f1_interval"][0] <= of["f1"] <= of["f1_interval"][1]
    assert arms["index"]["f1"] > arms["random"]["f1"]
    assert arms["index"]["cold_s"] > 0
    kept = json.loads(Path("swe-results/results.json").read_text())
    assert kept["arms"] == arms
    assert "swe run --repo shop.git --tasks tasks.jsonl" in kept["made_by"]["command"]
    played_on = {"commit": Repository.open(made.path).commit_id, "tasks": 4, "tasks_digest": digest_of(made.tasks[-4:])}
    assert kept["made_with"]["repositories"] == {"shop.git": played_on}
    assert "<svg" in Path("swe-results/results.svg").read_text()
    shown = cli("swe", "run", "--repo", "shop.git", "--tasks", "tasks.jsonl", "--arms", "index").out
    assert [line.split()[0] for line in shown.splitlines() if "to" in line.split()] == ["random", "recency", "index"]


def test_no_password_is_written_anywhere(cli: Cli) -> None:
    made = generate(Path("shop.git"), "shop", commits=80)
    write_tasks(Path("tasks.jsonl"), made.tasks[-1:])
    model = "openai-compatible:http://ada:hid@den@127.0.0.1:9/v1?api_key=hidden&version=2#served"
    given = ("--arms", "random", "--model", model, "--database", "postgresql://h/db?user=ada&password=hidden")
    done = cli("swe", "run", "--repo", "shop.git", "--tasks", "tasks.jsonl", *given)
    assert done.code == 0, done.err
    written = "".join(path.read_text() for path in Path("swe-results").glob("**/*.json"))
    assert "openai-compatible:http://127.0.0.1:9/v1?version=2#served" in written
    assert "user=ada" in written
    assert "hid" not in written


def test_with_a_model_an_estimate_is_shown_before_anything_is_paid(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    made = generate(Path("shop.git"), "shop", commits=80)
    write_tasks(Path("tasks.jsonl"), made.tasks[-1:])
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    given = ("swe", "run", "--repo", "shop.git", "--tasks", "tasks.jsonl", "--model", "openai:gpt-4o-mini")
    done = cli(*given)
    assert done.code == 2
    assert "input and" in done.err
    assert "cap $" in done.err
    assert "add --yes to agree" in done.err
    assert not list(Path("swe-results/records").glob("*.jsonl"))
    with openai_server(ScriptedModel([])) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        done = cli(*given, "--max-usd", "0", "--yes")
    assert done.code == 1
    assert "of the cap of $0.00 is spent" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--repo", "a", "--repo", "b", "--tasks", "a.jsonl"), "one --tasks for each --repo"),
        (("--repo", "generated:moon"), "allowed: shop, clinic, fleet, archive"),
        (("--repo", "generated:shop:x"), "a seed is a number"),
        (("--repo", "generated:shop", "--arms", "agent"), "agent needs a model"),
        (("--repo", "generated:shop", "--arms", "oracle"), "arm 'oracle' is not known; allowed: random"),
        (("--repo", "generated:shop", "--steps", "5,0"), "--steps are numbers"),
        (("--repo", "none.git", "--tasks", "none.jsonl"), "none.git"),
        (("--repo", "generated:shop", "--model", "nano", "--limit", "1"), "nano calls no tools"),
    ],
)
def test_what_cannot_be_run_says_what_to_do(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli("swe", "run", *arguments)
    assert done.code == 2
    assert said in " ".join(done.err.split())


def test_where_notes_cost_f1_the_command_says_so(cli: Cli) -> None:
    history = History(Path("shop"))
    base = history.commit("begin", {"a.py": "a = 1\n", "b.py": "b = 1\n"})
    write_tasks(Path("tasks.jsonl"), [Task("t", base, "add it", ("a.py",), ("a.py",))])

    def edits(path: str, old: str) -> list[dict[str, object]]:
        args = {"path": path, "old": old, "new": "x = 2"}
        return [{"tool": "edit", "args": args}, {"tool": "submit", "args": {}}]

    misled = {"tools": "search_notes", "replies": [edits("b.py", "b = 1")]}
    script(rules=[misled, {"replies": [edits("a.py", "a = 1")]}])
    given = ("--repo", "shop", "--tasks", "tasks.jsonl", "--model", "scripted:script.json", "--steps", "5,10")
    done = cli("swe", "run", *given, "--seeds", "1")
    assert done.code == 0, done.err
    shown = " ".join(done.out.split())
    assert all(f" {arm} " in shown for arm in ("random", "recency", "agent@5", "agent+related@10", "agent+notes@10"))
    assert "agent+notes against agent at 5 steps: F1 -1.000 agent+notes" in shown, "one task gives no interval"
    assert "the notes cost F1 from 5 steps on" in shown


def test_a_limit_takes_the_newest_tasks(cli: Cli) -> None:
    made = generate(Path("shop.git"), "shop", commits=90)
    newest_first = made.tasks[::-1]
    write_tasks(Path("tasks.jsonl"), newest_first)
    limited = ("swe", "run", "--arms", "random", "--seeds", "1", "--limit", "1")
    assert cli(*limited, "--repo", "shop.git", "--tasks", "tasks.jsonl", "--output", "given").code == 0
    assert _played("given") == {newest_first[0].id}
    assert cli(*limited, "--repo", "generated:shop", "--output", "written").code == 0
    in_order_of_time = Path("written/repositories/shop-0.jsonl").read_text().splitlines()
    assert _played("written") == {json.loads(in_order_of_time[-1])["id"]}


def test_a_repository_whose_writing_was_cut_off_is_written_anew(cli: Cli) -> None:
    given = ("swe", "run", "--repo", "generated:shop", "--arms", "random", "--seeds", "1", "--limit", "1", "--json")
    folder = Path("swe-results/repositories")
    (folder / "tmp-of-the-first").mkdir(parents=True)
    (folder / "shop-0.jsonl").write_text("the tasks of what was never there\n")
    done = cli(*given)
    assert done.code == 0, done.err
    written = (folder / "shop-0.jsonl").stat().st_mtime_ns
    assert cli(*given).code == 0
    assert (folder / "shop-0.jsonl").stat().st_mtime_ns == written


def test_an_output_folder_that_cannot_be_made_is_said(cli: Cli) -> None:
    write_tasks(Path("tasks.jsonl"), generate(Path("shop.git"), "shop", commits=80).tasks[-1:])
    done = cli("swe", "run", "--repo", "shop.git", "--tasks", "tasks.jsonl", "--output", "tasks.jsonl")
    assert done.code == 2
    assert "tasks.jsonl/records cannot be written (Not a directory); choose another --output" in done.err


def _played(output: str) -> set[str]:
    return {json.loads(line)["task"] for line in Path(output, "records", "answers.jsonl").read_text().splitlines()}
