"""Sources of a build: files, folders and sets on the hub, as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from sleeptime.core.errors import EmptyInput, InputError, Unreadable
from sleeptime.lab.datasets.build import Build, Collector, Progress, Request, no_progress
from sleeptime.lab.datasets.expressions import Value, Word
from sleeptime.lab.datasets.hub import PREFIX, Hub
from sleeptime.lab.datasets.rows import Row, read_rows
from sleeptime.lab.datasets.word_lists import LISTS

SUFFIXES: Final = (".json", ".jsonl")
LISTS_FILE: Final = "lists.json"
"""Name of a file that holds lists for templates: an object of lists, of texts, numbers or ``[word, number]``."""
_PLAIN_NAMES: Final = frozenset({"test", "train", "validation", "data"})


@dataclass(frozen=True, slots=True)
class Sources:
    """What sources hold.

    Args:
        rows: in order.
        lists: for templates: ours, and those of the sources in their place.
    """

    rows: tuple[Row, ...]
    lists: Mapping[str, Sequence[Value]] = field(default_factory=lambda: dict(LISTS))


async def read_sources(
    sources: Sequence[str], collector: Collector, progress: Progress = no_progress, hub: Hub | None = None
) -> Sources:
    """Read all rows. A folder gives its .json and .jsonl files at any depth, by name.

    Raises:
        InputError: no source was given, or one cannot be read; with `collector.can_skip`, such a file of a folder is
            left out.
    """
    if not sources:
        raise InputError("give at least one source: a file, a folder, or hub:OWNER/NAME")
    rows: list[Row] = []
    lists: dict[str, Sequence[Value]] = dict(LISTS)
    for source in sources:
        if source.startswith(PREFIX):
            rows += await (hub or Hub()).rows(source, progress)
            continue
        for path, origin in _files(Path(source)):
            with collector.usable(str(path)):
                if path.name == LISTS_FILE:
                    lists |= _lists(path)
                else:
                    rows += [Row(row.where, row.fields, origin) for row in read_rows(path)]
                    progress(len(rows), None)
    return Sources(tuple(rows), lists)


async def build_rows(
    request: Request,
    use: Callable[[Collector, Sources, Row, int], None],
    progress: Progress = no_progress,
    hub: Hub | None = None,
) -> Build:
    """Build a dataset row by row.

    Args:
        request: sources, seed, limit, and whether a row that cannot be used is left out.
        use: adds what a row gives, told the row's number.

    Raises:
        InputError: a source or a row cannot be used; with `request.can_skip` such a row is left out.
    """
    collector = Collector(can_skip=request.can_skip)
    sources = await read_sources(request.sources, collector, progress, hub)
    for number, row in enumerate(sources.rows):
        with collector.usable(row.where):
            use(collector, sources, row, number)
        progress(number + 1, len(sources.rows))
    return collector.build(request.seed, request.limit)


def _files(path: Path) -> list[tuple[Path, str]]:
    """Files of a source, each with the name of where it comes from."""
    if not path.is_dir():
        if not path.exists():
            raise Unreadable(f"{path} does not exist; a source is a file, a folder, or hub:OWNER/NAME")
        return [(path, path.parent.name if path.stem in _PLAIN_NAMES and path.parent.name else path.stem)]
    found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    if not found:
        raise EmptyInput(f"{path} holds no {' or '.join(SUFFIXES)} file")
    return [(file, file.parent.name or path.resolve().name) for file in found]


def _lists(path: Path) -> dict[str, Sequence[Value]]:
    rows = list(read_rows(path))
    if len(rows) != 1:
        raise InputError(f"{path} must be one object of lists")
    lists: dict[str, Sequence[Value]] = {}
    for name, items in rows[0].fields.items():
        if not name.isidentifier() or not isinstance(items, list) or not items:
            raise InputError(f"{path}: {name!r} must be a name with a list that is not empty")
        lists[name] = tuple(_item(path, name, item) for item in items)
    return lists


def _item(path: Path, name: str, item: Any) -> Value:
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):
        return Word(item[0], _number(path, name, item[1]))
    return item if isinstance(item, str) else _number(path, name, item)


def _number(path: Path, name: str, item: Any) -> int | Fraction:
    try:
        if isinstance(item, int | float | str) and not isinstance(item, bool):
            number = Fraction(str(item)) if len(str(item)) <= 30 else None
            if number is not None and abs(number) < 10**12 and number.denominator < 10**12:
                return number.numerator if number.denominator == 1 else number
    except (ValueError, ZeroDivisionError):
        pass
    raise InputError(
        f"{path}: {item!r} in the list {name!r} is not a text, a number or a pair of a word and its number"
    )
