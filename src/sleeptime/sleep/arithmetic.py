"""Exact arithmetic on short expressions as models write them: "24 * 3", "$1,234.50 × 2", "20% of 50".

Parsed with `ast` and evaluated with `Fraction`; nothing is executed. What cannot be read for sure is not read at all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from operator import add, mul, sub
from typing import Final

MAX_CHARS: Final = 200
"""Longest expression that is read; also bounds how deep it can nest."""

_MAX_EXPONENT: Final = 64
_MAX_BITS: Final = 4096
_PERCENT: Final = "P_"
"""The name that a percent sign is rewritten to; no variable can have it, for expressions are checked before."""

_SIGNS: Final = str.maketrans(
    {**dict.fromkeys("×·⋅∙✕", "*"), **dict.fromkeys("÷∕", "/"), **dict.fromkeys("−–—", "-"), "^": "**"}
    | dict.fromkeys("$€£¥₹", " ")
)
_ARITHMETIC: Final = re.compile(r"[\d.+\-*/()\s]+")
_LITERAL: Final = re.compile(r"-?\s*\d+(?:\.(\d+))?")
_THOUSANDS_COMMA: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_THOUSANDS_DOT: Final = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])")
_PERCENTAGE: Final = re.compile(r"(?<![\d.])(\d{1,18}(?:\.\d{1,18})?)\s{0,3}%")
_NUMBER: Final = re.compile(r"(?<![\w.,])\d{1,18}(?:,\d{3}){0,5}(?:\.\d{1,18})?(?!\d)")
_NUMBER_WITH_UNIT: Final = re.compile(r"([-−]?\s*[\d.,]*\d)\s*([^\W\d_][^\d=]*)?")
_VARIABLE: Final = re.compile(r"[A-Za-z]\w{0,15}")
_POINTS: Final = ((2, 3, 5, 7), (11, 13, 17, 19), (23, 29, 31, 37), (41, 43, 47, 53), (59, 61, 67, 71))
"""Where functions of up to four unknowns are compared; different ones of few terms do not agree at all five."""


class Reading(Enum):
    """How number signs are read where writers differ."""

    STANDARD = "1,234.5 has a thousands comma, 20% is 0.2"
    PLAIN_PERCENT = "as standard, but 20% is 20"
    DECIMAL_COMMA = "1.234,5 has a thousands dot and a decimal comma, 20% is 0.2"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read.

    Args:
        number: its exact value.
        operands: the numbers it is made of; empty for a number alone, which is a result.
        decimals: digits behind the point of a number alone, ``None`` for anything longer.
        first: its first number.
    """

    number: Fraction
    operands: frozenset[Fraction]
    decimals: int | None
    first: Fraction


def read_expression(text: str, reading: Reading = Reading.STANDARD) -> Expression | None:
    """Evaluate a text of numbers, ``+ - * / ^`` and brackets; ``None`` for anything else, such as words or x / 0."""
    plain = _rewritten(text, reading)
    if plain is None or not _ARITHMETIC.fullmatch(plain.replace(_PERCENT, "")):
        return None
    percent = Fraction(1) if reading is Reading.PLAIN_PERCENT else Fraction(1, 100)
    evaluation = _Evaluation(plain, {_PERCENT: percent})
    number = evaluation.run()
    if number is None or not evaluation.literals:
        return None
    literal = _LITERAL.fullmatch(plain)
    is_alone = literal is not None or (len(evaluation.literals) == 1 and "%" in text)
    operands = frozenset() if is_alone else frozenset(evaluation.literals)
    decimals = len(literal[1] or "") if literal else None
    return Expression(number, operands, decimals, evaluation.literals[0])


