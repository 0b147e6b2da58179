"""Scratch: a work tree of an agent's own. It holds copies of the files that the agent edits, and nothing else.

The user's work tree is never written. A path leads to a text file of the commit, or to a new one beside them; whatever
else it tries (``..``, an absolute path, a link, a submodule, git's own folder) is refused.
"""

from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Final, Self

from sleeptime.core.errors import InputError, SleeptimeError
from sleeptime.sources.entry import printable
from sleeptime.swe.repository import Repository

MAX_CHARS: Final = 2_000_000
"""Longest text of a file that is written."""
MAX_FILES: Final = 200
"""Most files that are edited."""
MAX_NAME_BYTES: Final = 255
"""Longest name that file systems take."""
MAX_PATH_BYTES: Final = 1_000


def plain_path(path: str) -> str:
    """A path as the files of a commit have it; the reading tools understand it so, too."""
    return path.removeprefix("./")


class Scratch:
    """A temporary folder with the files that were edited; gone when left. Use in a ``with``.

    Args:
        repository: at the commit that is worked on.

    Raises:
        SleeptimeError: the folder cannot be made.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        try:
            self._top = Path(tempfile.mkdtemp(prefix="sleeptime-swe-")).resolve()
            self.folder = self._top / "tree"
            self.folder.mkdir()
        except OSError as error:
            raise SleeptimeError(f"a scratch folder cannot be made: {error}") from error
        self._edited: dict[str, str] = {}
        """Text that each edited file had before; "" for a new one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self._top, ignore_errors=True)

    @property
    def modified(self) -> tuple[str, ...]:
        """Files of the commit whose text is another one now, in path order."""
        changed = (path for path, before in self._edited.items() if self.text(path) != before)
        return tuple(sorted(path for path in changed if path in self._repository.files()))

    @property
    def created(self) -> tuple[str, ...]:
        """Files that the commit does not have, in path order."""
        return tuple(sorted(path for path in self._edited if path not in self._repository.files()))

    def has(self, path: str) -> bool:
        """Whether a file was edited."""
        return self._path(path) in self._edited

    def text(self, path: str) -> str:
        """A file as it is now: with its edits, or as the commit has it.

        Raises:
            InputError: there is no such text file.
        """
        path = self._path(path)
        if path in self._edited:
            return self._place(path).read_bytes().decode()
        return self._repository.text(path)

    def edit(self, path: str, old: str, new: str) -> None:
        """Put a new text in the place of an old one that stands in a file exactly once.

        Args:
            path: of a text file; one that does not exist is created.
            old: what is replaced, as it stands there; empty for a file that is new or empty.
            new: what takes its place.

        Raises:
            InputError: the path cannot be edited, the old text stands there not at all or more than once, or the file
                would be too large; nothing is written.
            SleeptimeError: the disk is full, or cannot be written; the file stays as it was.
        """
        path = self._path(path)
        self._check(path)
        is_new = path not in self._edited and path not in self._repository.files()
        before = "" if is_new else self.text(path)
        if is_new and old:
            raise InputError(f"there is no file {printable(path)[:200]!r}; give an empty old text to create it")
        is_empty = not before and not old
        times = before.count(old) if old else 0
        if not is_empty and times != 1:
            why = "is not there" if not times else f"stands there {times} times"
            raise InputError(f"the old text has to stand in {printable(path)[:200]!r} exactly once, and it {why}")
        after = new if is_empty else before.replace(old, new)
        if len(after) > MAX_CHARS:
            raise InputError(f"{printable(path)[:200]!r} would have more than {MAX_CHARS:,} characters")
        if path not in self._edited and len(self._edited) >= MAX_FILES:
            raise InputError(f"{MAX_FILES} files were edited, the limit")
        self._write(self._place(path), after.encode("utf-8", "replace"))
        self._edited.setdefault(path, before)

    def diff(self) -> str:
        """All edits as one unified diff, which git applies."""
        texts: list[str] = []
        for path in (*self.modified, *self.created):
            before, after = lines_of(self._edited[path]), lines_of(self.text(path))
            source = _quoted(f"a/{path}") if path in self._repository.files() else "/dev/null"
            texts += difflib.unified_diff(before, after, source, _quoted(f"b/{path}"))
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in texts)

    def _write(self, place: Path, data: bytes) -> None:
        """Put a file in its place, whole or not at all."""
        new = self._top / "new"
        try:
            new.write_bytes(data)
            place.parent.mkdir(parents=True, exist_ok=True)
            new.replace(place)
        except OSError as error:
            raise SleeptimeError(f"the scratch folder {self.folder} cannot be written: {error.strerror}") from error

    def _check(self, path: str) -> None:
        """Refuse a path that leads anywhere but to a text file of the commit, or to a new file beside them."""
        shown = printable(path)[:200]
        steps = path.split("/")
        if any(step in ("", ".", "..") or step.lower() == ".git" for step in steps) or set(path) & {"\\", "\0"}:
            raise InputError(f"{shown!r} is refused: give the path of a file inside the repository, as tree shows it")
        if not path.isprintable() and path not in self._repository.files():
            raise InputError(f"{shown!r} is refused: the name of a new file is printable")
        if max(map(_num_bytes, steps)) > MAX_NAME_BYTES or _num_bytes(path) > MAX_PATH_BYTES:
            raise InputError(f"{shown!r} is refused: the path is too long")
        there = {*self._repository.files(), *self._edited}
        for parent in PurePosixPath(path).parents[:-1]:
            if str(parent) in there:
                raise InputError(f"{shown!r} is refused: {printable(str(parent))!r} is no folder of this repository")
        if any(other.startswith(f"{path}/") for other in there):
            raise InputError(f"{shown!r} is refused: it is a folder; give the path of a file")

    def _path(self, path: str) -> str:
        """A path as the files of the commit have it, from the way tools show it."""
        return self._repository.path_of(plain_path(path))

    def _place(self, path: str) -> Path:
        place = self.folder / path
        assert place.resolve().is_relative_to(self.folder), "a path that was checked stays inside"
        return place


def lines_of(text: str) -> list[str]:
    """Lines as git counts them: they end with a line feed, and with nothing else."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _quoted(name: str) -> str:
    """A name as git writes it in a diff: in quotes, with the octal codes of bytes, where it does not print.

    A tab ends one with a space, whose last words may else be taken for a time.
    """
    if name.isprintable() and '"' not in name:
        return f"{name}\t" if " " in name else name
    data = name.encode("utf-8", "surrogateescape")
    return '"{}"'.format(re.sub(rb"[^ !#-~]", lambda found: b"\\%03o" % ord(found[0]), data).decode())


def _num_bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape"))
