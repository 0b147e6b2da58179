"""`sleeptime swe build`: what it prints, where, what it writes, and with which exit code."""

import json
from pathlib import Path

import pytest

from sleeptime.swe.tasks import read_tasks
from tests.support.commands import Cli
from tests.support.repositories import Content, History


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "repo", is_bare=True)
    files: dict[str | bytes, Content | None] = {f"m{number}.py": "0" for number in range(12)}
    history.commit("start", files)
    for count in range(40):
        history.commit(f"Refactor {count}", {"README.md": str(count)})
    history.commit("Add csv", {"m1.py": "1", "m2.py": "1", "m3.py": "1"})
    return history


def test_tasks_are_written_whole_and_a_file_is_not_overwritten(cli: Cli, history: History) -> None:
    done = cli("swe", "build", str(history.path), "--output", "tasks.jsonl")
    assert (done.code, done.out) == (0, "tasks.jsonl: 1 task\n")
    assert "1 tasks of 42 commits" not in done.err
    assert "1 task of 42 commits" in done.err
    assert "    40 removed by feature: no feature verb" in done.err
    written = Path("tasks.jsonl").read_bytes()
    assert read_tasks(Path("tasks.jsonl"))[0].query == "Add csv"
    again = cli("swe", "build", str(history.path), "--output", "tasks.jsonl")
    assert again.code == 2
    assert "tasks.jsonl exists and is not overwritten" in again.err
    assert cli("swe", "build", str(history.path), "--output", "tasks.jsonl", "--force").code == 0
    assert Path("tasks.jsonl").read_bytes() == written
    assert sorted(path.name for path in Path().iterdir()) == ["tasks.jsonl"]


def test_without_a_file_the_lines_go_to_standard_output(cli: Cli, history: History) -> None:
    done = cli("swe", "build", str(history.path))
    assert [json.loads(line)["query"] for line in done.out.splitlines()] == ["Add csv"]


def test_json_is_one_object_with_the_counts_and_the_tasks(cli: Cli, history: History) -> None:
    done = cli("swe", "build", f"{history.path}@main", "--json")
    assert (done.code, done.err) == (0, "")
    told = done.json
    assert (told["num_commits"], told["num_tasks"], told["rule"], told["related"]) == (42, 1, "strict", "earlier")
    assert told["num_commits"] == told["num_tasks"] + sum(told["removed"].values())
    assert [task["query"] for task in told["tasks"]] == ["Add csv"]
    assert told["commit"] == history.head


def test_a_revision_is_where_the_history_ends(cli: Cli, history: History) -> None:
    done = cli("swe", "build", f"{history.path}@main~1", "--json", "--output", "tasks.jsonl")
    assert done.code == 1
    assert (done.json["num_commits"], done.json["num_tasks"]) == (41, 0)
    assert "no commit is a task, so nothing was written" in done.err
    assert not Path("tasks.jsonl").exists()


def test_related_changes_that_see_the_future_are_marked(cli: Cli, history: History) -> None:
    done = cli("swe", "build", str(history.path), "--related", "paper-cluster")
    assert "do not tune on them" in done.err
    assert json.loads(done.out)["related_from"] == "paper-cluster"


def test_a_released_file_is_read_and_what_was_not_understood_is_named(cli: Cli, history: History) -> None:
    base = str(history.git.revparse_single("main~1").id)
    rows = [
        {"base_commit": base, "title": "Add csv", "files": ["m1.py"], "mystery": 1, "id": "a"},
        {"base_commit": "d" * 40, "title": "Add", "files": ["m1.py"], "repo": "other/one", "id": "b"},
    ]
    Path("swe.json").write_text(json.dumps(rows))
    done = cli("swe", "build", str(history.path), "--from", "swe.json", "--output", "tasks.jsonl")
    assert done.code == 0
    assert "1 left out: its base commit is not in the history" in done.err
    assert "not understood, and not used: mystery" in done.err
    assert read_tasks(Path("tasks.jsonl"))[0].modified_all == ("m1.py",)
    told = cli("swe", "build", str(history.path), "--from", "swe.json", "--json").json
    assert (told["num_rows"], told["num_tasks"], told["unread_fields"]) == (2, 1, ["mystery"])
    refused = cli("swe", "build", str(history.path), "--from", "swe.json", "--rule", "paper")
    assert (refused.code, refused.out) == (2, "")
    assert "--rule means nothing with --from" in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere does not exist"),
        ((".",), ". is not in a git repository"),
        (("REPO@nothing",), "there is no commit 'nothing'"),
        (("REPO", "--without", "source"), "the filter source cannot be left out"),
        (("REPO", "--without", "x"), "there is no filter 'x'"),
        (("REPO", "--from", "nothing.jsonl"), "nothing.jsonl does not exist"),
        (("REPO", "--output", "no/folder.jsonl"), "give a file in a folder that exists"),
        (("REPO", "--rule", "other"), "other"),
    ],
)
def test_what_cannot_be_used_exits_with_2(cli: Cli, history: History, arguments: tuple[str, ...], said: str) -> None:
    done = cli("swe", "build", *(argument.replace("REPO", str(history.path)) for argument in arguments))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
