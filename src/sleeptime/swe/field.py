"""Field: a repository with its tasks; one that a user has, or one that is written for the purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sleeptime.core.errors import InputError
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
        files: of tasks, one for each repository that is not generated, in their order.
        limit: tasks of each, those that stand first; None for all.
        folder: where generated ones are written, or were by an earlier run.

    Raises:
        InputError: there is not one file for each, or a repository or its tasks cannot be read.
    """
    num_own = sum(not name.startswith(GENERATED) for name in given)
    if num_own != len(files):
        raise InputError(
            f"give one --tasks for each --repo, in their order; got {len(files)} for {num_own}. `sleeptime swe build` "
            "makes them"
        )
    left, found = iter(files), dict[str, Field]()
    for name in given:
        one = _generated(name, folder) if name.startswith(GENERATED) else _own(name, next(left))
        numbered = (one.name, *(f"{one.name}-{number}" for number in range(2, len(given) + 1)))
        distinct = next(name for name in numbered if name not in found)
        found[distinct] = replace(one, name=distinct, tasks=one.tasks[:limit])
    return tuple(found.values())


def _own(name: str, tasks: Path) -> Field:
    opened = Repository.of(name)
    return Field(opened.path.name, opened, read_tasks(tasks))


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
