"""Verify: whether the working of a note computes, and whether its numbers come from somewhere.

Refutes only what is surely wrong. Rounding, percent signs, sloppy chains ("24 * 3 = 72 + 5 = 77"), other ways to write
numbers, and words in between leave a note unverified instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.sleep.arithmetic import Expression, Reading, numbers_in, read_expression, read_number

MAX_DERIVATION_CHARS: Final = 4000
QUESTION_VOTES: Final = 2
"""Drafts that must agree before an anticipated question counts as verified: arithmetic alone cannot tell whether the
working answers the question, and a verified answer may be given without asking a model."""

_STATEMENT_ENDS: Final = re.compile(r"[;\n]|[,.](?:\s+|$)|→|⇒|=+>|\b(?:and|then|so)\b")
_SPACE_INSIDE_NUMBER: Final = re.compile(r"(\d[.,])\s+(?=\d)")
_EQUALS: Final = re.compile(r"\s*(≈|≃|~=|=+)\s*")
_COMPARES: Final = re.compile(r"[<>≤≥≠]|!=")
_LABEL: Final = re.compile(r"^([^=:]*):\s*")
_LETTER: Final = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Working:
    """What a derivation says when it is read as arithmetic.

    Args:
        verdict: verified when all of it was read and holds, refuted when something in it is surely wrong.
        steps: per statement the numbers it starts from and the numbers it arrives at.
    """

    verdict: Verdict
    steps: tuple[tuple[frozenset[Fraction], frozenset[Fraction]], ...] = ()

    def is_grounded(self, known: frozenset[Fraction]) -> bool:
        """Whether every number it starts from is known, or was arrived at by an earlier statement."""
        for operands, results in self.steps:
            if not operands <= known:
                return False
            known |= results
        return True


def arithmetic(note: Note) -> Verdict:
    """Whether the note's working computes and arrives at its value.

    >>> arithmetic(Note(NoteKind.DERIVED, "Tom has 72 apples", value="72", derivation="24 * 3 = 72"))
    <Verdict.VERIFIED: 'verified'>
    >>> arithmetic(Note(NoteKind.DERIVED, "Tom has 13 apples", value="13", derivation="4 * 3 = 13"))
    <Verdict.REFUTED: 'refuted'>
    """
    return read_working(note).verdict


def read_working(note: Note) -> Working:
    """Read the note's derivation as arithmetic, in every way it may be meant."""
    text = note.derivation
    if not text.strip() or len(text) > MAX_DERIVATION_CHARS:
        return Working(Verdict.UNVERIFIED)
    working = _read(text, note.value, Reading.STANDARD)
    if working.verdict is not Verdict.REFUTED:
        return working
    if "%" in text or "%" in note.value:
        plain = _read(text, note.value, Reading.PLAIN_PERCENT)
        return plain if plain.verdict is Verdict.VERIFIED else Working(Verdict.UNVERIFIED)
    others = [_read(text, note.value, Reading.DECIMAL_COMMA)]
    joined = _SPACE_INSIDE_NUMBER.sub(r"\1", text)
    if joined != text:
        others.append(_read(joined, note.value, Reading.STANDARD))
    may_be_meant = any(other.verdict is Verdict.VERIFIED for other in others)
    return Working(Verdict.UNVERIFIED) if may_be_meant else working


def judged(notes: Sequence[Note], context_text: str) -> tuple[tuple[Note, ...], frozenset[int]]:
    """Give each note its verdict.

    Verified is: working that computes, arrives at the value, and starts from numbers that stand in the context or are
    the value of another such note; the text must not say another number, and a question needs `QUESTION_VOTES`. A fact
    is verified when the context says it in the same words.

    Returns:
        The notes in their order, and the positions of those whose working computes from numbers of unknown origin.
    """
    workings = [read_working(note) for note in notes]
    computing = [i for i, working in enumerate(workings) if working.verdict is Verdict.VERIFIED]
    known = numbers_in(context_text)
    grounded: set[int] = set()
    while new := [i for i in computing if i not in grounded and workings[i].is_grounded(known)]:
        grounded.update(new)
        values = [read_number(notes[i].value) for i in new]
        known |= {value[0] for value in values if value is not None}
    said = plain(context_text)
    verdicts = [
        Verdict.REFUTED
        if workings[i].verdict is Verdict.REFUTED
        else Verdict.VERIFIED
        if _is_verified(note, i in grounded, said)
        else Verdict.UNVERIFIED
        for i, note in enumerate(notes)
    ]
    with_verdicts = tuple(replace(note, verdict=verdict) for note, verdict in zip(notes, verdicts, strict=True))
    return with_verdicts, frozenset(computing) - grounded


