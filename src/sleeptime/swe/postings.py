"""Postings: which documents hold a term, and Okapi BM25 over any choice of them.

The formula is that of Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, section 3.5. Document
frequencies and the mean length are taken when a query comes, over the documents that are chosen then: so one set of
postings serves a repository at every commit, and one more document costs itself and no other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

    from sleeptime.swe.documents import Documents

K1: Final = 1.2
"""How soon more occurrences of a term stop to matter; the usual value."""
B: Final = 0.75
"""How much long documents are held back; the usual value."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Term counts of D documents, by term.

    Args:
        ids: of the T terms, ascending, uint64.
        offsets: where the documents of each term begin, int64 ``(T + 1,)``.
        documents: the numbers of those documents, int32.
        counts: how often each holds the term, float64.
        lengths: how many terms each document holds, int64 ``(D,)``.
    """

    ids: np.ndarray
    offsets: np.ndarray
    documents: np.ndarray
    counts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, documents: Documents) -> Postings:
        """Sort documents by their terms; each is known by its place."""
        import numpy as np

        sizes, counts = documents.sizes, documents.counts.astype(np.float64)
        numbers = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        lengths = np.bincount(numbers, counts, minlength=len(sizes)).astype(np.int64)
        order = np.argsort(documents.ids, kind="stable")
        ids = documents.ids[order]
        begins = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]])) if len(ids) else np.zeros(0, np.int64)
        offsets = np.append(begins, len(ids))
        return cls(ids[begins], offsets, numbers[order], counts[order], lengths)

    def of_term(self, term: int) -> tuple[np.ndarray, np.ndarray]:
        """The documents that hold a term, and how often."""
        import numpy as np

        place = int(np.searchsorted(self.ids, np.uint64(term)))
        if place == len(self.ids) or self.ids[place] != term:
            return self.documents[:0], self.counts[:0]
        found = slice(self.offsets[place], self.offsets[place + 1])
        return self.documents[found], self.counts[found]

    def among(self, term: int, chosen: np.ndarray) -> tuple[set[int], float]:
        """Which of the chosen documents hold a term, and how much it says of them.

        Args:
            term: its id.
            chosen: numbers of documents.
        """
        there = set(chosen.tolist())
        held = there.intersection(self.of_term(term)[0].tolist())
        return held, idf(len(held), len(there))

    def bm25(self, query: Mapping[int, float], chosen: np.ndarray) -> np.ndarray:
        """The score of each document, float64 ``(D,)``; at least 0, and 0 for those that are not chosen.

        Args:
            query: weight of each term.
            chosen: which documents there are, bool ``(D,)``.
        """
        import numpy as np

        scores = np.zeros(len(self.lengths))
        num = int(chosen.sum())
        if not num:
            return scores
        norms = K1 * (1 - B + B * self.lengths * (num / max(1, int(self.lengths[chosen].sum()))))
        for term, weight in query.items():
            documents, counts = self.of_term(term)
            is_chosen = chosen[documents]
            documents, counts = documents[is_chosen], counts[is_chosen]
            if len(documents):
                weight *= idf(len(documents), num)
                scores[documents] += weight * counts * (K1 + 1) / (counts + norms[documents])
        return scores


def idf(num_holding: int, num: int) -> float:
    """The weight of a term that so many of so many documents hold; above 0."""
    return math.log(1 + (num - num_holding + 0.5) / (num_holding + 0.5))
