"""Command: what a message tells a user to paste does what it says."""

from __future__ import annotations

import doctest
import shlex

from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core import command as module
from sleeptime.core.command import command


def test_the_worked_examples_hold() -> None:
    assert doctest.testmod(module).failed == 0


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_a_name_is_one_word_of_a_shell_and_never_an_option(name: str) -> None:
    words = shlex.split(command("jobs release", name, "--json"))
    assert name in words
    assert words[:3] == ["sleeptime", "jobs", "release"]
    assert not name.startswith("-") or words[-2:] == ["--", name]
