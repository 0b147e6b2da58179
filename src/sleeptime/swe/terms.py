"""Terms: the words under which code, paths and messages are found, and how often each stands in a text.

An identifier counts as a whole and by its words: ``exportCsv`` and ``export_csv`` share ``export`` and ``csv``. Words
are cut to a stem, so that "exporting" finds ``Exporter``. A term is kept as 8 bytes of its digest, so that counts of
different texts fit together without a common vocabulary; two of a million share theirs once in ten million times.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

MAX_WORD_CHARS: Final = 60
"""Longer runs of letters and digits are data, such as keys and pictures in base64."""

_WORD: Final = re.compile(r"\w+")
_PIECE: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_ENDINGS: Final = ("ations", "ation", "ings", "ing", "ions", "ion", "ers", "er", "ies", "ed", "es", "s", "e", "y")
_MIN_STEM: Final = 3
_STOP_WORDS: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "may",
        "more",
        "no",
        "nor",
        "not",
        "of",
        "on",
        "only",
        "or",
        "other",
        "our",
        "own",
        "so",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)


@dataclass(frozen=True, slots=True)
class TermCounts:
    """How often each term stands in a text.

    Args:
        ids: of the terms, ascending, uint64 ``(n,)``.
        counts: of each, uint32 ``(n,)``.
    """

    ids: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, *texts: str) -> TermCounts:
        """The terms of texts, taken together."""
        import numpy as np

        found = counted("\n".join(texts))
        ids = np.fromiter(found.keys(), np.uint64, len(found))
        counts = np.fromiter(found.values(), np.uint32, len(found))
        order = np.argsort(ids)
        return cls(ids[order], counts[order])


def counted(text: str) -> dict[int, int]:
    """How often each term stands in a text."""
    found: dict[int, int] = {}
    for word, times in Counter(_WORD.findall(text)).items():
        for term in term_ids(word):
            found[term] = found.get(term, 0) + times
    return found


def terms(text: str) -> tuple[str, ...]:
    """The different terms of a text, in the order in which they come.

    >>> terms("exportCSV for the parsers")
    ('exportcsv', 'export', 'csv', 'pars')
    """
    return tuple(dict.fromkeys(term for word in _WORD.findall(text) for term in _terms_of(word)))


def words_of(text: str) -> list[str]:
    """The words and identifiers of a text as they stand there."""
    return _WORD.findall(text)


@lru_cache(maxsize=1 << 18)
def term_ids(word: str) -> tuple[int, ...]:
    """The terms of one word, as numbers."""
    return tuple(map(term_id, _terms_of(word)))


def term_id(term: str) -> int:
    """A term as a number."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _terms_of(word: str) -> tuple[str, ...]:
    pieces = _pieces_of(word)
    whole = ["".join(pieces)] if len(pieces) > 1 else []
    return tuple(dict.fromkeys([*whole, *_stems_of(pieces)]))


def stems_of(word: str) -> list[str]:
    """The stems of the words of an identifier, in their order.

    >>> stems_of("exportersOfCsv")
    ['export', 'csv']
    """
    return _stems_of(_pieces_of(word))


def _stems_of(pieces: Sequence[str]) -> list[str]:
    return [stem(piece) for piece in pieces if len(piece) > 1 and piece not in _STOP_WORDS]


def _pieces_of(word: str) -> list[str]:
    """The words of an identifier; none of what is data."""
    if len(word) > MAX_WORD_CHARS:
        return []
    return [piece.casefold() for piece in (_PIECE.findall(word) if word.isascii() else word.split("_"))]


def stem(word: str) -> str:
    """A word without its commonest English endings; the same for the forms of one word, and no word itself.

    >>> [stem(word) for word in ("export", "exports", "exporter", "exporting", "parse", "parsing", "running", "run")]
    ['export', 'export', 'export', 'export', 'pars', 'pars', 'run', 'run']
    """
    for ending in _ENDINGS:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= _MIN_STEM and not (ending == "s" and rest.endswith("s")):
            is_doubled = rest[-1] == rest[-2] and rest[-1] not in "aeiouls" and ending not in ("s", "e", "y")
            return rest[:-1] if is_doubled else rest
    return word
