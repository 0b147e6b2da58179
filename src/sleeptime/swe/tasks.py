"""Tasks: which files does a change modify? One JSON object a line, made of a repository's own history.

A line holds ``id``, ``base_commit`` (the repository as it stood before the change), ``query`` (what was asked for),
``modified_all`` and ``modified_source`` (the truth: files of the base that the change modified, all of them and the
source code alone) and ``related`` (other changes that sleep may study: ``commit``, ``title``, ``files``), and
``related_from`` where those come from.
Knows nothing of how tasks are found or played.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sleeptime.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Related:
    """A change beside that of a task.

    Args:
        commit: its hex id.
        title: first line of its message.
        files: paths that it modified.
    """

    commit: str
    title: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One change of a repository, to be predicted.

    Args:
        id: unique within its file.
        base_commit: hex id of the commit before the change; nothing later may be seen.
        query: what was asked for.
        modified_all: the truth: every file of the base that the change modified.
        modified_source: of those, source code.
        related: changes to learn from.
        related_from: where they come from: `earlier`, strictly before the change, or `paper-cluster`, which can see
            the future.
    """

    id: str
    base_commit: str
    query: str
    modified_all: tuple[str, ...]
    modified_source: tuple[str, ...]
    related: tuple[Related, ...] = ()
    related_from: str = "earlier"

    def as_dict(self) -> dict[str, Any]:
        """The task as its line holds it."""
        return asdict(self)


def read_tasks(path: Path) -> tuple[Task, ...]:
    """Read a file of tasks.

    Raises:
        InputError: it cannot be read, holds no task, or a line is not one; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"the tasks in {path} cannot be read: {why}; `sleeptime swe build` writes them") from error
    tasks = tuple(_task(f"line {number} of {path}", line) for number, line in enumerate(lines, 1) if line.strip())
    if not tasks:
        raise InputError(f"{path} holds no task; `sleeptime swe build` writes them")
    seen = set[str]()
    for task in tasks:
        if task.id in seen:
            raise InputError(f"{path} holds more than one task {task.id!r}; ids are unique")
        seen.add(task.id)
    return tasks


def digest_of(tasks: Iterable[Task]) -> str:
    """16 hex digits of tasks, in order."""
    return hashlib.sha256("".join(map(_line, tasks)).encode()).hexdigest()[:16]


def write_tasks(path: Path, tasks: Iterable[Task]) -> None:
    """Write a file of tasks, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text("".join(map(_line, tasks)), encoding="utf-8")
    partial.replace(path)


def _line(task: Task) -> str:
    return json.dumps(task.as_dict(), ensure_ascii=True) + "\n"


def _task(where: str, line: str) -> Task:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise InputError(f"{where} is not an object")
    related = found.get("related", [])
    if not isinstance(related, list):
        raise InputError(f"{where}: related is a list, got {related!r}")
    return Task(
        id=_text(where, found, "id"),
        base_commit=_text(where, found, "base_commit"),
        query=_text(where, found, "query"),
        modified_all=_paths(where, found, "modified_all"),
        modified_source=_paths(where, found, "modified_source"),
        related=tuple(_related(where, item) for item in related),
        related_from=_text(where, {"related_from": "earlier"} | found, "related_from"),
    )


def _related(where: str, item: object) -> Related:
    if not isinstance(item, dict):
        raise InputError(f"{where}: a related change is an object with commit, title and files, got {item!r}")
    return Related(_text(where, item, "commit"), str(item.get("title", "")), _paths(where, item, "files"))


def _text(where: str, found: Mapping[str, object], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {key} is a text that is not blank, got {value!r}")
    return value


def _paths(where: str, found: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = found.get(key)
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise InputError(f"{where}: {key} is a list of paths, got {value!r}")
    return tuple(dict.fromkeys(value))
