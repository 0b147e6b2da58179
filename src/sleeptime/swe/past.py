"""Past: a mainline of commits in arrays, and what each file was at any of them.

Commits are numbered from 0, the newest. A file keeps its number through renames, and has at each commit the name and
the content of that time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from sleeptime.swe.stretch import Stretch

_EVER: Final = 1 << 30
"""Number of a commit before all others."""


class Version(NamedTuple):
    """A file from one commit on.

    Args:
        since: number of that commit.
        path: its name then.
        blob: its content; None when it was deleted.
    """

    since: int
    path: str
    blob: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """Commits, newest first, and which files they touched.

    Args:
        commits: as they were read.
        versions: of each file, newest first; the number of a file is its place here.
        offsets: where the touches of each commit begin, int64 ``(C + 1,)``.
        files: the file of each touch, by commit, int32 ``(M,)``.
        commit_of: the commit of each touch, ascending, int32 ``(M,)``.
        file_offsets: where the touches of each file begin, int64 ``(F + 1,)``.
        touches: the commit of each touch, by file and then ascending, int32 ``(M,)``.
    """

    commits: Stretch
    versions: tuple[tuple[Version, ...], ...]
    offsets: np.ndarray
    files: np.ndarray
    commit_of: np.ndarray
    file_offsets: np.ndarray
    touches: np.ndarray

    def now(self) -> dict[str, int]:
        """The number of each file that is there, by its path."""
        found: dict[str, int] = {}
        for number, versions in enumerate(self.versions):
            if versions[0].blob is not None:
                found.setdefault(versions[0].path, number)
        return found

    @classmethod
    def of(cls, commits: Stretch, now: Mapping[str, str], first: Mapping[str, str] | None = None) -> Past:
        """Number the files of a history.

        Args:
            commits: a mainline.
            now: the blob of each file of the newest commit, by path.
            first: of the oldest one, where that does not tell itself which files there were.
        """
        import numpy as np

        numbers, told = _numbered(commits, first or {})
        versions = _with_untold(told, now)
        offsets = np.concatenate([[0], np.cumsum(commits.sizes)]).astype(np.int64)
        flat = np.array(numbers, np.int32)
        commit_of = np.repeat(np.arange(len(commits), dtype=np.int32), commits.sizes)
        order = np.argsort(flat, kind="stable")
        file_offsets = np.searchsorted(flat[order], np.arange(len(versions) + 1))
        return cls(
            commits,
            versions,
            offsets,
            flat,
            commit_of,
            file_offsets,
            commit_of[order],
        )

    def version(self, file: int, since: int) -> Version | None:
        """What a file was when commit `since` had just been made; None when there was none.

        One that the history does not tell of was always there as it is.
        """
        versions = self.versions[file]
        place = bisect_left(versions, since, key=lambda version: version.since)
        if place == len(versions):
            return None
        return versions[place] if versions[place].blob is not None else None

    def of_commit(self, number: int) -> np.ndarray:
        """The files that a commit touched."""
        return self.files[self.offsets[number] : self.offsets[number + 1]]

    def of_file(self, file: int, before: int) -> np.ndarray:
        """The commits older than `before`, or it, that touched a file, newest first."""
        import numpy as np

        commits = self.touches[self.file_offsets[file] : self.file_offsets[file + 1]]
        return commits[np.searchsorted(commits, before) :]


def _numbered(commits: Stretch, first: Mapping[str, str]) -> tuple[list[int], list[list[Version]]]:
    """The number of the file of each change, and the versions of each file, newest first."""
    numbers, versions, named = list[int](), list[list[Version]](), dict[str, int]()
    begin = 0
    for commit, size in enumerate(commits.sizes):
        older: dict[str, int] = {}
        for change in range(begin, begin + size):
            path, old_path = commits.paths[change], commits.old_paths[change]
            file = named.setdefault(path, len(versions))
            if file == len(versions):
                versions.append([])
            versions[file].append(Version(commit, path, commits.blobs[change]))
            numbers.append(file)
            if old_path is not None:
                older[old_path] = file
        for file in older.values():  # an older file of that name was another one
            del named[versions[file][-1].path]
        named.update(older)
        begin += size
    for path, blob in first.items():
        if named.setdefault(path, len(versions)) == len(versions):
            versions.append([])
        versions[named[path]].append(Version(_EVER, path, blob))
    return numbers, versions


def _with_untold(told: list[list[Version]], now: Mapping[str, str]) -> tuple[tuple[Version, ...], ...]:
    """The versions of every file, those of which no commit tells included."""
    there = {versions[0].path for versions in told if versions[0].blob is not None}
    untold = [(Version(_EVER, path, blob),) for path, blob in now.items() if path not in there]
    return (*map(tuple, told), *untold)
