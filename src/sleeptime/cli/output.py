"""What the commands print: one JSON object or tables on stdout; errors, hints and progress on stderr.

Text from contexts, notes and models is shown without characters that could steer a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sleeptime.core.errors import SleeptimeError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

_PIPED_WIDTH = 100_000


def shown(text: object) -> str:
    """`text` with every character that does not print, but line breaks and tabs, written as its escape."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode("ascii")
        for char in str(text).replace("\r\n", "\n")
    )


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    with _printing():
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not is_utf8, allow_nan=False) + "\n")


def say(text: str = "") -> None:
    """Print text of a result on stdout, as it is."""
    with _printing():
        sys.stdout.write(shown(text) + "\n")


def hint(text: str) -> None:
    """Print a remark beside the result, on stderr."""
    sys.stderr.write(shown(text) + "\n")


def fail(text: str) -> None:
    """Print an error on stderr."""
    hint(f"error: {text}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print a table on stdout, as `table` makes it."""
    print_parts(table(columns, rows, title=title))


def print_parts(*parts: RenderableType) -> None:
    """Print tables and lines on stdout, one below the other."""
    with _printing():
        console = _stdout()
        for part in parts:
            console.print(part)


@contextmanager
def redrawn() -> Iterator[Callable[..., None]]:
    """Gives what draws tables and lines on the terminal, each time in the place of those before; the last ones stay."""
    from rich.console import Group
    from rich.live import Live

    with Live(console=_stdout(), auto_refresh=False) as live:

        def draw(*parts: RenderableType) -> None:
            live.update(Group(*parts), refresh=True)

        yield draw


def line(text: str) -> Text:
    """Text as it is, to be printed beside tables."""
    from rich.text import Text

    return Text(shown(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """A table. Nothing is cut: long cells wrap on a terminal, and stay on one line in a pipe.

    Args:
        columns: headings; one that begins with ">" is aligned to the right.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=None if title is None else Text(shown(title)), box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        is_number = column.startswith(">")
        made.add_column(
            Text(column.lstrip(">")), justify="right" if is_number else "left", overflow="fold", no_wrap=is_number
        )
    for row in rows:
        made.add_row(*(Text(shown(cell)) for cell in row))
    return made


def usd(cost: float | None) -> str:
    """A cost for people; an unknown one says so."""
    return "unknown" if cost is None else f"${cost:,.6f}" if cost else "$0"


def discard_stdout() -> None:
    """Let whatever is still to be printed go nowhere, also what Python prints when it closes stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _printing() -> Iterator[None]:
    """Print all of it now, and say so when the disk behind stdout is full or gone."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads any more, which is no failure of ours
        raise
    except OSError as error:
        discard_stdout()
        raise SleeptimeError(f"the result cannot be written to standard output: {error.strerror}") from error


def _stdout() -> Console:
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


class ProgressBar:
    """One line on the terminal that is updated; where stderr is not a terminal, only what is waited for is said."""

    def __init__(self, progress: Progress | None, label: str) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task(label, total=None)
        self._label = label
        self._awaited = ""

    def update(self, done: int, total: int | None = None, *, label: str | None = None) -> None:
        """Show how far the work is; `total` None means that it is not known."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)
            if label is not None:
                self._progress.update(self._task, description=label)

    def wait(self, reason: str) -> None:
        """Say what the work waits for, once for each thing; stopped meanwhile, it can be gone on with."""
        if reason == self._awaited:
            return
        self._awaited = reason
        if self._progress is not None and self._task is not None:
            self._progress.console.print(shown(f"{self._label}: {reason}"), markup=False, highlight=False)
        else:
            hint(f"{self._label}: {reason}")


@contextmanager
def progress_bar(label: str) -> Iterator[ProgressBar]:
    """A progress bar on stderr while the body runs."""
    if not sys.stderr.isatty():
        yield ProgressBar(None, label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    description = TextColumn("{task.description}", markup=False)  # it may hold the name of a context
    columns = (description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield ProgressBar(progress, label)
