"""`sleeptime swe ask`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import MODELS, ContextName, Database, Json

if TYPE_CHECKING:
    from sleeptime.settings import Settings
    from sleeptime.store.store import Store
    from sleeptime.swe.context import Answered
    from sleeptime.swe.index import Progress


def ask(
    name: ContextName,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="What is to be changed, in words.", show_default=False)],
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many files.")] = 10,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help=f"Let an agent make the change in a scratch folder, and show which files it edited: {MODELS}.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Budget of the agent, in steps [20].", show_default=False)
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show the agent's edits, too.")] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Which files a change touches, best first, each with its reasons. Calls no model unless --model names one.

    What is marked is what the change is expected to touch; the rest may be worth a look. Reads what `swe sleep` has
    left, and where that has not run, or the context has changed since, what is missing first. An agent searches the
    same, reads the repository and edits copies of its files: nothing of the user's is written.
    """
    if model is not None:
        from sleeptime.cli.swe.agent import ask_agent

        ask_agent(name, query, model, steps=steps, is_diff=diff, database=database, as_json=as_json)
        return
    if steps is not None or diff:
        raise typer.BadParameter("--steps and --diff are for an agent: give --model, too")
    from sleeptime.cli.output import hint, print_json
    from sleeptime.cli.swe.session import run_on_store
    from sleeptime.swe import context

    async def work(store: Store, settings: Settings, progress: Progress) -> Answered:
        return await context.ask(store, name, query, limit=limit, progress=progress, warn=hint)

    answered = run_on_store(work, f"indexing {name}", database)
    print_json(_as_dict(name, query, answered)) if as_json else _show(answered)


def _as_dict(name: str, query: str, answered: Answered) -> dict[str, Any]:
    from sleeptime.sources.entry import printable

    files = [
        {"path": printable(found.path), "score": found.score, "reasons": list(found.reasons)}
        for found in answered.files
    ]
    return {
        "context": name,
        "commit": answered.commit_id,
        "query": query,
        "files": files,
        "predicted": list(map(printable, answered.predicted)),
        "latency_ms": round(1e3 * answered.latency_s, 3),
    }


def _show(answered: Answered) -> None:
    from sleeptime.cli.output import hint, print_table
    from sleeptime.core.counted import counted
    from sleeptime.sources.entry import printable

    if not answered.files:
        hint(
            "no file has anything to do with it, so none is expected to be touched; ask in the words of the code or of "
            "its commits"
        )
        return
    expected = set(answered.predicted)
    rows = [
        ("*" if found.path in expected else "", printable(found.path), f"{found.score:.2f}", "; ".join(found.reasons))
        for found in answered.files
    ]
    print_table(["", "file", ">likely", "why"], rows)
    beyond = len(expected - {found.path for found in answered.files})
    files = counted(len(expected), "file") + (f", {beyond} of them beyond --limit" if beyond else "")
    hint(f"* expected to be touched: {files}; found in {1e3 * answered.latency_s:.1f} ms")
