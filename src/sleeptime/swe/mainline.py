"""Mainline: the commits of a repository, each read once."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sleeptime.core.errors import InputError
from sleeptime.swe.cache import MANY, Cache
from sleeptime.swe.history import Change, Commit
from sleeptime.swe.terms import TermCounts
from sleeptime.swe.wording import query_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sleeptime.swe.repository import Repository

_KIND: Final = "commit"
_SIZES: Final = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Mainline:
    """Commits along first parents, newest first.

    Args:
        commits: with what they changed.
        messages: the words of each one's message.
    """

    commits: tuple[Commit, ...]
    messages: tuple[TermCounts, ...]


def load_mainline(
    repository: Repository, cache: Cache | None, progress: Callable[[int], None] | None = None
) -> Mainline:
    """The commits along first parents, newest first, read where they are not kept.

    Args:
        repository: at the newest of them.
        cache: where they are kept.
        progress: told how many were read.
    """
    kept, fresh = {} if cache is None else cache.all(_KIND), dict[str, bytes]()
    found, messages = list[Commit](), list[TermCounts]()
    following: str | None = repository.commit_id
    while following is not None:
        if following in kept:
            commit, words = _unpacked(following, kept[following])
            found.append(commit)
            messages.append(words)
        else:
            for commit in _from(repository, following):
                found.append(commit)
                messages.append(TermCounts.of(query_of(commit.message)))
                if commit.changes or not commit.parents:  # a commit at the edge of a shallow clone may yet be told
                    fresh[commit.id] = _packed(commit, messages[-1])
                if cache is not None and len(fresh) == MANY:
                    cache.put(_KIND, fresh)
                    fresh = {}
                if progress is not None:
                    progress(len(found))
                if commit.parents and commit.parents[0] in kept:
                    break
            else:
                break
        following = found[-1].parents[0] if found[-1].parents else None
    if cache is not None:
        cache.put(_KIND, fresh)
    return Mainline(tuple(found), tuple(messages))


def _from(repository: Repository, commit_id: str) -> Iterator[Commit]:
    """The commits from an ancestor on; none when it is not there, as behind the edge of a shallow clone."""
    try:
        start = repository if commit_id == repository.commit_id else repository.at(commit_id)
        yield from start.commits()
    except InputError:
        return


def _packed(commit: Commit, words: TermCounts) -> bytes:
    changes = [[change.path, change.status, change.old_path, change.blob] for change in commit.changes]
    told = json.dumps([list(commit.parents), commit.at.timestamp(), commit.message, changes]).encode()
    return b"".join((_SIZES.pack(len(told), len(words.ids)), told, words.ids.tobytes(), words.counts.tobytes()))


def _unpacked(commit_id: str, data: bytes) -> tuple[Commit, TermCounts]:
    import numpy as np

    num_told, num_words = _SIZES.unpack_from(data)
    begin = _SIZES.size + num_told
    parents, at, message, changes = json.loads(data[_SIZES.size : begin])
    ids = np.frombuffer(data, "<u8", num_words, begin)
    counts = np.frombuffer(data, "<u4", num_words, begin + ids.nbytes)
    when = datetime.fromtimestamp(at, UTC)
    commit = Commit(commit_id, tuple(parents), when, message, tuple(Change(*change) for change in changes))
    return commit, TermCounts(ids, counts)
