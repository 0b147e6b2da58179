"""lab.datasets.expressions and functions: exact values for what is allowed, and a clear refusal of everything else."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.expressions import Fuel, NoValue, Value, Word, read_expression
from sleeptime.lab.datasets.functions import NAMES, Choices, functions, shown

VARIABLES: dict[str, Value] = {"a": 7, "b": 2, "half": Word("half", Fraction(1, 2)), "s": "red", "xs": (1, 2, 3)}


def value(text: str, seed: int = 0) -> Value:
    return read_expression(text, NAMES).value(VARIABLES, functions(random.Random(seed)), Fuel())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 3 - 1", 12),
        ("a / b", Fraction(7, 2)),
        ("0.1 * 30", 3),
        ("0.1 + 0.2 == 0.3", True),
        ("a // b + a % b", 4),
        ("-a ** 2", -49),
        ("2 ** -1", Fraction(1, 2)),
        ("half * 10", 5),
        ("1 < b <= 2 < a", True),
        ("a > 3 and not b > 3 or False", True),
        ("a if b > 5 else b", 2),
        ("s == 'red' and s in ['red', 'blue'] and 'x' not in ['y']", True),
        ("a in xs", False),
        ("is_int(a / b)", False),
        ("is_int(a * b / 2)", True),
        ("divides(14, a)", True),
        ("divides(a, 14)", False),
        ("divides(a, 0)", False),
        ("int(7.9) + int(-0.5)", 7),
        ("round(2.345, 2)", Fraction(234, 100)),
        ("round(a / b)", 4),
        ("max(a, b) + min(xs) + sum(xs) + abs(-1) + len(xs)", 7 + 1 + 6 + 1 + 3),
        ("math.ceil(a / b) + np.floor(3.5)", 7),
        ("plural(1, 'pen', 'pens')", "pen"),
        ("str(a / b)", "3.5"),
        ("range(5, 8)", [5, 6, 7]),
        ("range(0, 7, 3)", [0, 3, 6]),
        ("arange(0.5, 1.5, 0.25)", [Fraction(1, 2), Fraction(3, 4), 1, Fraction(5, 4)]),
        ("numbers_within(3, 5)", [3, 4, 5]),
        ("list(range(3))", [0, 1, 2]),
    ],
)
def test_values_are_exact(text: str, expected: object) -> None:
    found = value(text)
    assert (list(found) if isinstance(expected, list) else found) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "open('/etc/passwd')",
        "eval('1')",
        "exec('1')",
        "().__class__.__bases__",
        "np.load('x')",
        "math.__dict__",
        "math.ceil",
        "'a'.format(a)",
        "str.format",
        "a.b",
        "xs[0]",
        "[x for x in xs]",
        "(lambda: 1)()",
        "(x := 5)",
        "f'{a}'",
        "{1: 2}",
        "{1, 2}",
        "*xs",
        "sample(*xs)",
        "round(1, ndigits=2)",
        "await a",
        "yield a",
        "a @ b",
        "a << 5",
        "a | b",
        "~a",
        "a is b",
        "sample(xs)(1)",
        "print(1)",
        "globals()",
        "1j",
        "b'x'",
        "...",
        "None",
        "1e999999",
        "9" * 60,
        "a; b",
        "import os",
        "a = 5",
        "",
        "(",
        "\0",
        "(" * 300 + ")" * 300,
        "-" * 900 + "1",
        "+".join("1" * 400),
        "1" * 1_001,
    ],
)
def test_what_is_not_allowed_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(InputError):
        read_expression(text, NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "a / 0",
        "a % 0",
        "a // (b - 2)",
        "9 ** 9 ** 9",
        "2 ** 2 ** 20",
        "a ** 0.5",
        "0 ** -1",
        "1000000000000 * 1000000000000 * 1000000000000 * 1000000000000",
        "s + s",
        "s * 1000000000",
        "xs * 1000000000",
        "s < 'x'",
        "a in s",
        "unknown + 1",
        "np",
        "sample",
        "list(range(1000000000))",
        "range(10000000000000)",
        "range(1, 5, 0)",
        "arange(0, 1, -1)",
        "sample([])",
        "sample(xs, 5)",
        "sample(5)",
        "round(1, 99999999)",
        "round(1, 2, 3)",
        "int('5')",
        "max()",
        "len(5)",
        "Fraction(1, 0)",
        "gcd(1.5, 2)",
    ],
)
def test_what_has_no_value_says_so(text: str) -> None:
    with pytest.raises(NoValue):
        value(text)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_give_a_value_or_an_error(text: str) -> None:
    with suppress(InputError, NoValue):
        value(text)


@pytest.mark.parametrize(
    "text", ["a + " * 50 + "a", "sum(list(range(9000)))", "a in list(range(9000))", "max(range(9000))"]
)
def test_work_is_bounded(text: str) -> None:
    expression, fuel = read_expression(text, NAMES), Fuel(100_000)

    def for_ever() -> None:
        while True:
            expression.value(VARIABLES, functions(random.Random(0)), fuel)

    start = time.monotonic()
    with pytest.raises(InputError, match="steps"):
        for_ever()
    assert time.monotonic() - start < 10


def test_a_long_range_is_never_walked() -> None:
    assert value("5 in range(1000000000) and 5.5 not in range(1000000000)") is True
    assert value("sample(range(1000000000)) in range(1000000000)") is True


def test_draws_follow_from_the_generator_alone_and_reach_every_item() -> None:
    assert [value("sample(range(1, 1000))", seed) for seed in range(5)] == [
        value("sample(range(1, 1000))", seed) for seed in range(5)
    ]
    assert {value("sample(xs)", seed) for seed in range(60)} == {1, 2, 3}
    assert all(len(set(value("sample(xs, 2)", seed))) == 2 for seed in range(20))  # type: ignore[arg-type]
    assert {value("sample_sequential(xs, 2)", seed) for seed in range(60)} == {(1, 2), (2, 3), (3, 1)}
    assert value("range_str(2, 3, 1, ['one', 'two'])") == Word("two", 2)


def test_numbers_are_shown_as_a_problem_writes_them() -> None:
    cases: dict[Value, str] = {3: "3", -3: "-3", Fraction(1, 2): "0.5", Fraction(-5, 4): "-1.25", Fraction(1, 3): "1/3"}
    assert {number: shown(number) for number in cases} == cases
    assert shown(Fraction(1, 1024)) == "0.0009765625"
    assert shown(Word("half", Fraction(1, 2))) == "half"
    with pytest.raises(NoValue):
        shown((1, 2))


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 7))
def test_choices_hold_what_they_list(start: int, length: int, step: int) -> None:
    choices = Choices(start, start + length, step)
    assert list(choices) == list(range(start, start + length, step))
    assert [n in choices for n in range(-60, 100)] == [n in range(start, start + length, step) for n in range(-60, 100)]
