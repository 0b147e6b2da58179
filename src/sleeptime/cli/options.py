"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

MODELS = "nano, PROVIDER:MODEL (openai, anthropic, google...), openai-compatible:URL#MODEL or scripted:FILE.json"

ContextName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the context.", show_default=False)]
Database = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where everything is kept [SLEEPTIME_DATABASE_URL].", show_default=False),
]
Model = Annotated[str | None, typer.Option(metavar="MODEL", help=f"{MODELS} [SLEEPTIME_MODEL].", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
