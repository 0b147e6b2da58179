"""Sources to parts: a file, a folder, a git repository, `path@REV`, a URL, or `-`. Stores nothing.

A source that is one thing (a file, a page, standard input) must be readable text, or it is an error. Inside a folder or
a repository, a file that is not is left out and reported: most repositories hold a picture or an empty file. A limit of
the whole context is always an error.
"""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import anyio

from sleeptime.core.context import MAX_NAME_CHARS, Part
from sleeptime.core.errors import EmptyInput, InputError, NotText, TooLarge, Unreadable
from sleeptime.core.text import checked_text
from sleeptime.sources.entry import Entry, Skipped, SkipReason, printable
from sleeptime.sources.limits import SourceLimits
from sleeptime.sources.reading import Collector, Reading
from sleeptime.sources.text import BinaryData, to_text
from sleeptime.sources.waiting import Wanted, read_path, read_stream

Progress = Callable[[int, int], None]
"""Called with the number of parts and bytes read so far."""

STDIN = "-"
STDIN_NAME = "stdin"


async def read_sources(
    sources: Sequence[str | Part],
    limits: SourceLimits | None = None,
    *,
    stdin: BinaryIO | None = None,
    progress: Progress | None = None,
) -> Reading:
    """Read every source, in order, into parts with distinct names; a part that is given as such is taken as it is.

    Part names are paths as given (`docs` gives `docs/guide.md`, `.` gives `guide.md`); an absolute path, and one that
    leaves the working folder, counts from its last component. Only where two parts would share a name do they get the
    whole path.

    Raises:
        InputError: a source cannot be used; the message names it and the limit. Nothing is returned then.
    """
    if not sources:
        raise InputError("give at least one source: a file, a folder, a git repository, path@REV, a URL, or -")
    if any(isinstance(source, str) and not source.strip() for source in sources):
        raise InputError("a source is blank (an empty variable?); the working folder is .")
    if sources.count(STDIN) > 1:
        raise InputError("standard input (-) can be read only once; give - once.")
    collector = Collector(limits or SourceLimits())
    for source in sources:
        if isinstance(source, Part):
            collector.add(source.name, source.name, checked_text(f"part {source.name!r}", source.text))
        else:
            await _read_source(source, collector, stdin, progress)
        if progress is not None:
            progress(len(collector.found), collector.num_bytes)
    reading = collector.reading()
    return replace(reading, origin=collector.origin) if len(sources) == 1 else reading


async def _read_source(source: str, collector: Collector, stdin: BinaryIO | None, progress: Progress | None) -> None:
    # Imported here: the HTTP client is slow to load, and most sources are paths.
    if source.lower().startswith(("http://", "https://")):
        from sleeptime.sources.page import page_name, page_text

        name = page_name(source)
        if not collector.is_known(name):
            collector.add(name, name, await page_text(source, collector.limits))
        return
    wanted = Wanted()
    try:
        if source == STDIN:
            await anyio.to_thread.run_sync(_read_stdin, stdin, collector, wanted)
        else:
            await anyio.to_thread.run_sync(_PathReader(source, collector, progress, wanted).read)
    finally:
        wanted.give_up()  # the thread goes on by itself when this task was cancelled, as by Ctrl-C


def _read_stdin(stdin: BinaryIO | None, collector: Collector, wanted: Wanted) -> None:
    if stdin is None:
        raise Unreadable("standard input (-) is not available here.")
    max_bytes = collector.limits.max_part_bytes
    data = read_stream(stdin, max_bytes + 1, wanted)
    collector.add(STDIN_NAME, STDIN_NAME, to_text(data, "standard input", max_bytes=max_bytes))


