"""`sleeptime swe`: which files of a git repository a feature touches. Needs the extra `swe` for most of it."""

from __future__ import annotations

import typer

from sleeptime.cli.swe.ask import ask
from sleeptime.cli.swe.build import build
from sleeptime.cli.swe.run import run
from sleeptime.cli.swe.sleep import sleep

swe_app = typer.Typer(
    name="swe", no_args_is_help=True, help="A git repository as the context: which files does a feature touch?"
)
swe_app.command("sleep")(sleep)
swe_app.command("ask")(ask)
swe_app.command("build")(build)
swe_app.command("run")(run)
