"""`sleeptime ask`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sleeptime.cli.options import ContextName, Database, Json, Model
from sleeptime.core.command import command
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.core.query import Query


def ask(
    name: ContextName,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What to ask.", show_default=False)],
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="B",
            help="v0 to v4, effort:low|medium|high, think:N or force:N [SLEEPTIME_BUDGET].",
            show_default=False,
        ),
    ] = None,
    route: Annotated[
        Literal["auto", "recall", "notes", "full"],
        typer.Option(
            help="auto takes the cheapest that holds (docs/cli.md); full uses no notes (the paper's baseline)."
        ),
    ] = "auto",
    model: Model = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Ask a context.

    A context that was not slept on is answered by the route full, and a remark on stderr says so.
    """
    from sleeptime.cli.output import hint, print_json, say, usd
    from sleeptime.cli.run import run

    async def work(sleeptime: Sleeptime) -> Query:
        return await sleeptime.ask(name, query, route=route)

    answered = run(work, model=model, budget=budget, database_url=database)
    if answered.route == "full" and route == "auto" and answered.budget not in ("v3", "v4"):
        hint(f"{name} has no notes in service, so the whole context was read (route full); {command('sleep', name)}")
    if as_json:
        print_json(_as_dict(answered))
        return
    say(answered.answer)
    usage = answered.usage
    read = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
    notes = f", {counted(len(answered.notes_used), 'note')}" if answered.notes_used else ""
    hint(
        f"route {answered.route}{notes}, budget {answered.budget}, {read:,} tokens in, {usage.output_tokens:,} out, "
        f"{usd(answered.cost_usd)}, {answered.latency_s:.2f} s"
    )


def _as_dict(answered: Query) -> dict[str, Any]:
    return {
        "answer": answered.answer,
        "route": answered.route,
        "budget": answered.budget,
        "notes_used": list(answered.notes_used),
        "usage": answered.usage.as_dict(),
        "cost_usd": answered.cost_usd,
        "latency_s": answered.latency_s,
        "context": answered.context,
        "version": answered.learned,
        "query_id": answered.id,
    }
