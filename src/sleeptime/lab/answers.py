"""Answers: the value that a reply gives, read from its text, and how it compares with the true answer.

A reply without a value that can be read for sure has none (`None`): it is unscored, which is not wrong. Values are
exact. A percent sign and a unit are words beside the number: ``20%`` is 20, as GSM8K writes it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from fractions import Fraction
from typing import Final

from sleeptime.core.errors import InputError

Value = int | Fraction
"""A whole number is an int, whatever it was written as (``72.00``)."""

MAX_AIME: Final = 999
"""An answer of the AIME is a whole number from 0 to 999."""

_DIGITS: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,9}(?![0-9])|[0-9]{1,60}(?![0-9]))"
_PLAIN: Final = rf"(?:{_DIGITS}(?:\.[0-9]{{1,60}}(?![0-9]))?|(?<![0-9.])\.[0-9]{{1,60}}(?![0-9]))"
_NUMBER: Final = re.compile(
    rf"(?<![0-9A-Za-z_.\\^])(?P<sign>(?<![0-9A-Za-z)%])[-+])?"
    rf"(?:(?P<whole>[0-9]{{1,9}})\s(?=[0-9]{{1,9}}/[0-9]))?(?P<top>{_PLAIN})"
    rf"(?:/(?P<bottom>{_DIGITS})(?!\.?[0-9]))?"
    r"(?:\s(?P<scale>thousand|million|billion)\b)?(?![0-9]|,[0-9])"
)
_ALONE: Final = re.compile(rf"(?<![0-9A-Za-z_.])(?P<sign>(?<![0-9A-Za-z)%])[-+])?(?P<top>{_PLAIN})(?![0-9]|,[0-9])")
"""A number without fraction, mixed number or scale: "24/3" is two of them."""

_SCALES: Final = {None: 1, "thousand": 10**3, "million": 10**6, "billion": 10**9}

_PLAIN_SIGNS: Final = str.maketrans(
    {**dict.fromkeys("−‐‑‒–—", "-"), **dict.fromkeys("\u00a0\u2009\u202f\t", " "), **dict.fromkeys("$€£¥₹`", None)}
)
_REWRITES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\[dtc]?frac\s?\{\s?([0-9]{1,60})\s?\}\s?\{\s?([0-9]{1,60})\s?\}", r" \1/\2 "),
        (r"(?<=\d) {2}(?=\d+/)", " "),
        (r"\\(?:text|textbf|textit|mathrm|mathbf|mbox|operatorname)\s?\{([^{}]{0,200})\}", r" \1 "),
        (r"(?<=\d)(?:\{,\}|,\\!)(?=\d)", ","),
        (r"\^\s?\{?\s?\\(?:circ|degree)\s?\}?|\\(?:degree|%)", " "),
        (r"\\(?:left|right|displaystyle|quad|,|;|:|!|\(|\)|\[|\]| )", " "),
        (r"\*\*|__|\\\*", ""),
    )
)

_MARK: Final = re.compile(
    r"(?<!#)#{4}(?!#)[^\S\n]*(?:(?:the\s+)?(?:final\s+)?answer\s*(?:is\b|:|=)?)?[^\S\n:=*]*", re.IGNORECASE
)
_PHRASE: Final = re.compile(
    r"\banswers?\b(?:[^.\n:=0-9]{0,60}?\b(?:is|are|was|equals|would be|will be|must be|comes to)\b|\s{0,3}[:=])"
    r"[\s:=*]{0,8}",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"[.!?](?=[\s\"')*]|$)|\n")
_GOES_ON: Final = re.compile(r"\s?(?:[-+*/×÷^]|x(?=\s?\d))\s?[\d(\\]|\s?\\[A-Za-z]|[(:/]\d|\s(?:or|to|and)\s-?\d")
"""What follows a number that is only the beginning of an expression, a range or a choice."""
_BOXED: Final = re.compile(r"\\(?:boxed|fbox)\s?\{")


class Grade(StrEnum):
    """What a reply came to."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSCORED = "unscored"


class Grader(StrEnum):
    """Which parser reads the replies to a dataset."""

    WORLDS = "worlds"
    GSM = "gsm"
    AIME = "aime"


GRADERS: Final = {
    "worlds": Grader.WORLDS,
    "gsm": Grader.GSM,
    "gsm-symbolic": Grader.GSM,
    "stateful-gsm-symbolic": Grader.GSM,
    "multi-query-gsm-symbolic": Grader.GSM,
    "aime": Grader.AIME,
    "stateful-aime": Grader.AIME,
}
"""Grader by the part of `Problem.source` before its first colon."""


def grader_of(source: str) -> Grader:
    """The grader of a problem's source, such as ``"worlds:farm"`` or ``"stateful-aime:2024"``, or of a grader's name.

    Raises:
        InputError: no dataset of ours is called like that.
    """
    name = source.partition(":")[0].strip().lower()
    if name not in GRADERS:
        raise InputError(
            f"no parser of answers is known for the source {source!r}; a source begins with one of "
            f"{', '.join(GRADERS)}, for example 'gsm:my problems'"
        )
    return GRADERS[name]


def read_answer(source: str, reply: str) -> Value | None:
    """The value that a reply gives, by the parser of its dataset; None when it gives none.

    Raises:
        InputError: as `grader_of`.
    """
    match grader_of(source):
        case Grader.WORLDS:
            return final_number(reply)
        case Grader.GSM:
            return gsm_answer(reply)
        case Grader.AIME:
            return aime_answer(reply)


