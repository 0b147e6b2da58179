"""A file of tasks is read as it was written, and what is wrong with it is said with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sleeptime.core.errors import InputError
from sleeptime.swe.tasks import Related, Task, read_tasks, write_tasks

TASK = Task(
    id="1a2b3c",
    base_commit="0f" * 20,
    query="add --csv to the export command",
    modified_all=("cli/export.py", "docs/cli.md"),
    modified_source=("cli/export.py",),
    related=(Related("ab" * 20, "add --json to export", ("cli/export.py", "caf\udce9.py")),),
)


def test_tasks_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    other = Task("2", "ab", "tack", ("é.py",), ())
    write_tasks(path, [TASK, other])
    assert read_tasks(path) == (TASK, other)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": " "}, "id is a text"),
        ({"base_commit": None}, "base_commit is a text"),
        ({"query": ["x"]}, "query is a text"),
        ({"modified_all": "a.py"}, "modified_all is a list of paths"),
        ({"modified_source": [1]}, "modified_source is a list of paths"),
        ({"related": "none"}, "related is a list"),
        ({"related": ["x"]}, "a related change is an object"),
        ({"related": [{"commit": "ab"}]}, "files is a list of paths"),
    ],
)
def test_a_line_that_is_no_task_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(TASK.as_dict()) + "\n\n" + json.dumps(TASK.as_dict() | {"id": "2"} | change))
    with pytest.raises(InputError, match=f"line 3 of .*{said}"):
        read_tasks(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no task"),
        ("[]", "line 1 .* is not an object"),
        ("{", "line 1 .* is not JSON"),
        ("\xff", "not UTF-8"),
    ],
)
def test_a_file_without_tasks_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=said):
        read_tasks(path)


def test_ids_are_unique(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    write_tasks(path, [TASK, TASK])
    with pytest.raises(InputError, match="more than one task '1a2b3c'"):
        read_tasks(path)


def test_a_file_that_is_not_there_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="swe build"):
        read_tasks(tmp_path / "none.jsonl")
