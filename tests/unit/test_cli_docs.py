"""docs/cli.md names every command and option, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sleeptime.cli import app

ROOT = Path(__file__).parents[2]


def _commands(group: Any, before: str = "") -> dict[str, Any]:
    """Commands by their full names, those of groups included."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        found |= _commands(command, f"{before}{name} ") if hasattr(command, "commands") else {before + name: command}
    return found


COMMANDS = _commands(typer.main.get_command(app))
SECTIONS = dict(
    re.findall(r"^## sleeptime ([a-z ]+)\n(.*?)(?=^## |\Z)", (ROOT / "docs/cli.md").read_text(), re.M | re.S)
)


def test_every_command_is_documented() -> None:
    assert sorted(SECTIONS) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_of_a_command_is_documented(name: str) -> None:
    params = COMMANDS[name].params
    options = {option for param in params for option in (*param.opts, *param.secondary_opts) if option.startswith("--")}
    assert set(re.findall(r"--[a-z][\w-]*", SECTIONS[name])) == options
    arguments = " ".join(param.metavar for param in params if not param.opts[0].startswith("--"))
    usage, section = (re.sub(r"[\[\].]", "", text) for text in (f"sleeptime {name} {arguments}\n", SECTIONS[name]))
    assert not arguments or usage in section


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    assert COMMANDS[name].help
