"""Replay: what the signals would have said of a past change, before it was made, and what it then touched.

Only changes that look like features are replayed: those of a few files that were there before. A replay knows its
commit and what came before that, and nothing else, so it comes to the same wherever it is made from, and is kept under
the id of its commit and that of the oldest one, which a shallow clone is given another of when it is deepened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sleeptime.swe.cache import Cache
from sleeptime.swe.fusion import Evidence, strengths
from sleeptime.swe.history import is_source
from sleeptime.swe.query import Query
from sleeptime.swe.signals import Corpus, Moment, Searched
from sleeptime.swe.wording import query_of

if TYPE_CHECKING:
    from sleeptime.swe.history import Commit
    from sleeptime.swe.past import Past

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
        and bool(said := query_of(commit.message))
        and not _CHORE.search(said.partition("\n")[0])
    )


@dataclass(frozen=True, slots=True)
class Replays:
    """Past changes that are replayed.

    Args:
        ids: under which they are kept, by the numbers of the commits, newest first.
        kept: what came of those that were replayed before, by id.
    """

    ids: dict[int, str]
    kept: dict[str, bytes]

    @classmethod
    def of(cls, past: Past, number: int, cache: Cache | None) -> Replays:
        """The newest changes that can be replayed.

        Args:
            past: the commits.
            number: how many at most.
            cache: where replays are kept.
        """
        commits = past.commits.ids
        ids = {place: f"{commits[place]} {commits[-1]}" for place in replayable(past, number)}
        return cls(ids, {} if cache is None else cache.get(_KIND, ids.values()))

    @property
    def moments(self) -> tuple[int, ...]:
        """What has to be searched: the newest commit before each change that was not replayed before."""
        return tuple(place + 1 for place, replay_id in self.ids.items() if replay_id not in self.kept)

    def without(self, moments: Container[int]) -> Replays:
        """Those that need none of these moments."""
        ids = {place: one for place, one in self.ids.items() if one in self.kept or place + 1 not in moments}
        return replace(self, ids=ids)

    def run(
        self,
        corpus: Corpus,
        moments: Mapping[int, Moment],
        cache: Cache | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Evidence, ...]:
        """Replay what was not replayed before; the evidence of all.

        Args:
            corpus: with everything that was there at the moments.
            moments: those of `moments` at least.
            cache: where replays are kept.
            progress: told how many are done, and of how many.
        """
        found = []
        for done, (place, replay_id) in enumerate(self.ids.items(), 1):
            if replay_id in self.kept:
                found.append(Evidence.unpacked(self.kept[replay_id]))
                continue
            found.append(_evidence(corpus, moments[place + 1], corpus.past.commits[place]))
            if cache is not None:
                cache.put(_KIND, {replay_id: found[-1].packed()})
            if progress is not None:
                progress(done, len(self.ids))
        return tuple(found)


def _evidence(corpus: Corpus, moment: Moment, commit: Commit) -> Evidence:
    """What the signals say of a commit at the moment before it."""
    import numpy as np

    found = strengths(Searched(corpus, moment, Query.of(commit.message).weights).scores())
    truth = {change.path for change in commit.changes if change.status == "modified"}
    is_touched = np.array([path in truth for path in moment.paths], bool)
    is_found = (found > 0).any(axis=1)
    others = np.zeros((2, 2), np.int64)
    np.add.at(others, (moment.is_source[~is_found].astype(int), is_touched[~is_found].astype(int)), 1)
    return Evidence(found[is_found], moment.is_source[is_found], is_touched[is_found], others)
