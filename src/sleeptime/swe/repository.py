"""A local git repository at one commit, and what came before it. Nothing later can be reached; nothing is written.

Works on a working tree, on a linked one and on a bare repository. What is checked out, staged or stashed is not seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Final

from sleeptime.core.errors import InputError, TooLarge, Unreadable
from sleeptime.sources.entry import printable
from sleeptime.sources.repository import is_there, opened_repository
from sleeptime.swe.history import Change, Commit, Status
from sleeptime.swe.objects import MAX_TEXT_BYTES, Entry, FileKind, Mode, Objects, StoredCommit

__all__ = ["MAX_CHANGES", "MAX_FILES", "Edge", "File", "FileKind", "Repository"]

MAX_FILES: Final = 200_000
"""Most files and folders of one commit."""

MAX_CHANGES: Final = 20_000
"""Most files that one commit changes; of a larger change no file is told."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a commit.

    path: "/" between folders; bytes that are not UTF-8 are kept as lone surrogates (surrogateescape).
    blob: hex id of its content; of the commit, for a submodule; of the tree, for a folder that is not there.
    size: bytes; 0 for what is not there and for submodules.
    kind: how it can be read.
    """

    path: str
    blob: str
    size: int
    kind: FileKind


class Edge(Enum):
    """Why the mainline ends at a commit that has a parent: the clone is shallow, or the parent is damaged or lost."""

    SHALLOW = auto()
    DAMAGED = auto()


class Repository:
    """One commit of a local repository and what came before it; nothing later can be reached.

    Use `open`. Threads may share it: an agent's tools read it in one while its owner does in another.
    """

    def __init__(self, path: Path, objects: Objects, commit: StoredCommit) -> None:
        self.path = path
        self._objects = objects
        self._commit = commit
        self._files: Mapping[str, File] | None = None
        self._past = {commit.id}
        self._ahead = deque([commit.id])
        self._walking = Lock()
        self._blobs: frozenset[str] | None = None
        self._past_blobs: frozenset[str] | None = None
        self._told_blobs = set[str]()
        self._told_commits = set[str]()

    @property
    def commit_id(self) -> str:
        """Id of the commit, 40 hex digits."""
        return self._commit.id

    @classmethod
    def open(cls, path: Path | str, revision: str = "HEAD") -> Repository:
        """A repository at a revision.

        Args:
            path: of a working tree, something in it, or a bare repository.
            revision: anything that names a commit: a branch, a tag, `HEAD~3`, an id.

        Raises:
            Unreadable: no repository, or it cannot be opened.
            InputError: no such commit.
        """
        import pygit2

        git = opened_repository(Path(path))
        root = Path(git.path if git.is_bare else git.workdir).resolve()
        if revision == "HEAD" and git.is_empty:
            raise InputError(f"the git repository {root} is empty: make a commit, then come back")
        try:
            commit_id = str(git.revparse_single(revision).peel(pygit2.Commit).id)
        except (KeyError, ValueError, pygit2.GitError) as error:
            if revision == "HEAD":
                advice = "HEAD names no commit yet: make one, or give another revision"
            else:
                advice = f"there is no commit '{printable(revision)}': give a branch, a tag or an id, see git log"
            raise InputError(f"the git repository {root}: {advice}") from error
        objects = Objects(git)
        commit = objects.commit(commit_id)
        if commit is None:
            raise Unreadable(f"the git repository {root}: the commit {commit_id} cannot be read; try git fsck")
        return cls(root, objects, commit)

    @classmethod
    def of(cls, source: str) -> Repository:
        """A repository as a user names it: `PATH`, or `PATH@REV`.

        Raises:
            Unreadable, InputError: as `open`.
        """
        pieces = source.split("@")
        cuts = [("@".join(pieces[:cut]) or ".", "@".join(pieces[cut:])) for cut in range(1, len(pieces))]
        path, revision = next(((path, revision) for path, revision in cuts if is_there(path)), (source, ""))
        return cls.open(source) if is_there(source) or not revision else cls.open(path, revision)

    def at(self, commit_id: str) -> Repository:
        """This repository at an ancestor, or at the commit itself.

        Args:
            commit_id: 40 hex digits.

        Raises:
            InputError: anything that is not one; whether there is such a commit elsewhere is not told.
        """
        is_past = commit_id in self._told_commits or self._is_past(commit_id)
        commit = self._objects.commit(commit_id) if is_past else None
        if commit is None:
            raise InputError(
                f"'{printable(commit_id)[:80]}' is not a commit that {self.commit_id[:12]} builds on; give the full "
                "id of one, see git log"
            )
        return Repository(self.path, self._objects, commit)

    def files(self, texts: Container[str] = ()) -> Mapping[str, File]:
        """The files of the commit by path, in path order.

        Args:
            texts: blobs that are known to be texts: what is in them need not be looked at.

        Raises:
            TooLarge: more than `MAX_FILES` files and folders.
        """
        if self._files is None:
            entries = self._objects.below(self._commit.tree, MAX_FILES)
            if entries is None:
                raise TooLarge(
                    f"{self.path} has more than {MAX_FILES:,} files and folders at {self.commit_id[:12]}, the limit"
                )
            found = sorted((self._file(entry, there, texts) for entry, there in entries), key=lambda file: file.path)
            self._files = MappingProxyType({file.path: file for file in found})
        return self._files

    def path_of(self, shown: str) -> str:
        """The path of the file that `printable` shows so, as the reading tools do; the same where there is none."""
        return shown if shown in self.files() else self._shown_paths.get(shown, shown)

    @cached_property
    def _shown_paths(self) -> dict[str, str]:
        return {shown: path for path in self.files() if (shown := printable(path)) != path}

    def text(self, path: str) -> str:
        """A text file of the commit; bytes that are not UTF-8 are replaced.

        Raises:
            InputError: no such file, or it is not one that is read as text; says which.
        """
        file = self.files().get(path)
        if file is None:
            raise InputError(f"there is no file '{printable(path)[:200]}' at {self.commit_id[:12]}")
        if file.kind is not FileKind.TEXT:
            raise InputError(f"'{printable(path)[:200]}' cannot be read: {_WHY_NOT[file.kind]}")
        return self._text(file.blob)

    def text_of(self, blob_id: str) -> str:
        """A text that is or was a file, by the hex id of its blob.

        Raises:
            InputError: neither this commit nor an earlier one has it, or it cannot be read as text.
        """
        if not (blob_id in self._told_blobs or blob_id in self._own_blobs() or blob_id in self._blobs_of_past()):
            raise InputError(f"no file up to {self.commit_id[:12]} has the blob '{printable(blob_id)[:80]}'")
        kind = self._objects.kind(blob_id)[1]
        if kind is not FileKind.TEXT:
            raise InputError(f"the blob {blob_id} cannot be read: {_WHY_NOT[kind]}")
        return self._text(blob_id)

    def commits(self, limit: int | None = None, *, with_changes: bool = True) -> Iterator[Commit]:
        """The commit and those before it along first parents (the mainline), newest first.

        Ends where the repository ends, which for a shallow clone is early.

        Args:
            limit: at most so many.
            with_changes: False reads no tree, and gives no changes.
        """
        commit: StoredCommit | None = self._commit
        while commit is not None and (limit is None or limit > 0):
            changes = self._changes(commit) if with_changes else ()
            self.tell(change.blob for change in changes)
            yield Commit(commit.id, commit.parents, commit.at, commit.message, changes)
            limit = None if limit is None else limit - 1
            commit = self._objects.commit(commit.parents[0]) if commit.parents else None

    def edge_at(self, commit: Commit) -> Edge | None:
        """Why the mainline ends at a commit; None where it goes on, and at a first commit."""
        if not commit.parents or self._objects.commit(commit.parents[0]) is not None:
            return None
        return Edge.DAMAGED if self._objects.should_be_there(commit.parents[0]) else Edge.SHALLOW

    def lacks(self, blob_id: str) -> bool:
        """Whether the content of a file is missing, as in a partial clone; it may come later."""
        return self._objects.kind(blob_id)[1] is FileKind.MISSING

    def tell(self, blobs: Iterable[str | None], commits: Iterable[str] = ()) -> None:
        """Say what is known: `text_of` and `at` then need not look for it.

        Args:
            blobs: that files had at this commit or before.
            commits: that this one builds on.
        """
        self._told_blobs.update(blob for blob in blobs if blob is not None)
        self._told_commits.update(commits)

    def num_commits(self) -> int:
        """How many commits `commits` gives."""
        count, commit = 0, self._objects.commit(self.commit_id)
        while commit is not None:
            count += 1
            commit = self._objects.commit(commit.parents[0]) if commit.parents else None
        return count

    def _is_past(self, commit_id: str) -> bool:
        with self._walking:
            while commit_id not in self._past and self._ahead:
                for parent in self._objects.parents(self._ahead.popleft()):
                    if parent not in self._past:
                        self._past.add(parent)
                        self._ahead.append(parent)
            return commit_id in self._past

    def _own_blobs(self) -> frozenset[str]:
        if self._blobs is None:
            self._blobs = frozenset(file.blob for file in self.files().values())
        return self._blobs

    def _blobs_of_past(self) -> frozenset[str]:
        if self._past_blobs is None:
            self._is_past("")  # walk to the end
            trees = [commit.tree for commit in map(self._objects.commit, self._past) if commit is not None]
            seen, blobs = set(trees), set[str]()
            while trees:
                for entry in self._objects.folder(trees.pop()) or ():
                    if entry.mode is Mode.FILE:
                        blobs.add(entry.id)
                    elif entry.mode is Mode.FOLDER and entry.id not in seen:
                        seen.add(entry.id)
                        trees.append(entry.id)
            self._past_blobs = frozenset(blobs)
        return self._past_blobs

    def _file(self, entry: Entry, is_there: bool, texts: Container[str]) -> File:
        if entry.mode is Mode.SUBMODULE:
            return File(entry.path, entry.id, 0, FileKind.SUBMODULE)
        if not is_there:
            return File(entry.path, entry.id, 0, FileKind.MISSING)
        size, kind = self._objects.kind(entry.id, texts)
        return File(entry.path, entry.id, size, FileKind.LINK if entry.mode is Mode.LINK else kind)

    def _text(self, blob_id: str) -> str:
        data = self._objects.data(blob_id)
        if data is None:
            raise Unreadable(f"the blob {blob_id} cannot be read any more; try git fsck")
        return data.decode("utf-8", "replace")

    def _changes(self, commit: StoredCommit) -> tuple[Change, ...]:
        before = self._objects.commit(commit.parents[0]) if commit.parents else None
        if commit.parents and before is None:
            return ()
        found = self._objects.differences(None if before is None else before.tree, commit.tree, MAX_CHANGES)
        changes = [_change(old, new) for old, new in found or ()]
        if {"added", "deleted"} <= {change.status for change in changes} and before is not None:
            changes = self._with_renames(changes, before.tree, commit.tree)
        return tuple(sorted(changes, key=lambda change: change.path))

    def _with_renames(self, changes: list[Change], before: str, after: str) -> list[Change]:
        renames = self._objects.renames(before, after)
        added = {change.path: change for change in changes if change.status == "added"}
        gone = {change.path for change in changes if change.status == "deleted"}
        pairs = {new: old for new, old in renames.items() if new in added and old in gone}
        rest = [change for change in changes if change.path not in pairs.keys() | set(pairs.values())]
        return rest + [Change(new, "renamed", old, added[new].blob) for new, old in pairs.items()]


_WHY_NOT: Final = {
    FileKind.BINARY: "it is binary",
    FileKind.HUGE: f"it is larger than {MAX_TEXT_BYTES:,} bytes",
    FileKind.LINK: "it is a symbolic link, and links are not followed",
    FileKind.SUBMODULE: "it is a submodule, whose files are in another repository",
    FileKind.MISSING: "its content is missing from the repository (a partial clone?)",
}


def _change(old: Entry | None, new: Entry | None) -> Change:
    if new is None:
        assert old is not None
        return Change(old.path, "deleted")
    status: Status = "added" if old is None else "modified"
    return Change(new.path, status, None, new.id if new.mode is Mode.FILE else None)
