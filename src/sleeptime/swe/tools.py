"""Tools: how an agent reads a repository at one commit. Every answer is bounded in size and in time.

What is returned is data of the repository, which the caller has to fence. Paths are shown printable, and understood as
they are shown; links are not followed, so no path leads out of the commit.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from sleeptime.core.errors import InputError
from sleeptime.core.text import kept_text
from sleeptime.sources.entry import printable
from sleeptime.swe.extra import need_extra
from sleeptime.swe.history import Change, Commit
from sleeptime.swe.repository import File, FileKind, Repository

if TYPE_CHECKING:
    from regex import Pattern

    from sleeptime.swe.related import Messages

MAX_TREE_LINES: Final = 300
MAX_MATCHES: Final = 60
"""Lines that one grep shows."""
MAX_MATCHES_OF_FILE: Final = 10
MAX_READ_LINES: Final = 400
MAX_LINE_CHARS: Final = 400
"""Of a longer line no more is shown, and a grep looks at ten times as much."""
MAX_OUTLINE_LINES: Final = 300
MAX_RELATED: Final = 8
MAX_RELATED_FILES: Final = 12
MAX_HISTORY: Final = 5_000
"""Commits that are looked through for related ones, the newest."""
MAX_PATTERN_CHARS: Final = 300
MAX_REPEATED_CHARS: Final = 300_000
"""Length of a pattern times its counts, such as ``{40}``: a group is compiled as often as it may be repeated."""
MAX_GREP_S: Final = 5.0
_CALLS: Final = re.compile(r"(?<!\\)(?:\\\\)*\(\?(?:R|[+-]?[0-9]|&|P(?![<=]))")
"""Calls of groups, and of the pattern itself: those fill a gigabyte of memory before any time has passed."""
_BRACE: Final = re.compile(r"(\\[pPN]\{[^}]*\}|\\.|\{\d*,?\d*\})|\{", re.DOTALL)
"""A brace that stands for itself, of which code has many; whatever holds another one is the first group. Left as it
is, one can allow for mistakes (``(?:ab){e<=9}``), which fill the memory, too."""


class Tools:
    """Reads one repository at one commit, and what came before it.

    Each method returns text, and raises `InputError`, with what to do, when it cannot.
    """

    def __init__(self, repository: Repository, *, max_grep_s: float = MAX_GREP_S) -> None:
        self._repository = repository
        self._max_grep_s = max_grep_s

    def tree(self, path: str = "", depth: int = 2) -> str:
        """Files and folders below a folder, or one file.

        Args:
            path: of the folder; "" for the root.
            depth: how many levels are unfolded, from 1.
        """
        if depth < 1:
            raise InputError(f"depth is 1 or more, got {depth}")
        folder, files = self._below(path)
        lines = list[str]()
        for name, inside in _levels(folder, files, depth):
            only = inside[0]
            is_file = len(inside) == 1 and only.path == name
            lines.append(f"{printable(name)}{_remark(only)}" if is_file else f"{printable(name)}/ ({_files(inside)})")
        return _bounded(lines, MAX_TREE_LINES, "give a folder, or less depth")

    def grep(self, pattern: str, path: str = "") -> str:
        """Lines of text files that match, each with its file and number.

        Args:
            pattern: a regular expression; it looks at one line at a time.
            path: of a folder or a file; "" for all.
        """
        compiled = _compiled(pattern)
        found, left_out = list[str](), Counter[str]()
        ends_at = time.monotonic() + self._max_grep_s
        is_late = False
        try:
            for name, number, line in self._matches(compiled, path, ends_at):
                left_out[name] += 1
                if left_out[name] <= MAX_MATCHES_OF_FILE and len(found) < MAX_MATCHES:
                    found.append(f"{printable(name)}:{number}: {_cut(line.strip())}")
        except TimeoutError:
            is_late = True
        if is_late and not found:
            raise InputError(
                f"the pattern takes longer than {self._max_grep_s:g} s; give a simpler one, or a path to look in"
            )
        if not found:
            raise InputError("no line matches; try fewer or other words, or (?i) at its beginning to ignore case")
        num_more = left_out.total() - len(found)
        if num_more:
            found.append(f"({num_more:,} more lines match in {len(left_out):,} files; give a path or a longer pattern)")
        if is_late:
            found.append(f"(stopped after {self._max_grep_s:g} s: not every file was looked at)")
        return "\n".join(found)

    def read(self, path: str, first: int = 1, last: int = MAX_READ_LINES) -> str:
        """Lines of a text file, numbered from 1, at most `MAX_READ_LINES`.

        Args:
            path: of the file.
            first: the first line.
            last: the last line; one after the end is the end.
        """
        lines = _lines(self._repository.text(self._file(path).path))
        if not 1 <= first <= last:
            raise InputError(f"lines are counted from 1, and first is not after last; got {first} and {last}")
        if first > len(lines):
            raise InputError(f"the file has {len(lines):,} lines; got first = {first:,}")
        end = min(last, len(lines), first + MAX_READ_LINES - 1)
        shown = [f"{number}\t{_cut(line)}" for number, line in enumerate(lines[first - 1 : end], first)]
        if end < min(last, len(lines)):
            shown.append(f"(the file has {len(lines):,} lines; go on with first = {end + 1})")
        return "\n".join(shown)

    def outline(self, path: str) -> str:
        """What a source file defines: lines, kind and name of each.

        Args:
            path: of the file.
        """
        from sleeptime.swe.outline import outline

        file = self._file(path)
        found = outline(file.path, self._repository.text(file.path))
        if not found.symbols:
            raise InputError(found.remark or "the file defines nothing; read it")
        lines = [
            f"{symbol.first}-{symbol.last}\t{symbol.kind} {_cut(printable(symbol.name))}" for symbol in found.symbols
        ]
        if found.is_partial:
            lines.append("(the file holds mistakes; something may lack)")
        return _bounded(lines, MAX_OUTLINE_LINES, "read the file")

    def related(self, query: str) -> str:
        """Earlier changes whose messages read like a query, and the files that they changed.

        Args:
            query: words of the change.
        """
        found = self._messages.like(query, MAX_RELATED)
        if not found:
            raise InputError("no earlier change has words like these; try other words")
        return "\n".join(line for commit in found for line in self._told(commit))

    @cached_property
    def _messages(self) -> Messages:
        from sleeptime.swe.related import Messages

        return Messages(self._repository.commits(MAX_HISTORY, with_changes=False))

    def _told(self, commit: Commit) -> Iterator[str]:
        changes = next(self._repository.at(commit.id).commits(1)).changes
        yield f"{commit.id[:12]} {commit.at:%Y-%m-%d} {_cut(printable(commit.title))}"
        for change in changes[:MAX_RELATED_FILES]:
            yield f"  {change.status} {printable(change.path)}{_was(change)}"
        if len(changes) > MAX_RELATED_FILES:
            yield f"  (and {len(changes) - MAX_RELATED_FILES:,} more files)"

    def _file(self, path: str) -> File:
        plain = _plain(path)
        found = self._repository.files().get(self._repository.path_of(plain))
        if found is None:
            what = "is a folder" if not plain or self._inside(plain) else "is not there"
            raise InputError(f"'{printable(plain)[:200]}' {what}; see tree")
        return found

    def _below(self, path: str) -> tuple[str, list[File]]:
        """The folder that a path names, and the files below it; a file is all that is below itself."""
        plain, files = _plain(path), self._repository.files()
        if not plain:
            if not files:
                raise InputError("the commit has no files")
            return "", list(files.values())
        real = self._repository.path_of(plain)
        if real in files:
            return real, [files[real]]
        below = self._inside(plain)
        if not below:
            raise InputError(f"'{printable(plain)[:200]}' is not there; see tree")
        folder = "/".join(below[0].path.split("/")[: plain.count("/") + 1])
        return folder, below

    def _inside(self, folder: str) -> list[File]:
        """The files below the folder that is shown so."""
        return [file for file in self._repository.files().values() if printable(file.path).startswith(f"{folder}/")]

    def _matches(self, compiled: Pattern[str], path: str, ends_at: float) -> Iterator[tuple[str, int, str]]:
        for file in self._below(path)[1]:
            if file.kind is not FileKind.TEXT:
                continue
            _left_s(ends_at)  # before the file is read
            for number, line in enumerate(_lines(self._repository.text(file.path)), 1):
                if compiled.search(line, 0, 10 * MAX_LINE_CHARS, timeout=_left_s(ends_at)):
                    yield file.path, number, line


def _left_s(ends_at: float) -> float:
    """Seconds that are left.

    Raises:
        TimeoutError: none are.
    """
    left_s = ends_at - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _compiled(pattern: str) -> Pattern[str]:
    need_extra("regex")
    import regex  # it can be told to give up, which `re` cannot

    if not pattern.strip() or len(pattern) > MAX_PATTERN_CHARS:
        raise InputError(f"a pattern has 1 to {MAX_PATTERN_CHARS} characters, got {len(pattern)}")
    counts = (max(map(int, re.findall(r"\d+", braced)), default=1) for braced in re.findall(r"\{[^}]*", pattern))
    if len(pattern) * math.prod(max(1, count) for count in counts) > MAX_REPEATED_CHARS:
        raise InputError("the counts in the pattern are too large together; write * or + for some")
    if _CALLS.search(pattern):
        raise InputError("a pattern does not call a group or itself, as (?R), (?1) and (?&name) do; write it out")
    try:
        return regex.compile(_BRACE.sub(lambda found: found[1] or r"\{", pattern))
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            f"the pattern is no regular expression ({str(error)[:200]}); write \\ before each of .^$*+?{{}}[]\\|()"
        ) from error


def _levels(folder: str, files: list[File], depth: int) -> Iterator[tuple[str, list[File]]]:
    """What is `depth` levels below a folder at most, in path order, each with the files that are or lie in it."""
    cut = (folder.count("/") + 1 if folder else 0) + depth
    groups: dict[str, list[File]] = {}
    for file in files:
        groups.setdefault("/".join(file.path.split("/")[:cut]), []).append(file)
    yield from groups.items()


def _plain(path: str) -> str:
    """A path as the files of a commit have it; "" for the root."""
    plain = path.removeprefix("./").rstrip("/")
    return "" if plain == "." else plain


def _lines(text: str) -> list[str]:
    lines = kept_text(text).replace("\r\n", "\n").split("\n")
    return lines[:-1] if len(lines) > 1 and not lines[-1] else lines


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]}... ({len(line):,} characters)"


def _bounded(lines: list[str], most: int, advice: str) -> str:
    more = [f"(and {len(lines) - most:,} more; {advice})"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more])


def _remark(file: File) -> str:
    return "" if file.kind is FileKind.TEXT else f" ({file.kind})"


def _files(inside: list[File]) -> str:
    return "1 file" if len(inside) == 1 else f"{len(inside):,} files"


def _was(change: Change) -> str:
    return "" if change.old_path is None else f" (was {printable(change.old_path)})"
