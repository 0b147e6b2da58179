"""Field: a repository with its tasks; one that a user has, or one that is written for the purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.swe.build import build_tasks
from sleeptime.swe.generated import generate
from sleeptime.swe.repository import Repository
from sleeptime.swe.tasks import Task, read_tasks, write_tasks

GENERATED: Final = "generated:"


@dataclass(frozen=True, slots=True)
class Field:
    """A repository with its tasks.

    Args:
        name: of it; distinct.
        repository: at its newest commit.
        tasks: of it.
    """

    name: str
    repository: Repository
    tasks: tuple[Task, ...]


def fields_of(given: Sequence[str], files: Sequence[Path], limit: int | None, folder: Path) -> tuple[Field, ...]:
    """The repositories that a user names, with their tasks.

    Args:
        given: ``PATH``, ``PATH@REV``, ``generated:FAMILY`` or ``generated:FAMILY:SEED``.
        files: of tasks, one for each repository that is not generated, in their order; where there is no file at all,
            tasks are made of the history of each, as `build.build_tasks` does where nothing else is asked.
        limit: tasks of each, those that stand first; None for all.
        folder: where generated ones are written, or were by an earlier run.

    Raises:
        InputError: there is not one file for each, a repository or its tasks cannot be read, or a history has none.
    """
    num_own = sum(not name.startswith(GENERATED) for name in given)
    if files and num_own != len(files):
        raise InputError(
            f"give one --tasks for each --repo, in their order, or none at all; got {len(files)} for {num_own}. "
            "`sleeptime swe build` makes them"
        )
    left, found = iter(files), dict[str, Field]()
    for name in given:
        one = _generated(name, folder) if name.startswith(GENERATED) else _own(name, next(left, None))
        numbered = (one.name, *(f"{one.name}-{number}" for number in range(2, len(given) + 1)))
        distinct = next(name for name in numbered if name not in found)
        found[distinct] = replace(one, name=distinct, tasks=one.tasks[:limit])
    return tuple(found.values())


def _own(name: str, file: Path | None) -> Field:
    opened = Repository.of(name)
    tasks = build_tasks(opened).tasks if file is None else read_tasks(file)
    if not tasks:
        raise InputError(
            f"no commit of {name} is a task; `sleeptime swe build` says what each filter removed, and has other rules: "
            "give what it makes as --tasks"
        )
    return Field(opened.path.name, opened, tasks)


def _generated(name: str, folder: Path) -> Field:
    family, _, seed = name.removeprefix(GENERATED).partition(":")
    if seed and not seed.isdecimal():
        raise InputError(f"{name!r}: a seed is a number, such as generated:{family}:1")
    stem = f"{family}-{seed or 0}"
    place, lines = folder / f"{stem}.git", folder / f"{stem}.jsonl"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as partial:  # a run that is stopped meanwhile leaves no half of it
            made = generate(Path(partial) / place.name, family, seed=int(seed or 0))
            write_tasks(lines, made.tasks)
            made.path.rename(place)
    newest_first = tuple(reversed(read_tasks(lines)))
    return Field(stem, Repository.open(place), newest_first)
