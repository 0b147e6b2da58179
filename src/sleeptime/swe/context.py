"""A repository as a context: the commit that a version of it was read at, its index, and which files a change touches.

What it takes of the store is the repository that a context was added from. Calls no model.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sleeptime.core.errors import EmptyInput, InputError, Unreadable
from sleeptime.core.text import checked_text
from sleeptime.swe.cache import Cache, Warn
from sleeptime.swe.index import REPLAYS, Found, Index, Progress
from sleeptime.swe.repository import Repository

if TYPE_CHECKING:
    from sleeptime.store.store import Store

log = logging.getLogger(__name__)

_SLEPT: Final = "slept"
_REPLAYS: Final = "replays"


def cache_folder() -> Path:
    """Where the caches of repositories are: in the user's cache folder, such as ~/.cache/sleeptime/swe. Makes none."""
    import platformdirs

    return platformdirs.user_cache_path("sleeptime", appauthor=False) / "swe"


@dataclass(frozen=True, slots=True)
class Answered:
    """Which files a change touches.

    Args:
        commit_id: of the repository.
        files: that have anything to do with the query, best first.
        predicted: those of them that it is expected to touch, also those beyond the limit; none where none was found.
        latency_s: from the query to the files, once the index is there.
    """

    commit_id: str
    files: tuple[Found, ...]
    predicted: tuple[str, ...]
    latency_s: float


async def repository_of(store: Store, name: str, version: str | None = None) -> Repository:
    """The repository that a context was added from, at the commit of a version.

    Args:
        store: of the tenant.
        name: of the context.
        version: whose parts are read beside it, so that both are of one commit, whatever was added since; by default
            the one that the context stands at.

    Raises:
        NotFound: no such context, or it was not added from a repository.
        Unreadable: the repository is gone.
        InputError: its history was rewritten, and has the commit no more.
    """
    origin = await store.repository_of(name, version)
    again = f"`sleeptime add {name} PATH/TO/REPOSITORY` adds it as it is now"
    try:
        return Repository.open(origin.path, origin.commit_id)
    except InputError as error:
        if isinstance(error, Unreadable):
            raise Unreadable(
                f"the repository of {name!r} cannot be read at {origin.path} any more: {error}. {again}"
            ) from error
        raise InputError(
            f"the repository {origin.path} has not the commit {origin.commit_id[:12]} any more, which {name!r} was "
            f"added at; was its history rewritten? {again}"
        ) from error


def index_of(
    repository: Repository,
    *,
    replays: int | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
    warn: Warn = log.warning,
) -> Index:
    """The index of a context's repository.

    Args:
        repository: at the commit that is asked about.
        replays: how many past changes it is tuned on; as the last sleep was told by default.
        folder: of the caches; `cache_folder` by default.
        progress: told what is being done, and how far it is.
        warn: told of a cache that cannot be used, and of a damaged repository.

    Raises:
        InputError: the extra ``swe`` is not installed, or `replays` is negative.
    """
    with Cache.of(repository.path, folder or cache_folder(), warn) as cache:
        if replays is None:
            replays = int(cache.get(_SLEPT, [_REPLAYS]).get(_REPLAYS, str(REPLAYS).encode()))
        else:
            cache.put(_SLEPT, {_REPLAYS: str(replays).encode()})
        return Index.build(repository, cache=cache, replays=replays, progress=progress, warn=warn)


def check_query(query: str) -> None:
    """Refuse a query that says nothing.

    Raises:
        EmptyInput: it is blank.
        NotText: it holds characters that cannot be kept.
    """
    if not query.strip():
        raise EmptyInput("the query is blank; say what is to be changed, such as 'add a --json flag to the export'")
    checked_text("the query", query)


async def ask(
    store: Store,
    name: str,
    query: str,
    *,
    limit: int = 20,
    folder: Path | None = None,
    progress: Progress | None = None,
    warn: Warn = log.warning,
) -> Answered:
    """The files that a change touches, best first; built on what sleep has left, and on the spot where it left nothing.

    Args:
        store: of the tenant.
        name: of the context.
        query: what is asked for.
        limit: at most so many files.
        folder, progress, warn: as for `index_of`.

    Raises:
        NotFound, Unreadable, InputError: as `repository_of`, `index_of` and `check_query`.
    """
    check_query(query)
    index = index_of(await repository_of(store, name), folder=folder, progress=progress, warn=warn)
    began_s = time.perf_counter()
    found, predicted = index.search(query, limit), index.predict(query)
    return Answered(index.commit_id, found, predicted, time.perf_counter() - began_s)
