"""Indexing: sleep on a repository without a model. An index that is tuned on the past, and a note for each file.

All of it is of one version of the context, and of the commit that this was read at, whatever is added meanwhile. What
it leaves in the store are notes, through the same door as every sleep.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptime.core.errors import InputError
from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.outcome import Outcome
from sleeptime.swe.cache import Warn
from sleeptime.swe.context import index_of, repository_of
from sleeptime.swe.file_notes import file_notes, learned_of
from sleeptime.swe.index import REPLAYS, Progress

if TYPE_CHECKING:
    from sleeptime.store.entry import Check, Keep, Status
    from sleeptime.store.store import Store

log = logging.getLogger(__name__)


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
        folder: of the caches; `context.cache_folder` by default.
        check, needs_approval, keep: as for `Store.commit_sleep`.
        progress: told what is being done, and how far it is.
        warn: told of a cache that cannot be used.

    Raises:
        NotFound, Unreadable, InputError: as `context.repository_of` and `context.index_of`.
    """
    if replays < 0:
        raise InputError(f"the number of replays is at least 0, got {replays}")
    context = await store.context(name)
    repository = await repository_of(store, name, context.version)
    index = index_of(repository, replays=replays, folder=folder, progress=progress, warn=warn)
    notes = file_notes(context, index.past, _told(progress))
    size = len(index.paths), index.num_replayed
    found = IndexSleep(name, context.version, index.commit_id, Outcome.NOTHING_NEW, "", *size)
    latest = await store.unstudied(name)  # what others have learned while it was indexed stays
    learned = learned_of(context, notes, latest.base, latest.read)
    if not learned.notes:
        return replace(found, reason="there is nothing to say of any file")
    if latest.base is not None and _says_the_same(latest.base, learned):
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


def _told(progress: Progress | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress("writing notes", done, total)


def _says_the_same(live: LearnedContext, learned: LearnedContext) -> bool:
    """Whether nothing would change but numbers."""
    one, other = ((c.strategy, c.model, c.context_version, {note.id for note in c.notes}) for c in (live, learned))
    return one == other
