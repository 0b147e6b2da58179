"""Problems as JSON lines: ``id, context, query, answer, source``, and where they exist ``context_id`` and ``tags``."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sleeptime.core.errors import EmptyInput, InputError, SleeptimeError
from sleeptime.core.text import checked_text
from sleeptime.lab.answers import true_value
from sleeptime.lab.datasets.rows import Row, read_rows
from sleeptime.lab.problem import Problem, Tag

FIELDS: Final = ("id", "context", "query", "answer", "source", "context_id", "tags")


def context_id_of(context: str) -> str:
    """Name of a context by its content: 16 hex digits of its sha256."""
    return hashlib.sha256(context.encode()).hexdigest()[:16]


def write_problems(path: Path, problems: Iterable[Problem], *, overwrite: bool = False) -> str:
    """Write problems, all of them or nothing: the file is complete when it gets its name.

    Args:
        path: where to; its folder must exist.
        overwrite: replace a file that is there.

    Returns:
        sha256 of what was written, as 64 hex digits: the same problems give the same digits.

    Raises:
        InputError: the file exists and must not be overwritten, or its folder does not exist.
        EmptyInput: there are no problems.
        SleeptimeError: the disk refuses.
    """
    check_target(path, overwrite=overwrite)
    data = "".join(_line(problem) for problem in problems).encode()
    if not data:
        raise EmptyInput(f"there are no problems to write to {path}")
    try:
        _replace(path, data, overwrite=overwrite)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise SleeptimeError(f"{path} cannot be written: {error.strerror or error}") from error
    return hashlib.sha256(data).hexdigest()


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise now what `write_problems` would raise after long work.

    Raises:
        InputError: as `write_problems`.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{path} cannot be written: give a file in a folder that exists")
    if path.exists() and not overwrite:
        raise _exists(path)


def read_problems(path: Path) -> list[Problem]:
    """Read problems, and check every one.

    Raises:
        InputError: the file cannot be used; the message names the line, the field and what is allowed.
    """
    problems: list[Problem] = []
    lines: dict[str, str] = {}
    for row in read_rows(path):
        problem = _problem(row)
        if problem.id in lines:
            raise InputError(
                f"{row.where}: the id {problem.id!r} stands in {lines[problem.id]} already; ids are unique"
            )
        lines[problem.id] = row.where
        problems.append(problem)
    return problems


def _exists(path: Path) -> InputError:
    return InputError(f"{path} exists and is not overwritten; choose another name, or say --force")


def _line(problem: Problem) -> str:
    value = {name: getattr(problem, name) for name in FIELDS} | {"tags": dict(problem.tags)}
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def _replace(path: Path, data: bytes, *, overwrite: bool) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        # A link fails where a file appeared meanwhile; a rename would replace it.
        Path(name).replace(path) if overwrite else os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _problem(row: Row) -> Problem:
    if unknown := sorted(row.fields.keys() - set(FIELDS)):
        raise InputError(f"{row.where}: unknown field {unknown[0]!r}; allowed: {', '.join(FIELDS)}")
    context = row.text("context", default="")
    if "context" not in row.fields:
        raise InputError(f"{row.where}: the field 'context' is missing; an empty context is written as \"\"")
    answer, source = row.text("answer"), row.text("source")
    try:
        true_value(source, answer)
    except InputError as error:
        raise InputError(f"{row.where}: {error}") from error
    name = row.text("id")
    default_id = context_id_of(context) if context else name
    context_id = row.text("context_id") if "context_id" in row.fields else default_id
    return Problem(name, context, row.text("query"), answer, source, context_id, _tags(row))


def _tags(row: Row) -> dict[str, Tag]:
    tags = row.fields.get("tags", {})
    if not isinstance(tags, dict) or not all(isinstance(value, str | int | float | bool) for value in tags.values()):
        raise InputError(f"{row.where}: 'tags' must be an object of texts, numbers, true and false")
    for text in (*tags, *(value for value in tags.values() if isinstance(value, str))):
        checked_text(f"{row.where}, a tag,", text)
    return tags
