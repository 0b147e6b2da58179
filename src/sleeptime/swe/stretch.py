"""Stretch: commits of a mainline in a row, newest first, held and kept column by column.

Thousands of commits are so read from one entry of the cache, and never taken apart: what an index counts it takes from
the columns, and a commit is put together when it is asked for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final, overload

from sleeptime.swe.documents import Documents
from sleeptime.swe.history import Change, Commit
from sleeptime.swe.terms import TermCounts
from sleeptime.swe.wording import query_of

if TYPE_CHECKING:
    from sleeptime.swe.history import Status

_OF_COMMITS: Final = ("ids", "parents", "times", "messages", "sizes")
_OF_CHANGES: Final = ("paths", "statuses", "old_paths", "blobs")
_COLUMNS: Final = _OF_COMMITS + _OF_CHANGES
_SIZE: Final = struct.Struct("<Q")


@dataclass(frozen=True, eq=False)
class Stretch(Sequence[Commit]):
    """Commits, each but the last followed by its first parent.

    Args:
        ids: of the commits.
        parents: of each.
        times: when each was committed, seconds since 1970.
        messages: of each.
        sizes: how many files each changed.
        paths, statuses, old_paths, blobs: of these changes, one after the other, as `Change` has them.
        words: of the messages.
    """

    ids: list[str]
    parents: list[list[str]]
    times: list[float]
    messages: list[str]
    sizes: list[int]
    paths: list[str]
    statuses: list[Status]
    old_paths: list[str | None]
    blobs: list[str | None]
    words: Documents

    @classmethod
    def of(cls, commits: Sequence[Commit]) -> Stretch:
        """Put commits together."""
        changes = [change for commit in commits for change in commit.changes]
        return cls(
            [commit.id for commit in commits],
            [list(commit.parents) for commit in commits],
            [commit.at.timestamp() for commit in commits],
            [commit.message for commit in commits],
            [len(commit.changes) for commit in commits],
            [change.path for change in changes],
            [change.status for change in changes],
            [change.old_path for change in changes],
            [change.blob for change in changes],
            Documents.of([TermCounts.of(query_of(commit.message)) for commit in commits]),
        )

    @classmethod
    def joined(cls, parts: Sequence[Stretch]) -> Stretch:
        """The commits of all parts, at least one, in order."""
        columns = {name: [*chain.from_iterable(getattr(part, name) for part in parts)] for name in _COLUMNS}
        return cls(**columns, words=Documents.joined([part.words for part in parts]))

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Commit: ...

    @overload
    def __getitem__(self, place: slice) -> Stretch: ...

    def __getitem__(self, place: int | slice) -> Commit | Stretch:
        if isinstance(place, int):
            at = datetime.fromtimestamp(self.times[place], UTC)
            return Commit(
                self.ids[place], tuple(self.parents[place]), at, self.messages[place], self._changes(place % len(self))
            )
        begin, end, step = place.indices(len(self))
        assert step == 1
        commits, changes = slice(begin, end), slice(self._offsets[begin], self._offsets[max(begin, end)])
        columns = {name: getattr(self, name)[commits] for name in _OF_COMMITS}
        columns |= {name: getattr(self, name)[changes] for name in _OF_CHANGES}
        return Stretch(**columns, words=self.words[commits])

    def _changes(self, place: int) -> tuple[Change, ...]:
        changes = slice(self._offsets[place], self._offsets[place + 1])
        return tuple(
            map(Change, self.paths[changes], self.statuses[changes], self.old_paths[changes], self.blobs[changes])
        )

    @cached_property
    def _offsets(self) -> list[int]:
        """Where the changes of each commit begin."""
        return list(accumulate(self.sizes, initial=0))

    def packed(self) -> bytes:
        """As bytes."""
        told = json.dumps({name: getattr(self, name) for name in _COLUMNS}).encode()
        return b"".join((_SIZE.pack(len(told)), told, self.words.packed()))

    @classmethod
    def unpacked(cls, data: bytes) -> Stretch:
        """From `packed`."""
        end = _SIZE.size + _SIZE.unpack_from(data)[0]
        return cls(**json.loads(data[_SIZE.size : end]), words=Documents.unpacked(data[end:]))
