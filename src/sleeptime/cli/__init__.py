"""The command line: one module per command. Loads what a command needs only when it runs."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from sleeptime.cli.add import add
from sleeptime.cli.ask import ask
from sleeptime.cli.demo import demo
from sleeptime.cli.doctor import doctor
from sleeptime.cli.jobs import jobs
from sleeptime.cli.lab import lab_app
from sleeptime.cli.ledger import ledger
from sleeptime.cli.notes import notes
from sleeptime.cli.output import discard_stdout, fail
from sleeptime.cli.policy import policy
from sleeptime.cli.sleep import sleep
from sleeptime.cli.status import status
from sleeptime.cli.swe import swe_app
from sleeptime.cli.worker import worker
from sleeptime.core.errors import SleeptimeError

app = typer.Typer(
    name="sleeptime",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from SLEEPTIME_* variables or sleeptime.toml: see docs/settings.md.",
)
for command in (demo, add, sleep, policy, status, jobs, worker, ask, notes, ledger, doctor):
    app.command()(command)
app.add_typer(lab_app)
app.add_typer(swe_app)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from sleeptime import __version__

        typer.echo(f"sleeptime {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Think about a context before anyone asks, and answer in fewer tokens."""


def main() -> None:
    """Run one command, and exit: 0 done, 1 failure, 2 usage or input, 130 interrupted."""
    # What the library logs is for programs that set up logging; a command says what happened by itself.
    logging.getLogger("sleeptime").addHandler(logging.NullHandler())
    _replace_closed_streams()
    # That telemetry is lost is known only after the command has said what happened.
    logging.getLogger("sleeptime.telemetry").addHandler(logging.StreamHandler())
    for stream in (sys.stdout, sys.stderr):
        # A reply may hold what the terminal's encoding cannot show; it must not end in a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SleeptimeError as error:
        fail(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        discard_stdout()  # the reader of a pipe left
        sys.exit(1)


def _replace_closed_streams() -> None:
    """Print into nothing where the caller closed a stream (``>&-``), for which Python has None."""
    # Typed as never None, but they are (Python manual, sys.__stdout__).
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:
        setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # for as long as we run
