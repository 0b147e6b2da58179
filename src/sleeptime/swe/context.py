"""A repository as a context: slept on without a model, and asked which files a change touches.

What it takes of the store is the repository that a context was added from, and the parts; what it leaves there are
notes, through the same door as every sleep.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sleeptime.core.errors import InputError, Unreadable
from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.outcome import Outcome
from sleeptime.core.text import checked_text
from sleeptime.swe.cache import Cache, Warn
from sleeptime.swe.file_notes import file_notes, learned_of
from sleeptime.swe.index import REPLAYS, Found, Index, Progress
from sleeptime.swe.repository import Repository

if TYPE_CHECKING:
    from sleeptime.store.entry import Check, Keep, Status
    from sleeptime.store.store import Store

log = logging.getLogger(__name__)

_SLEPT: Final = "slept"
_REPLAYS: Final = "replays"


def cache_folder() -> Path:
    """Where the caches of repositories are: in the user's cache folder, such as ~/.cache/sleeptime/swe. Makes none."""
    import platformdirs

    return platformdirs.user_cache_path("sleeptime", appauthor=False) / "swe"


@dataclass(frozen=True, slots=True)
class IndexSleep:
    """How a sleep without a model ended.

    Args:
        context: its name.
        context_version: that was read.
        commit_id: of the repository.
        outcome: ``wrote``, ``nothing new``, or ``failed`` when what it wrote was refused; no other comes with notes.
        reason: why, in words; "" when all went well.
        files: how many files are indexed.
        replayed: how many past changes the index was tuned on.
        version: number of the learned context that was kept; None without one.
        status: what became of it.
        notes: its notes; empty unless it is live or waits.
        carried: how many of them were there before.
    """

    context: str
    context_version: str
    commit_id: str
    outcome: Outcome
    reason: str
    files: int
    replayed: int
    version: int | None = None
    status: Status | None = None
    notes: tuple[Note, ...] = ()
    carried: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """Which files a change touches.

    Args:
        commit_id: of the repository.
        files: found, best first.
        predicted: those that it is expected to touch.
        latency_s: from the query to the files, once the index is there.
    """

    commit_id: str
    files: tuple[Found, ...]
    predicted: tuple[str, ...]
    latency_s: float


async def repository_of(store: Store, name: str) -> Repository:
    """The repository that a context was added from, at its commit.

    Raises:
        NotFound: no such context, or it was not added from a repository.
        Unreadable: the repository is gone.
        InputError: its history was rewritten, and has the commit no more.
    """
    origin = await store.repository_of(name)
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


async def sleep(
    store: Store,
    name: str,
    *,
    replays: int = REPLAYS,
    folder: Path | None = None,
    check: Check | None = None,
    needs_approval: bool = False,
    keep: Keep | None = None,
    progress: Progress | None = None,
    warn: Warn = log.warning,
) -> IndexSleep:
    """Index the repository of a context, tune the index on its past, and write a note for each file. Calls no model.

    Args:
        store: of the tenant.
        name: of the context.
        replays: how many past changes to tune on: the budget of this sleep.
        folder: of the caches; `cache_folder` by default.
        check, needs_approval, keep: as for `Store.commit_sleep`.
        progress: told what is being done, and how far it is.
        warn: told of a cache that cannot be used.

    Raises:
        NotFound, Unreadable, InputError: as `repository_of`; or the extra ``swe`` is not installed.
    """
    if replays < 0:
        raise InputError(f"the number of replays is at least 0, got {replays}")
    index = await index_of(store, name, replays=replays, folder=folder, progress=progress, warn=warn)
    unstudied = await store.unstudied(name)
    context = unstudied.context
    told: Callable[[int, int], None] | None = None
    if progress is not None:
        told = lambda done, total: progress("writing notes", done, total)  # noqa: E731
    notes = file_notes(context, index.past, told)
    size = len(index.paths), index.num_replayed
    found = IndexSleep(name, context.version, index.commit_id, Outcome.NOTHING_NEW, "", *size)
    learned = learned_of(context, notes, unstudied.base, unstudied.read)
    if not learned.notes:
        return replace(found, reason="there is nothing to say of any file")
    if unstudied.base is not None and _says_the_same(unstudied.base, learned):
        return replace(found, reason="the notes are those in service")
    committed = await store.commit_sleep(learned, check=check, needs_approval=needs_approval, keep=keep)
    written = learned.notes if committed.outcome is Outcome.WROTE else ()
    return replace(
        found,
        outcome=committed.outcome,
        reason=committed.told(name),
        version=committed.number,
        status=committed.status,
        notes=written,
        carried=sum(bool(note.made_from) for note in written),
    )


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
        folder, progress, warn: as for `sleep`.

    Raises:
        NotFound, Unreadable, InputError: as `sleep`; or the query is blank, or holds characters that are no text.
    """
    if not query.strip():
        raise InputError("the query is blank; say what is to be changed, such as 'add a --json flag to the export'")
    checked_text("the query", query)
    index = await index_of(store, name, folder=folder, progress=progress, warn=warn)
    began_s = time.perf_counter()
    files = index.search(query, limit)
    predicted = index.predict(query)
    return Answered(index.commit_id, files, predicted, time.perf_counter() - began_s)


async def index_of(
    store: Store,
    name: str,
    *,
    replays: int | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
    warn: Warn = log.warning,
) -> Index:
    """The index of a context's repository, tuned on as many replays as given, or else as its last sleep was told.

    Takes and raises as `sleep`.
    """
    repository = await repository_of(store, name)
    with Cache.of(repository.path, folder or cache_folder(), warn) as cache:
        if replays is None:
            replays = int(cache.get(_SLEPT, [_REPLAYS]).get(_REPLAYS, str(REPLAYS).encode()))
        else:
            cache.put(_SLEPT, {_REPLAYS: str(replays).encode()})
        return Index.build(repository, cache=cache, replays=replays, progress=progress)


def _says_the_same(live: LearnedContext, learned: LearnedContext) -> bool:
    """Whether nothing would change but numbers."""
    one, other = ((c.strategy, c.model, c.context_version, {note.id for note in c.notes}) for c in (live, learned))
    return one == other
