"""Query: the terms of what is asked, and how much each counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sleeptime.swe.terms import term_ids, words_of

TITLE_WEIGHT: Final = 2.0
"""A word of the first line counts so many times as much as one below it."""

_TRAILER: Final = re.compile(r"[A-Z][A-Za-z]*(?:-[A-Za-z]+)+: \S")
_MERGE: Final = re.compile(r"Merge pull request #\d+ from \S+$")
_URL: Final = re.compile(r"https?://\S+")


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
        """Read a question, an issue or a message; trailers such as Signed-off-by and addresses are left out."""
        weights: dict[int, float] = {}
        words: dict[int, str] = {}
        weight = TITLE_WEIGHT
        for line in cleaned(text):
            for word in words_of(line):
                for term in term_ids(word):
                    weights.setdefault(term, weight)
                    words.setdefault(term, word)
            weight = 1.0
        return cls(weights, words)


def cleaned(text: str) -> list[str]:
    """The lines of a message that say something: no blank ones, no trailers, no addresses, nothing that a host wrote.

    >>> cleaned("add --csv, see https://example.org/1\\n\\nSigned-off-by: A. Person")
    ['add --csv, see ']
    """
    lines = [_URL.sub("", line) for line in text.splitlines()]
    return [line for line in lines if line.strip() and not (_TRAILER.match(line) or _MERGE.match(line))]
