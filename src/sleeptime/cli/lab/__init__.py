"""`sleeptime lab`: datasets, experiments and their report. Needs the extra `lab` for all but `build`."""

from __future__ import annotations

import typer

from sleeptime.cli.lab.build import build
from sleeptime.cli.lab.list import list_experiments
from sleeptime.cli.lab.report import report
from sleeptime.cli.lab.run import run

lab_app = typer.Typer(
    name="lab", no_args_is_help=True, help="Experiments on sleep-time compute: build data, run, report."
)
lab_app.command("build")(build)
lab_app.command("run")(run)
lab_app.command("report")(report)
lab_app.command("list")(list_experiments)
