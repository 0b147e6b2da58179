"""docs/cli.md names every command and option, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from sleeptime.cli import app

ROOT = Path(__file__).parents[2]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group, for there are several
SECTIONS = dict(re.findall(r"^## sleeptime (\w+)\n(.*?)(?=^## |\Z)", (ROOT / "docs/cli.md").read_text(), re.M | re.S))


def test_every_command_is_documented() -> None:
    assert list(SECTIONS) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_of_a_command_is_documented(name: str) -> None:
    params = COMMANDS[name].params
    options = {option for param in params for option in param.opts if option.startswith("--")}
    assert set(re.findall(r"--[a-z][\w-]*", SECTIONS[name])) == options
    arguments = " ".join(param.metavar for param in params if not param.opts[0].startswith("--"))
    assert not arguments or re.sub(r"[\[\].]", "", SECTIONS[name]).find(f"sleeptime {name} {arguments}\n") > 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help