def _is_verified(note: Note, is_grounded: bool, said: str) -> bool:
    if note.kind is NoteKind.FACT and len(plain(note.text)) > 2 and plain(note.text) in said:
        return True
    value, shown = read_number(note.value), numbers_in(note.text)
    if value is not None and shown and value[0] not in shown:
        return False  # the text, which is what a model reads, says another number
    return is_grounded and (note.kind is not NoteKind.QUESTION or note.votes >= QUESTION_VOTES)


def plain(text: str) -> str:
    """The words alone, with a space around each, so that words of one text are looked for in another."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return f" {' '.join(words)} "


def _read(text: str, value: str, reading: Reading) -> Working:
    """Read all statements of a derivation in one way."""
    steps: list[tuple[frozenset[Fraction], frozenset[Fraction]]] = []
    verdicts: list[Verdict] = []
    last: Expression | None = None
    numbers: set[Fraction] = set()
    for statement in _STATEMENT_ENDS.split(text):
        if not re.search(r"\d", statement):
            continue
        sides, verdict = _read_statement(statement, reading)
        verdicts.append(verdict)
        if sides:
            last = sides[-1]
            results = frozenset(side.number for side in sides)
            numbers.update(results)
            steps.append((frozenset[Fraction]().union(*(side.operands for side in sides)), results))
    if last is not None and value.strip():
        verdicts.append(_value_verdict(value, last, numbers, is_alone=len(steps) == 1, reading=reading))
    if Verdict.REFUTED in verdicts:
        return Working(Verdict.REFUTED)
    # A lone expression with no value to compare it with claims nothing.
    claims = any(operands for operands, _ in steps) and ("=" in text or bool(value.strip()))
    computes = claims and Verdict.UNVERIFIED not in verdicts
    return Working(Verdict.VERIFIED if computes else Verdict.UNVERIFIED, tuple(steps))


def _read_statement(statement: str, reading: Reading) -> tuple[list[Expression], Verdict]:
    """Read one chain ``a = b = c``: its sides that are arithmetic, and whether they agree."""
    if _COMPARES.search(statement):
        return [], Verdict.UNVERIFIED
    label = _LABEL.match(statement)
    if label is not None and _LETTER.search(label[1]):
        statement = statement[label.end() :]
    pieces = _EQUALS.split(statement.strip())
    texts, signs = pieces[::2], pieces[1::2]
    sides = [read_expression(text, reading) for text in texts]
    if len(sides) > 1 and sides[0] is None and _LETTER.search(texts[0]):
        sides, signs = sides[1:], signs[1:]  # what is left of the first sign names the result
    verdicts = [
        _pair_verdict(left, right, is_exact=sign not in ("≈", "≃", "~="))
        for left, right, sign in zip(sides, sides[1:], signs, strict=False)
    ]
    read = [side for side in sides if side is not None]
    if Verdict.REFUTED in verdicts:
        return read, Verdict.REFUTED
    is_whole = len(read) == len(sides) and Verdict.UNVERIFIED not in verdicts
    return read, Verdict.VERIFIED if is_whole else Verdict.UNVERIFIED


def _pair_verdict(left: Expression | None, right: Expression | None, *, is_exact: bool) -> Verdict:
    """Whether ``left = right`` holds, as far as rounding lets one say."""
    if left is None or right is None:
        return Verdict.UNVERIFIED
    if left.number == right.number or _is_rounded(left.number, right):
        return Verdict.VERIFIED
    is_running_on = bool(right.operands) and right.first == left.number  # 24 * 3 = 72 + 5 = 77
    if not is_exact or is_running_on or _may_be_cut(left.number, right) or _may_be_cut(right.number, left):
        return Verdict.UNVERIFIED
    return Verdict.REFUTED


def _is_rounded(exact: Fraction, shown: Expression) -> bool:
    """Whether ``shown`` is ``exact`` rounded to the decimals that it shows, at least one."""
    return bool(shown.decimals) and 2 * abs(exact - shown.number) <= Fraction(1, 10 ** (shown.decimals or 0))


def _may_be_cut(exact: Fraction, shown: Expression) -> bool:
    """Whether ``shown`` may be ``exact`` with its last decimals cut or rounded in a way of its own."""
    if shown.decimals is None:
        return False
    unit = Fraction(1, 10**shown.decimals)
    return (exact / unit).denominator != 1 and abs(exact - shown.number) < unit


def _value_verdict(
    value: str, last: Expression, numbers: set[Fraction], *, is_alone: bool, reading: Reading
) -> Verdict:
    """Whether the note's value is what its working arrives at; a value with a unit may be in another unit."""
    number = read_number(value)
    if number is None:
        return Verdict.UNVERIFIED
    amount, unit = number
    if unit == "%" and reading is not Reading.PLAIN_PERCENT:
        amount /= 100
    shown = read_expression(value) if not unit else None
    if amount == last.number or (shown is not None and _is_rounded(last.number, shown)):
        return Verdict.VERIFIED
    if unit or amount in numbers or not is_alone or shown is None or _may_be_cut(last.number, shown):
        return Verdict.UNVERIFIED
    return Verdict.REFUTED
