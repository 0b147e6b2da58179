"""Related: which changes of a history read like a query, by the words that few of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sleeptime.swe.history import Commit
from sleeptime.swe.postings import idf
from sleeptime.swe.terms import terms


class Messages:
    """The messages of commits, to be looked up by words. The same commits and query give the same order."""

    def __init__(self, commits: Sequence[Commit]) -> None:
        self._commits = commits
        self._terms = [frozenset(terms(commit.message)) for commit in commits]
        self._holding = Counter(term for found in self._terms for term in found)

    def like(self, query: str, limit: int, *, since: int = 0) -> tuple[Commit, ...]:
        """The commits whose messages share most with a query; none that shares nothing.

        Args:
            query: words.
            limit: at most so many.
            since: of the commits from this place on alone; they are what is rare or common, too.
        """
        asked = set(terms(query))
        found = []
        for place in range(since, len(self._commits)):
            shared = asked & self._terms[place]
            if shared:
                score = sum(idf(self._holding[term], len(self._commits)) for term in shared)
                found.append((-score / (8 + len(self._terms[place])), place))
        return tuple(self._commits[place] for _, place in sorted(found)[:limit])
