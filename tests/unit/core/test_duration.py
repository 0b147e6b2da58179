"""core.duration: lengths of time parse and print."""

from __future__ import annotations

import doctest
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core import duration
from sleeptime.core.duration import duration_text, parse_duration
from sleeptime.core.errors import InputError


def test_worked_examples_hold() -> None:
    assert doctest.testmod(duration).failed == 0


@given(st.integers(0, 365 * 86_400))
def test_a_printed_duration_parses_back(seconds: int) -> None:
    assert parse_duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), (" 10 M ", 600), ("2h", 7_200), ("1d", 86_400), ("0s", 0), ("365d", 31_536_000)]
)
def test_documented_forms_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "1.5h", "1h30m", "10 minutes", "٣s", "366d", "9999999999s"])
def test_other_text_is_refused_and_the_allowed_forms_are_named(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a length of time; allowed: .*30s, 10m, 2h, at most 365d"):
        parse_duration(text)
