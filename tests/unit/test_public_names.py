"""The public names: small, sorted, pinned, and free until they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sleeptime

PUBLIC = [
    "Budget",
    "Call",
    "Context",
    "LearnedContext",
    "Note",
    "Part",
    "Query",
    "ScriptedModel",
    "Sleeptime",
    "SleeptimeError",
    "Usage",
    "parse_budget",
]


def test_public_names_are_these() -> None:
    assert sleeptime.__all__ == sorted(PUBLIC) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(sleeptime, name) is not None
    assert name in dir(sleeptime)


def test_an_unknown_name_is_an_attribute_error_that_lists_the_known() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'; it has Budget, Call"):
        _ = sleeptime.nothing


def test_importing_prints_nothing_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, sleeptime\n"
        "heavy = {'alembic', 'numpy', 'pydantic', 'pydantic_ai', 'rich', 'sqlalchemy', 'typer'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