def read_number(text: str) -> tuple[Fraction, str] | None:
    """Read a number with its unit (``"$1,234.50"``, ``"72 apples"``); ``None`` for any other text.

    Returns:
        The exact value, and the unit in lower case, ``""`` when there is none; ``%`` counts as a unit.
    """
    if len(text) > MAX_CHARS:
        return None
    text = text.strip().rstrip(".")
    unit = "%" if text.endswith("%") else ""
    match = _NUMBER_WITH_UNIT.fullmatch(text.rstrip("%").translate(_SIGNS).strip())
    if match is None:
        return None
    expression = read_expression(match[1])
    return None if expression is None else (expression.number, unit or " ".join((match[2] or "").lower().split()))


def numbers_in(text: str) -> frozenset[Fraction]:
    """Every number that stands in a text as digits; both 0.2 and 20 for ``20%``."""
    numbers = {Fraction(found.replace(",", "")) for found in _NUMBER.findall(text)}
    return frozenset(numbers | {Fraction(found) / 100 for found in _PERCENTAGE.findall(text)})


def read_function(text: str) -> tuple[Fraction, ...] | None:
    """Values of an expression with one to four unknowns ("72 * n", "3.5n + 2") at fixed points.

    Two texts with the same values are the same function, whatever their order of terms or names of unknowns.
    """
    plain = text.rpartition("=")[2].strip().rstrip(".").translate(_SIGNS)
    plain = re.sub(r"(\d|\))\s*(?=[A-Za-z(])", r"\1*", plain)
    names = sorted(set(_VARIABLE.findall(plain)))
    bare = _VARIABLE.sub("", plain)
    is_function = bool(_ARITHMETIC.fullmatch(bare)) and bool(bare.strip()) and 1 <= len(names) <= len(_POINTS[0])
    if len(plain) > MAX_CHARS or not is_function:
        return None
    values = [_Evaluation(plain, dict(zip(names, map(Fraction, point), strict=False))).run() for point in _POINTS]
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(_POINTS) else None


def _rewritten(text: str, reading: Reading) -> str | None:
    """The text in Python's notation; ``None`` when it is too long or has names of its own."""
    if len(text) > MAX_CHARS:
        return None
    text = re.sub(r"(?<=[\d)])\s+[xX]\s+(?=[\d($])", " * ", text.translate(_SIGNS))
    text = re.sub(r"%\s*of\b", "% *", text.strip().rstrip(".,").strip())
    if re.search(r"[^\W\d]", text):
        return None
    if reading is Reading.DECIMAL_COMMA:
        text = _THOUSANDS_DOT.sub(lambda found: found[0].replace(".", ""), text).replace(",", ".")
    else:
        text = _THOUSANDS_COMMA.sub(lambda found: found[0].replace(",", ""), text)
    return _PERCENTAGE.sub(rf"(\1*{_PERCENT})", text).strip()


class _Evaluation:
    """One pass over the tree of an expression; collects the numbers it meets, in order."""

    def __init__(self, source: str, names: Mapping[str, Fraction]) -> None:
        self._source = source
        self._names = names
        self.literals: list[Fraction] = []

    def run(self) -> Fraction | None:
        """The value, or ``None`` for what is no arithmetic, divides by zero or grows without bound."""
        try:
            return self._value(ast.parse(self._source, mode="eval").body)
        except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
            return None

    def _value(self, node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=int() | float()):
                # The digits themselves: a float would not be exact.
                literal = Fraction(ast.get_source_segment(self._source, node) or "")
                self.literals.append(literal)
                return literal
            case ast.Name(id=name) if name in self._names:
                return self._names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._value(operand)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return _power(self._value(left), self._value(right))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._value(left) / self._value(right)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return _OPERATIONS[type(op)](self._value(left), self._value(right))
        raise ValueError(f"{type(node).__name__} is no arithmetic")


_OPERATIONS: Final[Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]]] = {
    ast.Add: add,
    ast.Sub: sub,
    ast.Mult: mul,
}


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator != 1 or abs(exponent) > _MAX_EXPONENT or bits * abs(exponent) > _MAX_BITS:
        raise ValueError("the exponent is no whole number, or the power is too large")
    return Fraction(base ** int(exponent))
