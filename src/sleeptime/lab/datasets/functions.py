"""What expressions of templates can call: draws from an explicit generator, and a little arithmetic."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, overload

from sleeptime.lab.datasets.expressions import (
    MAX_ITEMS,
    Function,
    NoValue,
    Number,
    Value,
    Word,
    as_number,
    bounded,
)

MAX_CHOICES: Final = 10**9


class Choices(Sequence[Value]):
    """Evenly spaced numbers from which one is drawn; never written out."""

    def __init__(self, start: Number, stop: Number, step: Number = 1) -> None:
        if step <= 0:
            raise NoValue("a range needs a step above 0")
        self._start, self._step = start, step
        self._count = max(0, math.ceil(Fraction(stop - start) / step))
        if self._count > MAX_CHOICES:
            raise NoValue("a range is too long")

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Value]: ...
    def __getitem__(self, index: int | slice) -> Value | Sequence[Value]:
        if isinstance(index, slice):
            raise NoValue("a range has no parts")
        if not 0 <= index < self._count:
            raise IndexError(index)
        return bounded(self._start + index * self._step)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | Fraction | Word):
            return False
        steps = (as_number(value) - self._start) / Fraction(self._step)
        return steps.denominator == 1 and 0 <= steps < self._count


RANGES: Final = frozenset({"range", "range_list", "range_sample", "arange", "frange", "numbers_within"})
"""Functions that give `Choices`."""


def shown(value: Value) -> str:
    """A value as a problem writes it: whole, as a decimal, or as n/d; no text is longer than its parts.

    Raises:
        NoValue: it is a list.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Word):
        return value.text
    number = as_number(value)
    if isinstance(number, int):
        return str(number)
    digits = number.denominator
    for prime in (2, 5):
        while digits % prime == 0:
            digits //= prime
    if digits != 1:
        return f"{number.numerator}/{number.denominator}"
    places = next(places for places in range(1, 200) if (number * 10**places).denominator == 1)
    return f"{'-' if number < 0 else ''}{abs(int(number))}.{int(abs(number) % 1 * 10**places):0{places}d}"


def functions(rng: random.Random) -> Mapping[str, Function]:
    """Everything that can be called; draws come from `rng`."""
    draws = _Draws(rng)
    return _PLAIN | {
        "sample": draws.sample,
        "sample_sequential": draws.sample_sequential,
        "range_str": draws.range_str,
    }


class _Draws:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def sample(self, items: Value, count: Value = 1) -> Value:
        """One item, or a tuple of several different ones."""
        choices, wanted = _items(items), _whole(count)
        if not 1 <= wanted <= min(len(choices), MAX_ITEMS):
            raise NoValue(f"{wanted} of {len(choices)} items cannot be drawn")
        if wanted == 1:
            return choices[self._rng.randrange(len(choices))]
        return tuple(choices[index] for index in self._rng.sample(range(len(choices)), wanted))

    def sample_sequential(self, items: Value, count: Value) -> Value:
        """Neighbours; the first follows the last, as weekdays do."""
        choices, wanted = _items(items), _whole(count)
        if not 1 <= wanted <= min(len(choices), MAX_ITEMS):
            raise NoValue(f"{wanted} of {len(choices)} neighbours cannot be drawn")
        start = self._rng.randrange(len(choices))
        return tuple(choices[(start + offset) % len(choices)] for offset in range(wanted))

    def range_str(self, start: Value, stop: Value, step: Value, words: Value) -> Value:
        """A number that is written as a word: the n-th of a list."""
        number = _whole(self.sample(_range(start, stop, step)))
        named = _items(words)
        if not 1 <= number <= len(named):
            raise NoValue(f"there is no word for {number}")
        return Word(shown(named[number - 1]), number)


def _range(*limits: Value) -> Choices:
    numbers = [_whole(limit) for limit in limits]
    if not 1 <= len(numbers) <= 3:
        raise NoValue("a range has 1 to 3 limits")
    return Choices(*numbers) if len(numbers) > 1 else Choices(0, numbers[0])


def _arange(start: Value, stop: Value, step: Value = 1) -> Choices:
    return Choices(as_number(start), as_number(stop), as_number(step))


def _items(value: Value) -> Sequence[Value]:
    if isinstance(value, str | Word) or not isinstance(value, Sequence):
        raise NoValue("a list is needed")
    return value


def _list(value: Value) -> Value:
    items = _items(value)
    if len(items) > MAX_ITEMS:
        raise NoValue(f"a list has at most {MAX_ITEMS:,} items")
    return tuple(items)


def _whole(value: Value) -> int:
    number = as_number(value)
    if not isinstance(number, int):
        raise NoValue(f"{number} is not whole")
    return number


def _round(value: Value, places: Value = 0) -> Value:
    digits = _whole(places)
    if abs(digits) > 20:
        raise NoValue("at most 20 places are kept")
    return bounded(Fraction(round(Fraction(as_number(value)) * Fraction(10) ** digits)) / Fraction(10) ** digits)


def _numbers(values: Sequence[Value]) -> list[Number]:
    is_list = len(values) == 1 and isinstance(values[0], Sequence) and not isinstance(values[0], str)
    return [as_number(value) for value in (_items(_list(values[0])) if is_list else values)]


def _fraction(top: Value, bottom: Value = 1) -> Value:
    if not as_number(bottom):
        raise NoValue("a division by zero")
    number = Fraction(as_number(top)) / Fraction(as_number(bottom))
    return Word(str(number), bounded(number))


def _plural(number: Value, one: Value, other: Value) -> Value:
    return one if abs(as_number(number)) == 1 else other


def _divides(number: Value, divisor: Value) -> bool:
    """Whether the first is a multiple of the second, the order in which the templates have them."""
    return bool(as_number(divisor)) and Fraction(as_number(number)) % as_number(divisor) == 0


_PLAIN: Final[dict[str, Function]] = {
    "range": _range,
    "range_list": _range,
    "range_sample": _range,
    "arange": _arange,
    "frange": _arange,
    "numbers_within": lambda start, end: Choices(_whole(start), _whole(end) + 1),
    "list": _list,
    "is_int": lambda value: isinstance(as_number(value), int),
    "divides": _divides,
    "int": lambda value: int(as_number(value)),
    "ensure_int": _whole,
    "float": as_number,
    "round": _round,
    "floor": lambda value: math.floor(as_number(value)),
    "ceil": lambda value: math.ceil(as_number(value)),
    "abs": lambda value: abs(as_number(value)),
    "gcd": lambda one, other: math.gcd(_whole(one), _whole(other)),
    "min": lambda *values: min(_numbers(values)),
    "max": lambda *values: max(_numbers(values)),
    "sum": lambda *values: bounded(sum(_numbers(values), start=Fraction(0))),
    "len": lambda value: len(value) if isinstance(value, str) else len(_items(value)),
    "str": lambda value: shown(value),
    "Fraction": _fraction,
    "plural": _plural,
}

NAMES: Final = frozenset(functions(random.Random(0)))
"""Everything that can be called, by name."""
