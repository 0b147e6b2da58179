"""Index: which files of a repository a change is likely to touch; found in milliseconds, without a model.

Built of one commit and what came before it, so it cannot know what came later. What is worked out of blobs, commits and
replays is kept in a `Cache`; an index that is built from it is the same as one that is built from nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sleeptime.core.errors import InputError, TooLarge
from sleeptime.nano.blas import one_blas_thread
from sleeptime.swe.blobs import BlobKey, load_blobs, texts_of
from sleeptime.swe.cache import Cache, Warn
from sleeptime.swe.corpus import NOW, Listing, assembled, listing
from sleeptime.swe.extra import need_extra
from sleeptime.swe.fusion import features, fit, num_named, probabilities, strengths
from sleeptime.swe.mainline import load_mainline
from sleeptime.swe.past import Past
from sleeptime.swe.query import Query
from sleeptime.swe.reasons import Reasons
from sleeptime.swe.replay import Replays
from sleeptime.swe.repository import FileKind, Repository
from sleeptime.swe.signals import NAMES, Corpus, Moment, Searched

if TYPE_CHECKING:
    import numpy as np

    from sleeptime.swe.stretch import Stretch

log = logging.getLogger(__name__)

REPLAYS: Final = 30
"""How many past changes the weights are tuned on by default."""

_OF_QUERY: Final = [name != "recent" for name in NAMES]
"""Signals that have to do with the query."""

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how far it is, and how far it is to go, if that is known."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that a change may touch.

    Args:
        path: of the file.
        score: how likely it is touched, from 0 to 1, as past changes of the repository speak for it.
        reasons: why, the strongest first.
    """

    path: str
    score: float
    reasons: tuple[str, ...]


class Index:
    """Answers which files a change touches. Use `build`.

    Args:
        commit_id: that it was built at.
        corpus: what is searched.
        moment: the files of the commit.
        weights: of `fusion.features`.
        num_replayed: how many past changes the weights were tuned on.
    """

    def __init__(self, commit_id: str, corpus: Corpus, moment: Moment, weights: np.ndarray, num_replayed: int) -> None:
        self.commit_id = commit_id
        self.num_replayed = num_replayed
        self._corpus = corpus
        self._moment = moment
        self._weights = weights

    @classmethod
    def build(
        cls,
        repository: Repository,
        *,
        cache: Cache | None = None,
        replays: int = REPLAYS,
        progress: Progress | None = None,
        warn: Warn = log.warning,
    ) -> Index:
        """Read a repository; with a cache, only what is not in it.

        Args:
            repository: at the commit that questions are about.
            cache: where to keep what is worked out; None keeps nothing.
            replays: how many past changes to tune the weights on, at least 0.
            progress: told how far it is.
            warn: told when a damaged repository lets a part of the history be unknown.

        Raises:
            InputError: the extra ``swe`` is not installed, or `replays` is negative.
        """
        if replays < 0:
            raise InputError(f"the number of replays is at least 0, got {replays}")
        need_extra()
        told = progress or (lambda what, done, total: None)
        texts = texts_of(cache)
        files = _blobs(repository, texts)
        mainline = load_mainline(repository, cache, warn, lambda done: told("reading commits", done, None))
        past = Past.of(mainline, files, _first(repository, mainline, texts))
        numbers, changes = past.now(), Replays.of(past, replays, cache)
        listings: dict[int, Listing] = {since: listing(past, since) for since in changes.moments}
        listings[NOW] = [(path, numbers[path], BlobKey.of(blob, path)) for path, blob in files.items()]
        wanted = {key: path for rows in listings.values() for path, _, key in rows}
        blobs = load_blobs(repository, cache, wanted, lambda done, total: told("reading files", done, total))
        lost = {key for key in wanted if key not in blobs and repository.lacks(key.id)}
        changes = changes.without([since for since, rows in listings.items() if any(row[2] in lost for row in rows)])
        corpus, moments = assembled(past, mainline.words, listings, blobs)
        evidence = changes.run(corpus, moments, cache, lambda done, total: told("replaying changes", done, total))
        if cache is not None:
            cache.tidy()
        with one_blas_thread():
            weights = fit(evidence)
        return cls(repository.commit_id, corpus, moments[NOW], weights, len(evidence))

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that may be named, in order."""
        return self._moment.paths

    @property
    def past(self) -> Past:
        """The commits, and what they touched."""
        return self._corpus.past

    def search(self, query: str, limit: int = 20) -> tuple[Found, ...]:
        """The files that a change is likeliest to touch, best first, with reasons.

        Args:
            query: what is asked for, in words: a title, an issue, a message.
            limit: at most so many; fewer when fewer have anything to do with it.
        """
        searched, found, likely, order = self._ranked(query)
        reasons = Reasons(self._corpus, self._moment, Query.of(query), searched, found, self._weights)
        return tuple(
            Found(self.paths[place], round(float(likely[place]), 6), reasons.of(int(place)))
            for place in order[: max(0, limit)]
        )

    def predict(self, query: str, *, source_only: bool = False) -> tuple[str, ...]:
        """The files that the change will touch, best first: as many as promise the best F1.

        All of them are among those that `search` finds; there are none where it finds none.

        Args:
            query: as for `search`.
            source_only: name source code alone.
        """
        _, _, likely, order = self._ranked(query)
        if source_only:
            order = order[self._moment.is_source[order]]
        return tuple(self.paths[place] for place in order[: num_named(likely[order])])

    def signal(self, name: str, query: str) -> tuple[str, ...]:
        """The files that one signal alone finds, best first: "content" is BM25 over their words.

        Raises:
            KeyError: no such signal (`signals.NAMES`).
        """
        import numpy as np

        scores = Searched(self._corpus, self._moment, Query.of(query).weights).scores()[name]
        return tuple(self.paths[place] for place in np.argsort(-scores, kind="stable") if scores[place] > 0)

    def _ranked(self, query: str) -> tuple[Searched, np.ndarray, np.ndarray, np.ndarray]:
        """The signals, how strongly each speaks for each file, how likely it is touched, and the order of the found.

        What is merely touched often has nothing to do with a query, and is not found.
        """
        import numpy as np

        searched = Searched(self._corpus, self._moment, Query.of(query).weights)
        found = strengths(searched.scores())
        likely = probabilities(self._weights, features(found, self._moment.is_source))
        order = np.argsort(-likely, kind="stable")
        return searched, found, likely, order[(found[order][:, _OF_QUERY] > 0).any(axis=1)]


def _blobs(repository: Repository, texts: Container[str]) -> dict[str, str]:
    """The blob of each text file, by path."""
    return {path: file.blob for path, file in repository.files(texts).items() if file.kind is FileKind.TEXT}


def _first(repository: Repository, mainline: Stretch, texts: Container[str]) -> dict[str, str]:
    """The blobs of the files of the oldest commit, where that does not tell what it changed.

    So it is at the edge of a shallow clone, and where a repository begins with more files than a change tells of; with
    more than a commit may have, none of them is known.
    """
    if mainline.sizes[-1]:
        return {}
    try:
        found = _blobs(repository.at(mainline.ids[-1]), texts)
    except TooLarge:
        return {}
    repository.tell(found.values())
    return found
