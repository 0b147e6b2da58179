"""`sleeptime swe sleep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import MODELS, ContextName, Database, Json

if TYPE_CHECKING:
    from sleeptime.results import Slept
    from sleeptime.settings import Settings
    from sleeptime.store.store import Store
    from sleeptime.swe.index import Progress
    from sleeptime.swe.indexing import IndexSleep


def sleep(
    name: ContextName,
    replays: Annotated[
        int, typer.Option(metavar="N", min=0, help="Past changes to tune on, such as 10, 30 or 100.")
    ] = 30,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help=f"Let an agent explore the repository then, and write notes about earlier changes: {MODELS}.",
            show_default=False,
        ),
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Read the repository of a context and its past, without any model unless --model names one, for `swe ask`.

    Words, defined names, messages, similar changes and files that change together are indexed, weighed by replaying the
    newest of the repository's own changes, and told in a note for each file. After a commit, and the same `add` again,
    only what the commit changed is read. With --model an agent goes on from there: it studies the newest changes that
    read like features, as `sleeptime sleep --strategy repository` does, in the ledger and under its caps. Exits with 1
    when what it wrote was refused, or the agent's sleep failed or found no room under a cap.
    """
    from sleeptime.cli.output import hint, print_json
    from sleeptime.cli.swe.session import run_on_store
    from sleeptime.core.outcome import Outcome
    from sleeptime.swe import indexing

    async def work(store: Store, settings: Settings, progress: Progress) -> IndexSleep:
        return await indexing.sleep(
            store,
            name,
            replays=replays,
            check=settings.acceptance_rules.check,
            needs_approval=settings.approve,
            keep=settings.keep,
            progress=progress,
            warn=hint,
        )

    if model is not None:
        _check(model)
    slept = run_on_store(work, f"sleeping on {name}", database)
    explored = None if model is None or slept.outcome is Outcome.FAILED else _explored(name, model, database)
    if as_json:
        print_json(_as_dict(slept) | ({} if explored is None else {"explored": _explored_dict(explored)}))
    else:
        _show(slept)
        if explored is not None:
            _show_explored(explored)
    if slept.outcome is Outcome.FAILED or (explored is not None and explored.outcome in _FAILED):
        raise typer.Exit(1)


_FAILED = ("failed", "capped")
"""Outcomes of an agent's sleep that end a command with 1."""


def _check(model: str) -> None:
    """Refuse a model that cannot explore before anything is read.

    Raises:
        InputError: it is not known, lacks something, or calls no tools.
    """
    from sleeptime.models.resolve import resolve_model
    from sleeptime.settings import load_settings
    from sleeptime.swe.agent import check_model

    check_model(resolve_model(load_settings(model=model).model))


def _explored(name: str, model: str, database: str | None) -> Slept:
    """Let an agent study the earlier changes: a job like any other."""
    from sleeptime.cli.output import progress_bar
    from sleeptime.cli.run import run

    with progress_bar(f"exploring {name}") as bar:
        return run(
            lambda sleeptime: sleeptime.sleep(name, progress=bar.update, waiting=bar.wait),
            model=model,
            strategy="repository",
            database_url=database,
        )


def _explored_dict(explored: Slept) -> dict[str, Any]:
    return {
        "outcome": explored.outcome.value,
        "reason": explored.reason,
        "version": explored.version,
        "notes": len(explored.notes),
        "carried": explored.carried,
        "usage": explored.usage.as_dict(),
        "cost_usd": explored.cost_usd,
        "job": explored.job_id,
    }


def _show_explored(explored: Slept) -> None:
    from sleeptime.cli.output import hint, say, usd

    told = f"{explored.usage.total_tokens:,} tokens, {usd(explored.cost_usd)}"
    if explored.notes:
        carried = f" ({explored.carried:,} as they were)" if explored.carried else ""
        written = f"{explored.outcome.value} {len(explored.notes):,} notes{carried}"
        say(f"explored: {written}, version {explored.version}, {told}")
    else:
        hint(f"explored: {explored.outcome.value}: {explored.reason} ({told})")


def _as_dict(slept: IndexSleep) -> dict[str, Any]:
    return {
        "context": slept.context,
        "context_version": slept.context_version,
        "commit": slept.commit_id,
        "outcome": slept.outcome.value,
        "reason": slept.reason,
        "files": slept.files,
        "replayed": slept.replayed,
        "version": slept.version,
        "status": slept.status and slept.status.value,
        "notes": len(slept.notes),
        "carried": slept.carried,
    }


def _show(slept: IndexSleep) -> None:
    from sleeptime.cli.output import hint, say

    files = f"{slept.files:,} files indexed at {slept.commit_id[:12]}, tuned on {slept.replayed:,} past changes"
    say(f"{slept.context}: {files}")
    if slept.notes:
        carried = f" ({slept.carried:,} as they were)" if slept.carried else ""
        state = "live now" if slept.status == "live" else "not live yet"
        say(f"{slept.outcome.value} {len(slept.notes):,} notes{carried}, version {slept.version}, {state}")
    else:
        hint(f"{slept.outcome.value}: {slept.reason}")
    if slept.notes and slept.reason:
        hint(slept.reason)
