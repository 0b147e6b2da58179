"""Mainline: the commits of a repository, each read once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sleeptime.core.errors import InputError
from sleeptime.swe.cache import MANY, Cache
from sleeptime.swe.history import Change, Commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sleeptime.swe.repository import Repository

_KIND: Final = "commit"


def load_commits(
    repository: Repository, cache: Cache | None, progress: Callable[[int], None] | None = None
) -> tuple[Commit, ...]:
    """The commits along first parents, newest first, read where they are not kept.

    Args:
        repository: at the newest of them.
        cache: where they are kept.
        progress: told how many were read.
    """
    if cache is None:
        return tuple(repository.commits())
    kept, fresh = cache.all(_KIND), dict[str, bytes]()
    found: list[Commit] = []
    following: str | None = repository.commit_id
    while following is not None:
        if following in kept:
            found.append(_unpacked(following, kept[following]))
        else:
            for commit in _from(repository, following):
                found.append(commit)
                if commit.changes or not commit.parents:  # a commit at the edge of a shallow clone may yet be told
                    fresh[commit.id] = _packed(commit)
                if len(fresh) == MANY:
                    cache.put(_KIND, fresh)
                    fresh = {}
                if progress is not None:
                    progress(len(found))
                if commit.parents and commit.parents[0] in kept:
                    break
            else:
                break
        following = found[-1].parents[0] if found[-1].parents else None
    cache.put(_KIND, fresh)
    return tuple(found)


def _from(repository: Repository, commit_id: str) -> Iterator[Commit]:
    """The commits from an ancestor on; none when it is not there, as behind the edge of a shallow clone."""
    try:
        start = repository if commit_id == repository.commit_id else repository.at(commit_id)
        yield from start.commits()
    except InputError:
        return


def _packed(commit: Commit) -> bytes:
    changes = [[change.path, change.status, change.old_path, change.blob] for change in commit.changes]
    return json.dumps([list(commit.parents), commit.at.timestamp(), commit.message, changes]).encode()


def _unpacked(commit_id: str, data: bytes) -> Commit:
    parents, at, message, changes = json.loads(data)
    when = datetime.fromtimestamp(at, UTC)
    return Commit(commit_id, tuple(parents), when, message, tuple(Change(*change) for change in changes))
