"""Query: the terms of what is asked, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sleeptime.swe.terms import term_ids, words_of
from sleeptime.swe.wording import query_of

TITLE_WEIGHT: Final = 3.0
"""A word of the first line counts so many times as much as one below it."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    Args:
        weights: of each term.
        words: the word that each term comes from first, as it was written.
    """

    weights: dict[int, float]
    words: dict[int, str]

    @classmethod
    def of(cls, text: str) -> Query:
        """Read a question, an issue or a message; what tools put into it is left out (`query_of`)."""
        weights: dict[int, float] = {}
        words: dict[int, str] = {}
        weight = TITLE_WEIGHT
        for line in query_of(text).splitlines():
            for word in words_of(line):
                for term in term_ids(word):
                    weights.setdefault(term, weight)
                    words.setdefault(term, word)
            weight = 1.0
        return cls(weights, words)
