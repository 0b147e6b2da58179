"""Objects of a git repository by their id: trees, blobs and commits. Knows nothing of what may be seen; runs no git.

Everything is read from the objects themselves: grafts, replacements, attributes and the working tree have no say.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import pygit2

MAX_TEXT_BYTES: Final = 1 << 20
"""Largest file that is read as text; a larger one is huge."""

MAX_DEPTH: Final = 200
"""Folders inside folders that are gone into."""

_MAX_MESSAGE_CHARS: Final = 50_000
_BINARY_PROBE: Final = 8_000
"""Bytes that are looked at for a NUL, as git does."""

_ENTRY: Final = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)
_PARENT: Final = re.compile(rb"^parent ([0-9a-f]{40})$", re.MULTILINE)
_UNSAFE_NAMES: Final = frozenset({b".", b"..", b".git"})


_Line = tuple[bytes, bytes, bytes]


class FileKind(StrEnum):
    """How a file can be read: only TEXT can."""

    TEXT = "text"
    BINARY = "binary"
    HUGE = "huge"
    LINK = "link"
    SUBMODULE = "submodule"
    MISSING = "missing"


class Mode(StrEnum):
    """What an entry of a tree is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SUBMODULE = "submodule"


_MODES: Final = {0o04: Mode.FOLDER, 0o10: Mode.FILE, 0o12: Mode.LINK, 0o16: Mode.SUBMODULE}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a tree: a path, what it is, and the id of its object."""

    path: str
    mode: Mode
    id: str


@dataclass(frozen=True, slots=True)
class StoredCommit:
    """A commit as it is stored."""

    id: str
    tree: str
    parents: tuple[str, ...]
    at: datetime
    message: str


class _Pair(NamedTuple):
    """A folder, and its trees in two commits."""

    path: str
    before: str | None
    after: str | None


_Versions = tuple[Entry | None, Entry | None]


class Objects:
    """The objects of one repository. Threads may share it; libgit2 is asked one thing at a time."""

    def __init__(self, git: pygit2.Repository) -> None:
        self.git = git
        self._asking = Lock()
        self._parents: dict[str, tuple[str, ...]] = {}
        self._kinds: dict[str, tuple[int, FileKind]] = {}
        self._is_partial = any(entry.name.endswith((".promisor", ".partialclone")) for entry in git.config)

    def parents(self, commit_id: str) -> tuple[str, ...]:
        """Parents of a commit, also of those that are not there; none of one that is not there itself."""
        if commit_id not in self._parents:
            commit = self.commit(commit_id)
            self._parents[commit_id] = () if commit is None else commit.parents
        return self._parents[commit_id]

    def commit(self, commit_id: str) -> StoredCommit | None:
        """A commit; None when it is not there or cannot be read."""
        import pygit2

        try:
            with self._asking:
                found: object = self.git.get(commit_id)
        except (ValueError, pygit2.GitError):
            return None
        if not isinstance(found, pygit2.Commit):
            return None
        header = found.read_raw().partition(b"\n\n")[0]
        parents = tuple(match.decode() for match in _PARENT.findall(header))
        return StoredCommit(commit_id, str(found.tree_id), parents, _moment(found.commit_time), _message(found))

    def should_be_there(self, commit_id: str) -> bool:
        """Whether a commit that cannot be read is damaged or lost, and not behind the edge of a shallow clone."""
        with self._asking:
            return commit_id in self.git.odb or not self.git.is_shallow

    def kind(self, blob_id: str, texts: Container[str] = ()) -> tuple[int, FileKind]:
        """Bytes of a blob, 0 when it is missing, and how it can be read; one of `texts` is known to be a text."""
        if blob_id not in self._kinds:
            self._kinds[blob_id] = self._look_at(blob_id, texts)
        return self._kinds[blob_id]

    def _look_at(self, blob_id: str, texts: Container[str]) -> tuple[int, FileKind]:
        size = self._size(blob_id)
        if size is None:
            return 0, FileKind.MISSING
        if size > MAX_TEXT_BYTES:
            return size, FileKind.HUGE
        if blob_id in texts:
            return size, FileKind.TEXT
        data = self.data(blob_id)
        if data is None:
            return 0, FileKind.MISSING
        return size, FileKind.BINARY if b"\0" in data[:_BINARY_PROBE] else FileKind.TEXT

    def _size(self, blob_id: str) -> int | None:
        import pygit2

        try:
            with self._asking:
                kind, size = self.git.odb.read_header(blob_id)
        except (KeyError, ValueError, pygit2.GitError):
            return None
        return int(size) if kind == pygit2.enums.ObjectType.BLOB else None

    def data(self, blob_id: str) -> bytes | None:
        """Content of a blob; None when it is not there or cannot be read."""
        import pygit2

        return self._read(blob_id, pygit2.enums.ObjectType.BLOB)

    def folder(self, tree_id: str, path: str = "") -> tuple[Entry, ...] | None:
        """The entries of one folder, each with its path below `path`; None when the tree is not there.

        Names that no checkout would make (`..`, `.git`, a slash inside) are left out.
        """
        lines = self._lines(tree_id)
        return None if lines is None else tuple(_entries(lines, path))

    def below(self, tree_id: str, most: int) -> list[tuple[Entry, bool]] | None:
        """Every entry below a tree that is no folder, and folders that cannot be gone into; and: is it readable.

        None for more than `most` entries and folders: a small repository can hold more than any disk.
        """
        found, waiting, folders = list[tuple[Entry, bool]](), [Entry("", Mode.FOLDER, tree_id)], 0
        while waiting:
            entry = waiting.pop()
            if entry.mode is not Mode.FOLDER:
                found.append((entry, True))
                continue
            folders += 1
            inside = None if entry.path.count("/") >= MAX_DEPTH else self.folder(entry.id, entry.path)
            if inside is None:
                found.append((entry, False))
            else:
                waiting.extend(reversed(inside))
            if len(found) + len(waiting) + folders > most:
                return None
        return found

    def differences(self, before: str | None, after: str, most: int) -> list[_Versions] | None:
        """What differs between two trees, file by file: before and after; None for more than `most` differences."""
        found, waiting, folders = list[_Versions](), [_Pair("", before, after)], 0
        while waiting:
            pair = waiting.pop()
            folders += 1
            for path, (old, new) in self._differences(pair).items():
                inside = _folder_id(old), _folder_id(new)
                if any(inside):
                    waiting.append(_Pair(path, *inside))
                files = old if inside[0] is None else None, new if inside[1] is None else None
                if any(files):
                    found.append(files)
            if len(found) + len(waiting) + folders > most:
                return None
        return found

    def _differences(self, pair: _Pair) -> dict[str, _Versions]:
        old_lines, new_lines = self._lines(pair.before), self._lines(pair.after)
        if old_lines is None or new_lines is None or pair.path.count("/") >= MAX_DEPTH:
            return {}  # a tree that is not there can be compared with nothing
        old = {entry.path: entry for entry in _entries(set(old_lines).difference(new_lines), pair.path)}
        new = {entry.path: entry for entry in _entries(set(new_lines).difference(old_lines), pair.path)}
        return {path: (old.get(path), new.get(path)) for path in old.keys() | new.keys()}

    def renames(self, before: str, after: str) -> dict[str, str]:
        """Files that a later tree has under another path, at least half the same: new path, old path.

        In a partial clone, and where a content is missing, only files that are exactly the same are found: what is
        missing there may be fetched at any time.
        """
        import pygit2

        renamed = pygit2.enums.DeltaStatus.RENAMED
        ways = pygit2.enums.DiffFind.FIND_RENAMES, pygit2.enums.DiffFind.FIND_EXACT_MATCH_ONLY
        for flags in ways[self._is_partial :]:
            try:
                with self._asking:
                    diff = self.git.diff(self.git[before].id, self.git[after].id, context_lines=0)
                    diff.find_similar(flags=flags | pygit2.enums.DiffFind.FIND_RENAMES)
                    return {
                        _decoded(delta.new_file.raw_path): _decoded(delta.old_file.raw_path)
                        for delta in diff.deltas
                        if delta.status == renamed
                    }
            except (KeyError, ValueError, pygit2.GitError):
                continue
        return {}

    def _lines(self, tree_id: str | None) -> list[_Line] | None:
        """Mode, name and id of each entry of a tree; none for no tree, None when it is not there."""
        import pygit2

        if tree_id is None:
            return []
        data = self._read(tree_id, pygit2.enums.ObjectType.TREE)
        return None if data is None else _ENTRY.findall(data)

    def _read(self, object_id: str, kind: int) -> bytes | None:
        import pygit2

        try:
            with self._asking:
                found, data = self.git.read(object_id)
        except (KeyError, ValueError, pygit2.GitError):
            return None
        return data if found == kind else None


def _entries(lines: Iterable[_Line], path: str) -> Iterator[Entry]:
    prefix = f"{path}/" if path else ""
    for mode, name, object_id in lines:
        kind = _MODES.get(int(mode, 8) >> 12)
        if kind is not None and name.lower() not in _UNSAFE_NAMES and b"/" not in name:
            yield Entry(prefix + _decoded(name), kind, object_id.hex())


def _folder_id(entry: Entry | None) -> str | None:
    return entry.id if entry is not None and entry.mode is Mode.FOLDER else None


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):  # a clock that was far off
        return datetime.fromtimestamp(0, UTC)


def _message(commit: pygit2.Commit) -> str:
    data = commit.raw_message[: 4 * _MAX_MESSAGE_CHARS]
    try:
        text = data.decode(commit.message_encoding or "utf-8", "replace")
    except (LookupError, UnicodeError):
        text = data.decode("utf-8", "replace")
    clean = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return clean[:_MAX_MESSAGE_CHARS]