def true_value(source: str, answer: str) -> Value:
    """The value of `Problem.answer`.

    Raises:
        InputError: it is not one number, or for the AIME not a whole number from 0 to 999.
    """
    value = _whole(answer)
    if value is None:
        raise InputError(f"the true answer {answer!r} is not a number; write the number alone, such as 72 or 3/4")
    if grader_of(source) is Grader.AIME and not (isinstance(value, int) and 0 <= value <= MAX_AIME):
        raise InputError(
            f"the true answer {answer!r} is not a whole number from 0 to {MAX_AIME}, as every AIME answer is"
        )
    return value


def grade(source: str, reply: str, answer: str) -> Grade:
    """Compare a reply with the true answer.

    Args:
        source: `Problem.source`, or the name of a grader.
        reply: what a model said.
        answer: `Problem.answer`.

    Raises:
        InputError: as `grader_of` and `true_value`.
    """
    truth = true_value(source, answer)
    found = read_answer(source, reply)
    if found is None:
        return Grade.UNSCORED
    return Grade.RIGHT if found == truth else Grade.WRONG


def final_number(reply: str) -> Value | None:
    """The last number of a reply, which is where every budget of ours puts the answer; None without one.

    >>> final_number("Tom apples = 24 * 3 = 72.\\nAnswer: 72")
    72
    """
    found = None
    for match in _ALONE.finditer(_plain(reply)):
        found = match
    return None if found is None else _exact(Fraction(found["top"].replace(",", "")), found["sign"])


def gsm_answer(reply: str) -> Value | None:
    """The value of a reply to a GSM8K-style problem.

    Read from the last ``#### N``, else the last ``\\boxed{}``, else the last "the answer is ...", else the last number.
    What one of the first three holds decides: when it cannot be read, nothing is guessed from the rest.

    >>> gsm_answer("She pays 3 * $1,200.50 = $3,601.50.\\n#### 3,601.50")
    Fraction(7203, 2)
    """
    text = _plain(reply)
    for mark in reversed(list(_MARK.finditer(text))):
        if _NUMBER.match(text, mark.end()):
            return _stated(text[mark.end() :].partition("\n")[0])
    said, value = _announced(reply, text)
    return value if said else _last(text)


def aime_answer(reply: str) -> Value | None:
    """The value of a reply to an AIME problem.

    Read from the last ``\\boxed{}``, else the last "the answer is ...", else from a reply that is a number alone.
    Numbers in the middle of a solution that was cut are no answer. A value that no AIME answer can have (1234, 1/2) is
    returned as it stands: that reply is wrong, not unscored.

    >>> aime_answer(r"so $m + n = \\boxed{\\textbf{073}}$.")
    73
    """
    text = _plain(reply)
    said, value = _announced(reply, text)
    return value if said else _whole(reply)


def _announced(reply: str, text: str) -> tuple[bool, Value | None]:
    """Whether a reply announces its answer, in a box or in words, and the value of the last such place."""
    boxes = _boxes(reply)
    if boxes:
        return True, _whole(boxes[-1].rpartition("=")[2])
    phrases = list(_PHRASE.finditer(text))
    if phrases:
        return True, _stated(text[phrases[-1].end() :])
    return False, None


def _boxes(reply: str) -> list[str]:
    """Contents of every ``\\boxed{...}`` whose brace is closed; the innermost of nested ones comes last."""
    found = []
    for box in _BOXED.finditer(reply):
        depth = 1
        for index in range(box.end(), min(len(reply), box.end() + 1_000)):
            depth += {"{": 1, "}": -1}.get(reply[index], 0)
            if depth == 0:
                if content := reply[box.end() : index].strip():
                    found.append(content)
                break
    return found


def _plain(reply: str) -> str:
    """A reply without currency signs, markup and the LaTeX around numbers."""
    text = reply.replace("\\$", " ").translate(_PLAIN_SIGNS)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return text


def _value(found: re.Match[str]) -> Value | None:
    """The value of a match of `_NUMBER`; None for a division by zero."""
    number = Fraction(found["top"].replace(",", ""))
    if found["bottom"]:
        bottom = Fraction(found["bottom"].replace(",", ""))
        if not bottom:
            return None
        number /= bottom
    return _exact((number + int(found["whole"] or 0)) * _SCALES[found["scale"]], found["sign"])


def _exact(number: Fraction, sign: str | None) -> Value:
    number = -number if sign == "-" else number
    return number.numerator if number.denominator == 1 else number


def _last(text: str) -> Value | None:
    found = None
    for match in _NUMBER.finditer(text):
        found = match
    return None if found is None else _value(found)


def _whole(text: str) -> Value | None:
    """The value of a text that is one number with its unit, and nothing else that counts."""
    plain = _plain(text).strip().strip("(){}*. ").strip()
    found = _NUMBER.search(plain)
    if found is None or found.start() or re.search(r"[0-9\\^=+*/{}]", plain[found.end() :]):
        return None
    return _value(found)


def _stated(text: str) -> Value | None:
    """The value of the sentence that begins here: what stands after its last "=", else its first or its only number.

    None where several numbers compete, or where the number is the beginning of an expression.
    """
    text = text.lstrip()
    end = _SENTENCE_END.search(text)
    sentence = text[: end.start()] if end else text
    sentence = re.split(r"[=≈]", sentence)[-1]
    numbers = list(_NUMBER.finditer(sentence))
    if not numbers:
        return None
    is_first = not re.search(r"[^\s(*:~-]", sentence[: numbers[0].start()])
    values = {_value(number) for number in numbers}
    if not is_first and (len(values) > 1 or "\\" in sentence[: numbers[0].start()]):
        return None
    if _GOES_ON.match(sentence, numbers[0].end()):
        return None
    return _value(numbers[0])
