"""`swe.swe_features`: the released set, whatever its fields are called, and what was not understood is said."""

from pathlib import Path
from typing import Any

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.rows import Row
from sleeptime.swe.repository import Repository
from sleeptime.swe.swe_features import Released, released_tasks
from sleeptime.swe.tasks import Related
from tests.support.repositories import History

PATCH = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1 +1 @@
-1
+2
diff --git a/new.py b/new.py
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+1
"""


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "repo", is_bare=True)
    history.commit("base", {"a.py": "1", "lib/b.js": "1", "README.md": "1"})
    history.commit("later", {"a.py": "2"})
    return history


def read(history: History, *rows: dict[str, Any]) -> Released:
    return released_tasks([Row(f"row {n}", row) for n, row in enumerate(rows)], Repository.open(history.path))


def base_of(history: History) -> str:
    return str(history.git.revparse_single("main~1").id)


SHAPES: list[dict[str, Any]] = [
    {
        "instance_id": "7",
        "base_commit": "BASE",
        "title": "Add x",
        "body": "why",
        "modified_files": ["a.py", "README.md"],
    },
    {
        "number": 7,
        "base": {"ref": "main", "sha": "BASE"},
        "pr_title": "Add x",
        "pr_body": "why",
        "files": [
            {"filename": "a.py", "status": "modified", "patch": "@@"},
            {"filename": "README.md", "status": "modified"},
            {"filename": "new.py", "status": "added"},
            {"filename": "lib/b.js", "status": "removed"},
        ],
    },
    {
        "id": "7",
        "base_sha": "BASE",
        "problem_statement": "Add x\n\nwhy",
        "changed_files": {"a.py": {}, "README.md": {}},
    },
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_task_is_read_under_any_usual_names_of_its_fields(history: History, shape: dict[str, Any]) -> None:
    base = base_of(history)
    row = {key: base if value == "BASE" else value for key, value in shape.items()}
    if isinstance(row.get("base"), dict):
        row["base"] = {"ref": "main", "sha": base}
    (task,) = read(history, row).tasks
    assert (task.id, task.base_commit, task.query) == ("7", base, "Add x\n\nwhy")
    assert task.modified_all == ("a.py", "README.md")
    assert task.modified_source == ("a.py",)
    assert task.related_from == "paper-cluster"


def test_the_files_of_a_patch_are_read_where_no_files_are_listed(history: History) -> None:
    (task,) = read(history, {"base_commit": base_of(history), "title": "Add x", "patch": PATCH}).tasks
    assert task.modified_all == ("a.py",)
    assert task.id == base_of(history)[:16]


def test_siblings_are_read_as_related_changes(history: History) -> None:
    siblings = [
        {"merge_commit_sha": "c" * 40, "title": "Add y", "files": [{"filename": "a.py", "status": "modified"}]},
        {"number": 9, "title": "Add z", "patch": PATCH},
        {"nothing": 1},
        "text",
    ]
    row = {"base_commit": base_of(history), "title": "x", "files": ["a.py"], "cluster": siblings}
    (task,) = read(history, row).tasks
    assert task.related == (Related("c" * 40, "Add y", ("a.py",)), Related("9", "Add z", ("a.py",)))


def test_what_is_no_task_is_counted_by_reason_and_what_is_not_understood_is_named(history: History) -> None:
    base = base_of(history)
    good = {"base_commit": base, "title": "x", "files": ["a.py"], "id": 1}
    found = read(
        history,
        good | {"mystery": 1},
        good,
        good | {"id": 2, "base_commit": "d" * 40, "repo": "other/one"},
        good | {"id": 3, "base_commit": "d" * 40, "repo": "other/one"},
        good | {"id": 4, "base_commit": base[:12]},
        good | {"id": 5, "base_commit": 12},
        good | {"id": 6, "title": "", "body": None},
        good | {"id": 7, "files": ["gone.py", "../../etc/passwd"]},
        good | {"id": 8, "files": 5, "hidden": [1], "empty": {}},
    )
    assert [task.id for task in found.tasks] == ["1"]
    assert found.num_rows == 9
    assert found.left_out == {
        "the id 1 stands in the file already": 1,
        "its base commit is not in the history that was opened, it says it is of other/one": 2,
        "no base commit of 40 hex digits": 2,
        "no title and no body": 1,
        "no modified file that is there at its base commit": 2,
    }
    assert len(found.tasks) + sum(found.left_out.values()) == found.num_rows
    assert found.unread_fields == ("hidden", "mystery")


def test_a_file_without_a_task_says_which_fields_there_are_and_which_are_looked_for(history: History) -> None:
    with pytest.raises(InputError) as error:
        read(history, {"sha_of_base": "x", "prompt": "Add x"})
    message = str(error.value)
    assert "none of 1 rows is a task" in message
    assert "The fields there are: prompt, sha_of_base." in message
    assert "base: base_commit, base_sha" in message


def test_a_base_commit_after_the_one_that_was_opened_is_not_reached(history: History) -> None:
    repository = Repository.open(history.path, "main~1")
    row = {"base_commit": history.head, "title": "x", "files": ["a.py"]}
    with pytest.raises(InputError, match="its base commit is not in the history that was opened"):
        released_tasks([Row("row", row)], repository)
