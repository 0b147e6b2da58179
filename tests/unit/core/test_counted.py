"""Counted: the words agree with the number."""

from __future__ import annotations

import pytest

from sleeptime.core.counted import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 failures"), (1, "1 failure"), (2, "2 failures"), (1234, "1,234 failures")],
)
def test_one_is_one(number: int, said: str) -> None:
    assert counted(number, "failure") == said


def test_what_has_a_plural_of_its_own_is_told() -> None:
    assert [counted(number, "part is", "parts are") for number in (1, 3)] == ["1 part is", "3 parts are"]
