"""A disk that is full, for real processes that may write so much to a file and no more: nothing is half written."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repositories import History

FILES = {f"part{number % 9}/file{number}.py": f"def function_{number}():\n    pass\n" for number in range(400)}
LIMITED = """
import resource, sys
limit = int(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from sleeptime.cli import main
sys.argv = ["sleeptime", *sys.argv[2:]]
main()
"""
SMALL = 100_000
"""Bytes: enough to open what is there, and not for an index or notes."""
ASK = ("swe", "ask", "shop", "add a function to part 3")


class Place:
    """A folder with a context that was added from a repository, and commands that run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        history = History(folder / "shop", is_bare=True)
        history.commit("begin", dict(FILES.items()))
        history.commit("add a function to two files", {path: f"{FILES[path]}# more\n" for path in list(FILES)[:2]})
        assert self.run("add", "shop", str(history.path)).returncode == 0

    def run(self, *arguments: str, limit: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may write `limit` bytes to a file; 0 is as many as it likes."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SLEEPTIME_")}
        own = {"SLEEPTIME_DATABASE_URL": f"sqlite:///{self.folder / 's.db'}", "XDG_CACHE_HOME": str(self.folder)}
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(limit), *arguments],
            cwd=self.folder,
            env={**clean, **own, **variables},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def count(self, table: str) -> int:
        """Rows of a table of the database, which is sound."""
        with sqlite3.connect(self.folder / "s.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def script(self, *replies: object) -> tuple[str, str]:
        """What an agent's model replies."""
        (self.folder / "script.json").write_text(json.dumps({"replies": replies}))
        return ("--model", "scripted:script.json")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_cache_that_has_no_room_is_said_and_the_answer_is_the_same(place: Place) -> None:
    full = place.run(*ASK, "--json", limit=SMALL)
    assert full.returncode == 0, full.stderr
    assert full.stderr.count("everything is worked out again") == 1
    after = place.run(*ASK, "--json")
    assert after.stderr == "", "what was there of the cache is of use, or was made again"
    answers = [json.loads(done.stdout) for done in (full, after)]
    assert answers[0]["files"] == answers[1]["files"] != []


def test_notes_that_have_no_room_are_not_written_and_the_next_sleep_writes_them(place: Place) -> None:
    full = place.run("swe", "sleep", "shop", "--json", limit=SMALL)
    assert (full.returncode, full.stdout) == (1, "")
    error = full.stderr.splitlines()[-1]
    assert error.startswith("error: the database ")
    assert "disk" in error
    assert (place.count("learned"), place.count("note")) == (0, 0)
    after = place.run("swe", "sleep", "shop", "--json")
    assert (after.returncode, json.loads(after.stdout)["notes"]) == (0, len(FILES))
    assert place.count("note") == len(FILES)


def tool(name: str, **args: object) -> dict[str, object]:
    return {"tool": name, "args": args}


EDIT = tool("edit", path="part3/file3.py", old="pass", new="return 3")


def test_an_agent_whose_calls_cannot_be_kept_ends_as_an_error_with_what_it_edited(place: Place) -> None:
    model = place.script([EDIT], *[[tool("tree")]] * 30, [tool("submit")])
    full = place.run(*ASK, *model, "--steps", "40", "--json", limit=3 * SMALL)
    assert full.returncode == 1
    assert "error: the database " in full.stderr
    found = json.loads(full.stdout)
    assert (found["predicted"], found["end"]) == (["part3/file3.py"], "broken")
    assert "disk" in found["error"]
    assert 0 < place.count("call") < 32
    kept = place.count("query")
    after = place.run(*ASK, *model, "--steps", "40", "--json")
    assert (after.returncode, json.loads(after.stdout)["end"]) == (0, "done")
    assert place.count("query") == kept + 1


def test_an_edit_that_has_no_room_leaves_the_edits_before_it(place: Place) -> None:
    large = tool("edit", path="part3/file3.py", old="return 3", new="x" * 1_200_000)
    model = place.script([EDIT], [large], [tool("submit")])
    full = place.run(*ASK, *model, "--diff", limit=1_000_000)
    assert full.returncode == 1
    assert "error: the scratch folder " in full.stderr
    assert "+    return 3\n" in full.stdout
    assert "xxx" not in full.stdout
    assert place.count("query") == 1, "what was asked was paid for"


def test_an_agents_sleep_that_has_no_room_goes_on_where_it_stopped(place: Place) -> None:
    history = History(place.folder / "two", is_bare=True)
    history.commit("begin", {"a.py": "x = 1\n", "b.py": "y = 1\n"})
    history.commit("add a thing", {"a.py": "x = 2\n", "b.py": "y = 2\n"})
    place.run("add", "two", str(history.path))
    rethink = tool("rethink", files=["a.py"], note="It adds a thing.")
    sleep = ("swe", "sleep", "two", *place.script(*[[tool("tree")]] * 15, [rethink, tool("finish")]))
    full = place.run(*sleep, limit=4 * SMALL)
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1].startswith("error: the database ")
    calls = place.count("call")
    assert 0 < calls < 16
    after = place.run(*sleep, "--json")
    assert (after.returncode, json.loads(after.stdout)["explored"]["outcome"]) == (0, "wrote"), after.stderr
    [job] = json.loads(place.run("jobs", "two", "--json").stdout)["jobs"]
    assert (job["state"], job["run"]) == ("over", 2)
