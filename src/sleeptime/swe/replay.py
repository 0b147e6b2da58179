"""Replay: what the signals would have said of a past change, before it was made, and what it then touched.

Only changes that look like features are replayed: those of a few files that were there before. A replay knows its
commit and what came before that, and nothing else, so it comes to the same wherever it is made from, and is kept under
the commit's id.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sleeptime.swe.blobs import load_blobs
from sleeptime.swe.cache import Cache
from sleeptime.swe.corpus import assembled, listing
from sleeptime.swe.fusion import Evidence, ranked
from sleeptime.swe.history import is_source
from sleeptime.swe.query import Query, cleaned
from sleeptime.swe.signals import Corpus, Moment, Searched

if TYPE_CHECKING:
    from sleeptime.swe.history import Commit
    from sleeptime.swe.past import Past
    from sleeptime.swe.postings import Postings
    from sleeptime.swe.repository import Repository

MIN_EARLIER: Final = 20
"""A change with fewer commits before it shows little of what a history tells."""
MIN_FILES: Final = 3
MIN_SOURCE_FILES: Final = 2
MAX_SOURCE_FILES: Final = 10
MAX_CHANGES: Final = 30

_KIND: Final = "replay"
_CHORE: Final = re.compile(
    r"^(?:[\w./ ,()-]{1,40}: *)?"
    r"(?:bump|fix(?:e[sd])?|format|merge|refactor\w*|release|rename|revert|sort|tidy|upgrade)\b"
    r"|\b(?:dependenc\w+|formatter|lint\w*|typos?)\b",
    re.IGNORECASE,
)
"""Titles that ask for no feature."""


def replayable(past: Past, number: int) -> tuple[int, ...]:
    """Numbers of the past changes that can be replayed, newest first; at most so many."""
    found: list[int] = []
    for place in range(len(past.commits) - MIN_EARLIER):
        if len(found) == number:
            break
        if _is_feature(past.commits[place]):
            found.append(place)
    return tuple(found)


def _is_feature(commit: Commit) -> bool:
    """Whether it looks like a change that somebody asked for."""
    modified = [change.path for change in commit.changes if change.status == "modified"]
    sources = sum(map(is_source, modified))
    return (
        len(modified) >= MIN_FILES
        and MIN_SOURCE_FILES <= sources <= MAX_SOURCE_FILES
        and len(commit.changes) <= MAX_CHANGES
        and bool(said := cleaned(commit.message))
        and not _CHORE.search(said[0].strip())
    )


def replayed(
    repository: Repository,
    past: Past,
    messages: Postings,
    number: int,
    cache: Cache | None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Evidence, ...]:
    """Replay past changes, where it was not done before.

    Args:
        repository: that has them.
        past: its commits.
        messages: their words.
        number: how many at most, the newest first.
        cache: where replays are kept.
        progress: told how many contents are read, and of how many.
    """
    places = replayable(past, number)
    ids = {place: past.commits[place].id for place in places}
    kept = {} if cache is None else cache.get(_KIND, ids.values())
    wanting = [place for place in places if ids[place] not in kept]
    fresh = _replay(repository, past, messages, wanting, cache, progress) if wanting else {}
    if cache is not None:
        cache.put(_KIND, {ids[place]: evidence.packed() for place, evidence in fresh.items()})
    return tuple(fresh[place] if place in fresh else Evidence.unpacked(kept[ids[place]]) for place in places)


def _replay(
    repository: Repository,
    past: Past,
    messages: Postings,
    places: list[int],
    cache: Cache | None,
    progress: Callable[[int, int], None] | None,
) -> dict[int, Evidence]:
    listings = {place + 1: listing(past, place + 1) for place in places}
    wanted = {key: path for rows in listings.values() for path, _, key in rows}
    blobs = load_blobs(repository, cache, wanted.items(), progress)
    corpus, moments = assembled(past, messages, listings, blobs)
    return {place: _evidence(corpus, moments[place + 1], past.commits[place]) for place in places}


def _evidence(corpus: Corpus, moment: Moment, commit: Commit) -> Evidence:
    """What the signals say of a commit at the moment before it."""
    import numpy as np

    ranks = ranked(Searched(corpus, moment, Query.of(commit.message).weights).scores())
    truth = {change.path for change in commit.changes if change.status == "modified"}
    is_touched = np.array([path in truth for path in moment.paths], bool)
    is_found = (ranks > 0).any(axis=1)
    others = np.zeros((2, 2), np.int64)
    np.add.at(others, (moment.is_source[~is_found].astype(int), is_touched[~is_found].astype(int)), 1)
    return Evidence(ranks[is_found], moment.is_source[is_found], is_touched[is_found], others)
