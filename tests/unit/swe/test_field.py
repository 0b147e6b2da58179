"""Fields: repositories as a user names them, each with its own tasks under a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.swe.build import build_tasks
from sleeptime.swe.field import fields_of
from sleeptime.swe.generated import generate
from sleeptime.swe.repository import Repository
from sleeptime.swe.tasks import Task, write_tasks
from tests.support.repositories import History


def written(folder: Path, num_tasks: int) -> tuple[str, Path]:
    """A repository called ``shop``, and its tasks."""
    folder.mkdir()
    history = History(folder / "shop", is_bare=True)
    base = history.commit("begin", {"a.py": "1"})
    write_tasks(folder / "tasks", [Task(f"t{n}", base, "add it", ("a.py",), ("a.py",)) for n in range(num_tasks)])
    return str(history.path), folder / "tasks"


def test_repositories_of_one_name_stay_apart(tmp_path: Path) -> None:
    given, files = zip(*(written(tmp_path / name, number) for number, name in enumerate("abc", 1)), strict=True)
    fields = fields_of(given, files, None, tmp_path)
    assert [(one.name, len(one.tasks)) for one in fields] == [("shop", 1), ("shop-2", 2), ("shop-3", 3)]
    assert [len(one.tasks) for one in fields_of(given, files, 2, tmp_path)] == [1, 2, 2]


def test_tasks_are_made_of_a_history_where_none_are_given(tmp_path: Path) -> None:
    made = generate(tmp_path / "shop", "shop", commits=90)
    [one] = fields_of([str(made.path)], [], None, tmp_path)
    assert one.tasks == build_tasks(Repository.open(made.path)).tasks
    assert one.tasks
    given, _ = written(tmp_path / "a", 1)
    with pytest.raises(InputError, match=r"no commit of .*shop is a task; `sleeptime swe build` says"):
        fields_of([given], [], None, tmp_path)


def test_each_repository_needs_its_tasks_where_some_are_given(tmp_path: Path) -> None:
    given, file = written(tmp_path / "a", 1)
    with pytest.raises(InputError, match="got 1 for 2"):
        fields_of([given, given], [file], None, tmp_path)
