"""Related: which changes of a history read like a query, by the words that few of them share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from sleeptime.swe.history import Commit
from sleeptime.swe.postings import idf
from sleeptime.swe.terms import terms
from sleeptime.swe.wording import query_of

_SHORT: Final = 8
"""Terms that are added to the length of every message, so that the shortest do not come first for it."""


class Messages:
    """The messages of commits, to be looked up by words. What is rare is counted among these alone."""

    def __init__(self, commits: Iterable[Commit] = ()) -> None:
        self._commits: list[Commit] = []
        self._lengths: list[int] = []
        self._holding: dict[str, list[int]] = defaultdict(list)
        for commit in commits:
            self.add(commit)

    def add(self, commit: Commit) -> None:
        """Take in one more."""
        found = terms(query_of(commit.message))
        for term in found:
            self._holding[term].append(len(self._commits))
        self._commits.append(commit)
        self._lengths.append(len(found))

    def like(self, query: str, limit: int) -> tuple[Commit, ...]:
        """The commits whose messages share most with a query, the best first; none that shares nothing.

        Args:
            query: words.
            limit: at most so many.
        """
        scores: dict[int, float] = defaultdict(float)
        for term in terms(query):
            places = self._holding.get(term, ())
            for place in places:
                scores[place] += idf(len(places), len(self._commits)) / (_SHORT + self._lengths[place])
        best = sorted(scores, key=lambda place: (-scores[place], place))
        return tuple(self._commits[place] for place in best[:limit])
