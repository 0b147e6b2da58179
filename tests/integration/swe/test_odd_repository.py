"""The commands on a repository that holds everything that a repository can hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sleeptime.swe.objects import MAX_TEXT_BYTES
from sleeptime.swe.repository import Repository
from tests.support.commands import Cli, script
from tests.support.repositories import Content, Files, History, Link, Submodule

CODE = "".join(f"def step_{number}(): pass\n" for number in range(20))
ODD: Files = {
    "binary.png": b"\x89PNG\0\1",
    "huge.sql": b"export" * (MAX_TEXT_BYTES // 6 + 1),
    "gone.py": "gone = 1\n",
    "link": Link("export.py"),
    "outside": Link("../../secret.txt"),
    "vendor/lib": Submodule(),
    "latin.txt": b"caf\xe9 export\n",
    b"caf\xe9/export\n.py": "export = 1\n",
    "old/moved.py": CODE,
}
PLAIN: Files = {f"src/part{number}.py": f"part = {number}\n" for number in range(12)}


def changed(number: int) -> dict[str | bytes, Content | None]:
    """What a feature modifies, and what is odd beside it."""
    parts = (f"src/part{(number + more) % 12}.py" for more in range(3))
    odd: dict[str | bytes, Content | None] = {
        "binary.png": b"\0%d" % number,
        "vendor/lib": Submodule(f"{number:040x}"),
        "link": Link(f"src/part{number}.py"),
        b"caf\xe9/export\n.py": f"export = {number}\n",
    }
    return dict.fromkeys(parts, f"part = {number}\n") | odd


@pytest.fixture(params=[True, False], ids=["bare", "with a working tree"])
def odd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of features, with every kind of entry in each commit, a rename, and a blob that is missing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    history = History(tmp_path / "odd", is_bare=request.param)
    history.commit("begin", {**ODD, **PLAIN})
    for number in range(24):
        history.commit(f"add export number {number}", changed(number))
    history.commit("move", {"old/moved.py": None, "new/moved.py": f"{CODE}# moved\n"})
    history.remove_object(Repository.open(history.path).files()["gone.py"].blob)
    return history.path


def tool(name: str, **args: object) -> dict[str, object]:
    return {"tool": name, "args": args}


def test_it_is_slept_on_and_asked_without_a_model(cli: Cli, odd: Path) -> None:
    added = cli("add", "odd", f"{odd}@main")
    assert added.code == 0, added.err
    slept = cli("swe", "sleep", "odd", "--json")
    assert slept.code == 0, slept.err
    assert slept.json["outcome"] == "wrote"
    for query in ("add an export", "moved step", "binary huge link vendor gone"):
        asked = cli("swe", "ask", "odd", query, "--json", "--limit", "50")
        assert asked.code == 0, asked.err
        named = {file["path"] for file in asked.json["files"]}
        assert named.isdisjoint({"binary.png", "huge.sql", "gone.py", "link", "outside", "vendor/lib", "old/moved.py"})
    told = {file["path"] for file in cli("swe", "ask", "odd", "add an export", "--json").json["files"]}
    assert r"caf\xe9/export\n.py" in told
    assert "new/moved.py" in {file["path"] for file in cli("swe", "ask", "odd", "moved step", "--json").json["files"]}


def test_tasks_are_made_of_its_history_and_played(cli: Cli, odd: Path) -> None:
    relaxed = ("--without", "few-earlier", "--without", "few-candidates")
    built = cli("swe", "build", str(odd), *relaxed, "--output", "tasks.jsonl", "--json")
    assert built.code == 0, built.err
    tasks = [json.loads(line) for line in Path("tasks.jsonl").read_text().splitlines()]
    assert len(tasks) == 24
    truth = set(tasks[0]["modified_source"])
    assert {path for path in truth if path.startswith("src/")} == set(changed(23)) & set(PLAIN)
    played = cli("swe", "run", "--repo", str(odd), "--tasks", "tasks.jsonl", "--limit", "3", "--json")
    assert played.code == 0, played.err
    assert played.json["arms"]["index"]["f1"] > 0


def test_an_agent_reads_sleeps_on_and_edits_it(cli: Cli, odd: Path) -> None:
    assert cli("add", "odd", f"{odd}@main").code == 0
    paths = ("binary.png", "huge.sql", "gone.py", "link", "outside", "vendor/lib", r"caf\xe9/export\n.py", "latin.txt")
    reads = [tool(name, path=path) for path in paths for name in ("read", "outline", "tree")]
    note = tool("rethink", files=[r"caf\xe9/export\n.py"], note="Exports stand here.")
    script(tool("tree", depth=8), tool("grep", pattern="export"), *reads, note, tool("finish"))
    slept = cli("swe", "sleep", "odd", "--model", "scripted:script.json", "--changes", "1", "--steps", "40", "--json")
    assert slept.code == 0, slept.err
    assert slept.json["explored"]["outcome"] == "wrote"
    edit = {"path": r"caf\xe9/export\n.py", "old": "export = 23", "new": "export = 24"}
    edits = [tool("edit", **edit | {"path": path}) for path in (*paths[:6], edit["path"])]
    script(tool("search_notes", query="export"), *reads, *edits, tool("submit"))
    asked = cli("swe", "ask", "odd", "add an export", "--model", "scripted:script.json", "--steps", "60", "--json")
    assert asked.code == 0, asked.err
    assert (asked.json["predicted"], asked.json["created"]) == ([r"caf\xe9/export\n.py"], [])
    assert asked.json["notes_used"]