@dataclass(frozen=True, slots=True)
class _PathReader:
    """Reads one path, with or without @REV, in a worker thread that stops when its task is cancelled."""

    source: str
    collector: Collector
    progress: Progress | None
    wanted: Wanted

    def read(self) -> None:
        path = Path(self.source)
        if not _exists(path):
            self._read_revision()
        elif path.is_dir():
            self._read_folder(path)
        else:
            read = partial(read_path, path, wanted=self.wanted)  # it may be a pipe: sleeptime add notes <(command)
            self._take(_label(path), self.source, Entry("", os.path.realpath(path), read), is_asked_for=True)

    def _read_revision(self) -> None:
        from sleeptime.sources.repository import has_repository, origin_of, revision_entries

        pieces = self.source.split("@")
        for cut in range(1, len(pieces)):
            before, revision = "@".join(pieces[:cut]), "@".join(pieces[cut:])
            path = Path(before or ".")
            if revision and has_repository(path.absolute()):
                self.collector.origin = origin = origin_of(path, revision)
                # By its id: a branch may move meanwhile.
                self._take_all(_label(path), revision_entries(path, origin.commit_id if origin else revision))
                return
        hint = " (and it names no revision of a git repository)" if "@" in self.source else ""
        raise Unreadable(f"{printable(self.source)} does not exist{hint}; give a file, a folder, path@REV, a URL, or -")

    def _read_folder(self, folder: Path) -> None:
        from sleeptime.sources.folder import folder_entries
        from sleeptime.sources.repository import is_git_folder, origin_of, revision_entries

        try:
            self.collector.origin = origin = origin_of(folder)
            revision = origin.commit_id if origin else "HEAD"
            entries = revision_entries(folder, revision) if is_git_folder(folder) else folder_entries(folder)
            self._take_all(_label(folder), entries)
        except OSError as error:
            raise Unreadable(f"the folder {printable(self.source)} cannot be read: {error.strerror}.") from error

    def _take_all(self, label: str, entries: Iterable[Entry | Skipped]) -> None:
        prefix = f"{label}/" if label else ""
        before = len(self.collector.found), len(self.collector.skipped)
        for entry in entries:
            if isinstance(entry, Skipped):
                self.collector.skip(prefix, entry)
            elif entry.path:
                self._take(prefix + entry.path, f"{self.source.rstrip('/')}/{entry.path}", entry, is_asked_for=False)
            else:  # a file at a revision
                self._take(label, self.source, entry, is_asked_for=True)
            self._tick()
        if before == (len(self.collector.found), len(self.collector.skipped)):
            self._tick()

    def _take(self, name: str, full_name: str, entry: Entry, *, is_asked_for: bool) -> None:
        if self.collector.is_known(entry.identity):
            return
        max_bytes = self.collector.limits.max_part_bytes
        try:
            if len(printable(full_name)) > MAX_NAME_CHARS:
                raise TooLarge(f"{printable(name)[:60]}... has a path of more than {MAX_NAME_CHARS} characters.")
            label = printable(self.source if is_asked_for else name)
            text = to_text(_bytes_of(entry, label, max_bytes + 1), label, max_bytes=max_bytes)
        except (EmptyInput, NotText, TooLarge, Unreadable) as error:
            if is_asked_for:
                raise
            self.collector.skip("", Skipped(name, _reason(error)))
        else:
            self.collector.add(name, full_name, text)

    def _tick(self) -> None:
        self.wanted.check()
        if self.progress is not None:
            self.progress(len(self.collector.found), self.collector.num_bytes)


def _bytes_of(entry: Entry, label: str, max_bytes: int) -> bytes:
    try:
        return entry.read(max_bytes)
    except OSError as error:
        raise Unreadable(f"{label} cannot be read: {error.strerror or error}.") from error


def _reason(error: InputError) -> SkipReason:
    if isinstance(error, BinaryData):
        return SkipReason.BINARY
    if isinstance(error, NotText):
        return SkipReason.NOT_UTF8
    if isinstance(error, EmptyInput):
        return SkipReason.EMPTY
    return SkipReason.TOO_LARGE if isinstance(error, TooLarge) else SkipReason.UNREADABLE


def _exists(path: Path) -> bool:
    try:
        return path.exists() or stat.S_ISLNK(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def _label(path: Path) -> str:
    """How parts of `path` are named; "" for the working folder itself."""
    shown = Path(os.path.normpath(path))
    if shown.is_absolute() or ".." in shown.parts:
        return Path(os.path.normpath(Path.cwd() / path)).name
    return "" if shown == Path() else shown.as_posix()
