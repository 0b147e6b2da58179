"""`sleeptime lab report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sleeptime.cli.options import Json

Output = Annotated[
    Path, typer.Option("--output", metavar="FOLDER", help="Folder of the results: page, figures, JSON and records.")
]
DEFAULT_OUTPUT = Path("lab-results")


def report(output: Output = DEFAULT_OUTPUT, as_json: Json = False) -> None:
    """Make figures, tables and page again from records of the experiments that were run; calls no model.

    An experiment whose records are not complete is left out, and named on stderr.
    """
    from sleeptime.cli.lab.show import claim_dicts, show_claims
    from sleeptime.cli.output import hint, print_json, progress_bar, say
    from sleeptime.core.errors import InputError
    from sleeptime.lab.extra import need_extra
    from sleeptime.lab.workspace import Workspace

    need_extra("lab", "matplotlib")
    workspace = Workspace.reopen(output)
    made, left_out = {}, {}
    with progress_bar("analysing") as bar:
        for number, name in enumerate(workspace.ran):
            bar.update(number, len(workspace.ran), label=name)
            try:
                made[name] = workspace.report(name)
            except InputError as error:
                left_out[name] = str(error)
    for name, why in left_out.items():
        hint(f"{name} is left out: {why}")
    if not made:
        raise InputError(f"the records in {output} are complete for no experiment; run `sleeptime lab run` first")
    page = workspace.write_page()
    if as_json:
        print_json({"page": str(page), "left_out": left_out, "experiments": claim_dicts(made)})
    else:
        show_claims(made)
        say(f"written: {page}")
