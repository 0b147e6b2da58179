"""Leaks: a question that gives away the answer of another one about the same context, or an answer that is no work.

In the paper's own multi-query example one generated question states the answer of another (arXiv:2504.13171, appendix).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from sleeptime.lab.datasets.sentences import split_sentences
from sleeptime.lab.problem import Problem

_DIGITS: Final = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d{1,60})(?:\.\d{1,60})?(?!\w)|(?<![\w.])\.\d{1,60}(?!\w)"
)
_FRACTION: Final = re.compile(r"(?<![\d./])(\d{1,18})/(\d{1,18})(?![\d/])")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SMALL: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_TENS: Final = {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_WORDS: Final = {word: value for value, word in enumerate(_SMALL.split())} | _TENS | {"dozen": 12}
_WORD: Final = re.compile(r"[^\W\d_]+", re.UNICODE)
_EMPTY_WORDS: Final = _words(
    "a an and are at by can did do does for from had has have he her his how i if in is it its many much of on or "
    "she so than that the their them then there they this to was were what when where which who will with would"
)


def numbers_in(text: str) -> frozenset[Fraction]:
    """Every number that a text states, in digits or as one word up to ninety ("1,200", "3/4", "seven")."""
    found = {Fraction(digits.replace(",", "")) for digits in _DIGITS.findall(text)}
    found |= {Fraction(int(top), int(bottom)) for top, bottom in _FRACTION.findall(text) if int(bottom)}
    return frozenset(found | {Fraction(_WORDS[word]) for word in _WORD.findall(text.lower()) if word in _WORDS})


def gives_away(text: str, answer: Fraction | int) -> bool:
    """Whether a question states this answer (of another question). By chance counts too: nobody could tell."""
    return abs(Fraction(answer)) in numbers_in(text)


def are_leaking(first: tuple[str, Fraction | int], second: tuple[str, Fraction | int]) -> bool:
    """Whether one of two questions, each with its answer, gives away the answer of the other."""
    return gives_away(first[0], second[1]) or gives_away(second[0], first[1])


def is_stated(context: str, query: str, answer: Fraction | int) -> bool:
    """Whether one sentence of the context holds the answer with all the words of the question: nothing to work out."""
    asked = _content_words(query)
    return any(
        gives_away(sentence, answer) and asked <= _content_words(sentence) for sentence in split_sentences(context)
    )


def leaking_pairs(problems: Sequence[Problem]) -> list[tuple[str, str]]:
    """Ids of problems of one context of which the first gives away the answer of the second."""
    by_context: dict[str, list[Problem]] = {}
    for problem in problems:
        by_context.setdefault(problem.context_id, []).append(problem)
    return [
        (one.id, other.id)
        for group in by_context.values()
        for one in group
        for other in group
        if one is not other and gives_away(one.query, Fraction(other.answer))
    ]


def _content_words(text: str) -> frozenset[str]:
    """Words that mean something, without a plural's s."""
    words = (word.lower() for word in _WORD.findall(text))
    return frozenset(word.removesuffix("s") for word in words if word not in _EMPTY_WORDS and len(word) > 1)
