"""Sentences: cut a text into its sentences, and a problem into context and query. What is cut always joins to the text.

Knows decimals ("$0.75", and "0. 7" as broken splitters leave it), abbreviations, initials, ellipses, quotes and
brackets after the stop, and LaTeX. Knows nothing of where problems come from.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES: Final = _words("mr mrs ms mx dr prof messrs capt sgt gov sen lt col vs e.g i.e cf viz approx")
"""After these a full stop never ends a sentence."""
_NUMBERED: Final = _words("no nos fig figs eq sec ch vol pp para")
"""These are abbreviations in front of a number only; "No." is an answer as well."""
_UNITS: Final = _words(
    "etc oz lb lbs yd yds ft sq cu in hr hrs min mins sec secs km cm mm kg mg ml tbsp tsp gal qt pt mi doz avg"
)
"""In lower case these may end a sentence: it ends where the next word has a capital."""
_NAMES: Final = _words(
    "u.s u.k u.s.a d.c b.c a.d ph.d m.d jr sr inc co corp ltd bros dept st mt ave blvd rd jan feb mar apr aug sep sept "
    "oct nov dec"
)
"""What follows these has a capital anyway: a sentence ends where the next word is one that begins sentences."""
_STARTERS: Final = _words(
    "a after all an and another are as assume at because before both but by calculate can compute count determine "
    "did do does due during each every few find first five following for four from given half he her here his how "
    "however i if in it its last later let many most my next no now of on once one only or our over several she "
    "show since six so some suppose ten that the their then there these they this those three to today together "
    "tomorrow two under unfortunately until was we what when where which while who why will with would yesterday "
    "you your"
)

_STOP: Final = re.compile(r"([.?!…]+)([\"'”’»)\]}*_]*)(\s+|$)|(?<=[a-z]{2})([.?!])(?=[A-Z][a-z])")
_PARAGRAPH: Final = re.compile(r"\n[^\S\n]*\n\s*")
_BEFORE: Final = re.compile(r"[\w.&'’-]{1,24}$")
_MATH: Final = re.compile(
    r"\$\$.{1,2000}?\$\$|\$[^$]{1,800}\$|\\\[.{1,2000}?\\\]|\\\(.{1,800}?\\\)"
    r"|\\begin\{(\w{1,20}\*?)\}.{1,4000}?\\end\{\1\}",
    re.DOTALL,
)
_ASKS: Final = re.compile(
    r"\s*(?:then\s+|please\s+|now\s+)?(?:find|calculate|compute|determine|evaluate|solve|how|what)\b", re.IGNORECASE
)

MAX_ADDENDA: Final = 2
"""Sentences behind a question that still belong to it ("... in all? Round to the nearest cent.")."""


def split_sentences(text: str, *, is_latex: bool = False) -> list[str]:
    """Cut a text; each sentence keeps the white space behind it, so that ``"".join(...)`` is the text.

    Args:
        is_latex: a dollar sign begins mathematics, in which no sentence ends; otherwise it is money.
    """
    masked = [match.span() for match in _MATH.finditer(text)] if is_latex else []
    cuts = {match.end() for match in _PARAGRAPH.finditer(text)}
    cuts |= {match.end() for match in _STOP.finditer(text) if _ends_sentence(text, match)}
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    cuts = {cut for cut in cuts if first < cut < last and not _is_inside(cut, masked)}
    return [text[start:end] for start, end in pairwise([0, *sorted(cuts), len(text)])] if text else []


def split_problem(text: str, *, is_latex: bool = False) -> tuple[str, str]:
    """Cut a problem into context and query: the last sentence, with the question that it belongs to.

    A last sentence that does not ask ("Round to the nearest cent.") goes with a question just before it. A problem of
    one sentence has an empty context (arXiv:2504.13171, section 4).

    Returns:
        Context and query, white space included: they join to the text.
    """
    sentences = split_sentences(text, is_latex=is_latex)
    start = len(sentences) - 1
    if sentences and not asks(sentences[-1]):
        for index in range(start - 1, max(-1, start - 1 - MAX_ADDENDA), -1):
            if asks(sentences[index]):
                start = index
                break
    return "".join(sentences[: max(0, start)]), "".join(sentences[max(0, start) :])


def asks(sentence: str) -> bool:
    """Whether a sentence is a question, or tells to find something."""
    return is_question(sentence) or bool(_ASKS.match(sentence))


def is_question(sentence: str) -> bool:
    """Whether a sentence ends with a question mark, behind it quotes and brackets at most."""
    return sentence.rstrip().rstrip("\"'”’»)]}*_$.! ").endswith("?")


def _ends_sentence(text: str, stop: re.Match[str]) -> bool:
    if stop[4] is not None:
        return True  # "apples.How many": the space is missing
    after = text[stop.end() : stop.end() + 64]
    if not after:
        return False
    marks, closing = stop[1], stop[2]
    word = re.match(r"[\"'“‘«(\[{*_]*([^\W\d_]*)", after)
    next_word = word[1] if word else ""
    if next_word[:1].islower():
        # "Is it so?" she asks. A bare question mark ends its sentence all the same.
        return marks.endswith("?") and not closing and stop[3] != ""
    if after[0] in ",;:%)]}":
        return False
    if marks != "." or closing.strip("*_"):
        return True
    before = _BEFORE.search(text, max(0, stop.start() - 24), stop.start())
    return before is None or _is_full_stop(before[0], next_word, after)


def _is_full_stop(before: str, next_word: str, after: str) -> bool:
    """Whether a lone full stop between these ends a sentence, and not an abbreviation, an initial or a number."""
    name = before.strip(".'’-").lower()
    is_next_digit = after[:1].isdigit()
    begins = next_word.lower() in _STARTERS
    if name in _TITLES:
        return False
    if name in _NUMBERED and is_next_digit:
        return False
    if re.fullmatch(r"\$?0", before) and is_next_digit:
        return False  # "$0. 7", as a splitter left it
    if name in ("a.m", "p.m"):
        return bool(next_word) and next_word.lower() not in _WITH_TIME
    if name in _UNITS and before.islower():
        return True  # the next word has no lower case letter: that was looked at before
    if name in _NAMES or re.fullmatch(r"[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]", before.strip("'’-")):
        return begins or after[:1] in "$\\"
    return True


_WITH_TIME: Final = _words("monday tuesday wednesday thursday friday saturday sunday est pst cst mst gmt utc")


def _is_inside(cut: int, spans: list[tuple[int, int]]) -> bool:
    return any(start < cut < end for start, end in spans)
