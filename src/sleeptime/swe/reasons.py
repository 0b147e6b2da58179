"""Reasons: why a file was found, in words for a reader."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import shorten
from typing import TYPE_CHECKING, Final

from sleeptime.sources.entry import printable
from sleeptime.swe.postings import Postings
from sleeptime.swe.signals import NAMES, Corpus, Moment, Searched

if TYPE_CHECKING:
    import numpy as np

    from sleeptime.swe.query import Query

MAX_REASONS: Final = 4
MAX_WORDS: Final = 4
_MAX_TITLE_CHARS: Final = 72
_LATELY: Final = 100


class Reasons:
    """Tells why files were found.

    Args:
        corpus: what was searched.
        moment: when.
        query: what was asked.
        searched: its signals.
        strengths: how strongly each signal speaks for each file.
        weights: of the signals.
    """

    def __init__(
        self,
        corpus: Corpus,
        moment: Moment,
        query: Query,
        searched: Searched,
        strengths: np.ndarray,
        weights: np.ndarray,
    ) -> None:
        self._corpus = corpus
        self._moment = moment
        self._query = query
        self._searched = searched
        self._strengths = strengths
        self._weights = weights
        self._held: dict[str, dict[int, tuple[set[int], float]]] = {}
        self._similar = searched.similar_commits()
        self._told: dict[str, Callable[[int], str]] = {
            "content": lambda place: self._words("content", corpus.content, moment.blobs, place),
            "symbols": lambda place: self._words("symbols", corpus.symbols, moment.blobs, place),
            "path": lambda place: self._words("path", corpus.names, moment.names, place),
            "messages": self._messages,
            "similar": self._similar_change,
            "analogous": self._analogous,
            "together": self._together,
            "recent": self._recent,
        }

    def of(self, place: int) -> tuple[str, ...]:
        """The strongest reasons for a file, by its place among the files."""
        found = [
            (-float(self._weights[column] * self._strengths[place, column]), column, name)
            for column, name in enumerate(NAMES)
            if self._strengths[place, column] > 0 and self._weights[column] > 0
        ]
        told = (self._told[name](place) for _, _, name in sorted(found))
        return tuple([reason for reason in told if reason][:MAX_REASONS])

    def _words(self, what: str, postings: Postings, numbers: np.ndarray, place: int) -> str:
        if what not in self._held:
            self._held[what] = {term: postings.among(term, numbers) for term in self._query.weights}
        document, held = int(numbers[place]), dict[str, float]()
        for term, (documents, weight) in self._held[what].items():
            if document in documents:
                word = self._query.words[term]
                held[word] = max(held.get(word, 0.0), weight)
        best = sorted(held, key=lambda word: -held[word])[:MAX_WORDS]
        return f"{what}: {', '.join(best)}" if best else ""

    def _commits(self, place: int) -> np.ndarray:
        return self._corpus.past.of_file(int(self._moment.files[place]), self._moment.since)

    def _messages(self, place: int) -> str:
        commits = set(self._commits(place).tolist())
        held = {
            self._query.words[term]: len(both)
            for term in self._query.weights
            if (both := commits.intersection(self._corpus.messages.of_term(term)[0].tolist()))
        }
        best = sorted(held, key=lambda word: -held[word])[:MAX_WORDS]
        return f"messages of its commits: {', '.join(best)}" if best else ""

    def _similar_change(self, place: int) -> str:
        commits = set(self._commits(place).tolist())
        for commit, _ in self._similar:
            if commit in commits:
                return f"similar change {self._change(commit)}"
        return ""

    def _analogous(self, place: int) -> str:
        import numpy as np

        moment = self._moment
        mine = moment.roles.of_paths(np.array([place]))
        same = set(moment.roles.paths[np.isin(moment.roles.roles, mine)].tolist()) - {place}
        files = {int(moment.files[other]): moment.paths[other] for other in same}
        for commit, _ in self._similar:
            like = next((file for file in self._corpus.past.of_commit(commit).tolist() if file in files), None)
            if like is not None:
                return f"like {printable(files[like])} in {self._change(commit)}"
        return ""

    def _change(self, commit: int) -> str:
        told = self._corpus.past.commits[commit]
        return f'{told.id[:8]}: "{shorten(printable(told.title), _MAX_TITLE_CHARS, placeholder=" …")}"'

    def _together(self, place: int) -> str:
        mine = set(self._commits(place).tolist())
        both = {seed: len(mine.intersection(self._commits(seed).tolist())) for seed in self._searched.seeded}
        seed = max(both, key=lambda seed: both[seed], default=place)
        if seed == place or not both[seed]:
            return ""
        return f"changed with {printable(self._moment.paths[seed])} in {counted(both[seed])}"

    def _recent(self, place: int) -> str:
        looked_at = min(_LATELY, len(self._corpus.past.commits) - self._moment.since)
        lately = int((self._commits(place) < self._moment.since + looked_at).sum())
        return f"changed in {lately} of the last {counted(looked_at)}" if lately else ""


def counted(commits: int) -> str:
    """A number of commits, in words."""
    return f"{commits} commit{'' if commits == 1 else 's'}"
