"""Signals: different reasons to think that a change touches a file, each a score of every file that is there.

=========  ==========================================================================================
content    words of the file
symbols    names that it defines
path       words of its path
messages   words of the commits that touched it
similar    it was touched by commits whose messages read like the query
analogous  such commits touched what is for another thing what this file is for the one that the query is about
together   it changed together with the files that the other signals put first
recent     it is touched often, and was lately
=========  ==========================================================================================

All are of one moment: what came later has no say, so that a prediction can be replayed at any earlier commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sleeptime.swe.postings import K1, B, Postings, idf
from sleeptime.swe.roles import Roles

if TYPE_CHECKING:
    import numpy as np

    from sleeptime.swe.past import Past

NAMES: Final = ("content", "symbols", "path", "messages", "similar", "analogous", "together", "recent")

MAX_FILES: Final = 40
"""Commits that touch more files say little of what belongs together."""
NUM_SIMILAR: Final = 30
"""How many past changes that read like the query are looked at."""
NUM_SEEDS: Final = 3
"""With how many files a file can change together."""
HALF_LIFE: Final = 100
"""After so many commits a touch counts half."""
_SMOOTHING: Final = 1.0
_SEEDING: Final = {"content": 2.0, "symbols": 1.0, "path": 1.0, "messages": 0.7, "similar": 1.0}
"""What decides with which files a file is to change together."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything that is searched, whatever the moment.

    Args:
        content: words of blobs.
        symbols: names that blobs define, under the same numbers.
        names: words of paths.
        roles: which paths play the same part for different things, under the same numbers.
        messages: words of commits, by their numbers.
        past: the commits.
    """

    content: Postings
    symbols: Postings
    names: Postings
    roles: Roles
    messages: Postings
    past: Past


@dataclass(frozen=True, slots=True)
class Moment:
    """What was there when a commit was made.

    Args:
        since: number of the newest commit that is known.
        files: numbers of the F files that were there, in path order, int32.
        paths: of each.
        blobs: its number in `Corpus.content`, int32 ``(F,)``.
        names: its number in `Corpus.names`, int32 ``(F,)``.
        roles: which of the files play the same part for different things.
        is_source: whether it is source code, bool ``(F,)``.
    """

    since: int
    files: np.ndarray
    paths: tuple[str, ...]
    blobs: np.ndarray
    names: np.ndarray
    roles: Roles
    is_source: np.ndarray


class Searched:
    """The signals of one query at one moment.

    Args:
        corpus: what is searched.
        moment: when.
        query: weight of each term.
    """

    def __init__(self, corpus: Corpus, moment: Moment, query: Mapping[int, float]) -> None:
        self._corpus = corpus
        self._past = corpus.past
        self._moment = moment
        self._query = query
        self.seeded: dict[int, float] = {}

    def scores(self) -> dict[str, np.ndarray]:
        """Every signal, by name: the score of each file, float64 ``(F,)``, at least 0."""
        import numpy as np

        moment, corpus = self._moment, self._corpus
        found = {
            "content": self._bm25(corpus.content, moment.blobs),
            "symbols": self._bm25(corpus.symbols, moment.blobs),
            "path": self._bm25(corpus.names, moment.names),
            "messages": self.messages(),
            "similar": self.similar(),
            "recent": self.recent(),
        }
        about = sum((share * _relative(found[name]) for name, share in _SEEDING.items()), np.zeros(len(moment.files)))
        self.seeded = self.seeds(about)
        return {**found, "analogous": self.analogous(about), "together": self.together(self.seeded)}

    def seeds(self, about: np.ndarray) -> dict[int, float]:
        """The files that the other signals put first, by their place among the files, and how surely.

        Args:
            about: how much each file has to do with the query.
        """
        import numpy as np

        sure = about**2
        best = np.argsort(-sure, kind="stable")[:NUM_SEEDS]
        return {int(place): float(sure[place]) for place in best if sure[place] > 0}

    def _bm25(self, postings: Postings, numbers: np.ndarray) -> np.ndarray:
        import numpy as np

        chosen = np.zeros(len(postings.lengths), bool)
        chosen[numbers] = True
        found: np.ndarray = postings.bm25(self._query, chosen)[numbers]
        return found

    def messages(self) -> np.ndarray:
        """BM25 of each file, taken as the messages of the commits that touched it; large commits count less."""
        import numpy as np

        past, postings = self._past, self._corpus.messages
        weight = commit_weights(past, self._moment.since)
        num = max(1, len(self._moment.files))
        lengths = np.bincount(past.files, (weight * postings.lengths)[past.commit_of], minlength=len(past.versions))
        norms = K1 * (1 - B + B * lengths * (num / max(1.0, float(lengths[self._moment.files].sum()))))
        scores = np.zeros(len(past.versions))
        for term, value in self._query.items():
            commits, _ = postings.of_term(term)
            commits = commits[commits >= self._moment.since]
            if not len(commits):
                continue
            files, of = touches(past, commits)
            counts = np.bincount(files, weight[of], minlength=len(past.versions))
            holding = int((counts > 0).sum())
            scores += value * idf(min(holding, num), num) * counts * (K1 + 1) / (counts + norms)
        found: np.ndarray = scores[self._moment.files]
        return found

    def similar_commits(self) -> list[tuple[int, float]]:
        """The past changes that read most like the query, best first, with their scores."""
        import numpy as np

        past, postings = self._past, self._corpus.messages
        sizes = past.offsets[1:] - past.offsets[:-1]
        chosen = (np.arange(len(past.commits)) >= self._moment.since) & (sizes > 0) & (sizes <= MAX_FILES)
        scores = postings.bm25(self._query, chosen)
        best = np.argsort(-scores, kind="stable")[:NUM_SIMILAR]
        return [(int(commit), float(scores[commit])) for commit in best if scores[commit] > 0]

    def _weighed_commits(self) -> list[tuple[int, float]]:
        """The similar commits, each with how much it says of one of its files."""
        found = self.similar_commits()
        return [
            (commit, (score / found[0][1]) ** 2 / len(self._past.of_commit(commit)) ** 0.5) for commit, score in found
        ]

    def similar(self) -> np.ndarray:
        """How much of what reads like the query touched each file."""
        import numpy as np

        scores = np.zeros(len(self._past.versions))
        for commit, weight in self._weighed_commits():
            scores[self._past.of_commit(commit)] += weight
        taken: np.ndarray = scores[self._moment.files]
        return taken

    def analogous(self, about: np.ndarray) -> np.ndarray:
        """How much of what reads like the query touched a file of the same role, times how much its subject is meant.

        Args:
            about: how much each file has to do with the query.
        """
        import numpy as np

        moment, roles = self._moment, self._moment.roles
        scores = np.zeros(len(moment.files))
        if not len(roles.paths):
            return scores
        places = np.full(len(self._past.versions), -1)
        places[moment.files] = np.arange(len(moment.files))
        touched = np.zeros(int(roles.roles.max()) + 1)
        for commit, weight in self._weighed_commits():
            there = places[self._past.of_commit(commit)]
            touched[roles.of_paths(there[there >= 0])] += weight
        meant = np.bincount(roles.subjects, about[roles.paths]) / np.maximum(np.bincount(roles.subjects), 1)
        np.maximum.at(scores, roles.paths, touched[roles.roles] * meant[roles.subjects])
        return scores

    def recent(self) -> np.ndarray:
        """How often each file was touched, of late above all."""
        import numpy as np

        past = self._past
        age = np.arange(len(past.commits)) - self._moment.since
        weight = np.where(age >= 0, 0.5 ** (np.maximum(age, 0) / HALF_LIFE), 0.0)
        found: np.ndarray = np.bincount(past.files, weight[past.commit_of], minlength=len(past.versions))
        taken: np.ndarray = found[self._moment.files]
        return taken

    def together(self, seeds: Mapping[int, float]) -> np.ndarray:
        """How likely each file is to change with the seeds."""
        import numpy as np

        past, moment = self._past, self._moment
        weight = commit_weights(past, moment.since)
        found = np.zeros(len(past.versions))
        for place, value in seeds.items():
            file = int(moment.files[place])
            commits = past.of_file(file, moment.since)
            commits = commits[weight[commits] > 0]
            files, of = touches(past, commits)
            likely = np.bincount(files, weight[of], minlength=len(past.versions))
            likely = likely / (_SMOOTHING + likely[file])
            likely[file] = 0
            found += value * likely
        taken: np.ndarray = found[moment.files]
        return taken


def _relative(scores: np.ndarray) -> np.ndarray:
    """Scores as shares of the best one."""
    best = float(scores.max()) if len(scores) else 0.0
    return scores / best if best > 0 else scores


def commit_weights(past: Past, since: int) -> np.ndarray:
    """How much each commit says of what belongs together: the fewer files it touches the more; 0 before its time."""
    import numpy as np

    sizes = (past.offsets[1:] - past.offsets[:-1]).astype(float)
    weight = np.where((sizes > 0) & (sizes <= MAX_FILES), 1 / np.log2(1 + np.maximum(sizes, 1)), 0.0)
    weight[:since] = 0.0
    return weight


def touches(past: Past, commits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The files that commits touched, and the commit of each touch."""
    import numpy as np

    begins, sizes = past.offsets[commits], past.offsets[commits + 1] - past.offsets[commits]
    ends = np.cumsum(sizes)
    places = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(begins - (ends - sizes), sizes)
    return past.files[places], np.repeat(commits, sizes)
