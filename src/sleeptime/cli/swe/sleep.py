"""`sleeptime swe sleep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import MODELS, ContextName, Database, Json

if TYPE_CHECKING:
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
    changes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Changes that the agent studies at most [SLEEPTIME_MAX_CHANGES].",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Steps of the agent on one change [SLEEPTIME_MAX_STEPS].", show_default=False
        ),
    ] = None,
    max_usd: Annotated[
        float | None,
        typer.Option(
            metavar="USD",
            min=0,
            help="Hard cap on what the agent spends [what it could take at most].",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the agent would do and what it may cost; no call.")
    ] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Read the repository of a context and its past, without any model unless --model names one, for `swe ask`.

    Words, defined names, messages, similar changes and files that change together are indexed, weighed by replaying the
    newest of the repository's own changes, and told in a note for each file. After a commit, and the same `add` again,
    only what the commit changed is read. With --model an agent goes on from there: it studies the newest changes that
    read like features, as `sleeptime sleep --strategy repository` does, in the ledger and under a cap. Exits with 1
    when what it wrote was refused, or the agent's sleep failed or found no room under a cap.
    """
    from sleeptime.cli.output import print_json
    from sleeptime.cli.swe.exploring import Exploring, explored_dict, plan_dict, show_explored, show_plan, tell
    from sleeptime.core.outcome import Outcome

    if model is None:
        if dry_run or any(given is not None for given in (changes, steps, max_usd)):
            raise typer.BadParameter("--changes, --steps, --max-usd and --dry-run are for an agent: give --model, too")
        slept = _indexed(name, replays, database)
        print_json(_as_dict(slept)) if as_json else _show(slept)
        if slept.outcome is Outcome.FAILED:
            raise typer.Exit(1)
        return
    exploring = Exploring(name, model, changes, steps, max_usd, database)
    exploring.check()
    plan, cap = exploring.plan()
    if dry_run:
        print_json(plan_dict(plan, cap)) if as_json else show_plan(plan, cap)
        return
    slept = _indexed(name, replays, database)
    if not as_json:
        _show(slept)
    explored = None
    if slept.outcome is not Outcome.FAILED:
        tell(plan, cap)
        explored = exploring.run(cap)
    if as_json:
        print_json(_as_dict(slept) | {"explored": None if explored is None else explored_dict(explored, cap)})
    elif explored is not None:
        show_explored(explored)
    if explored is None or explored.outcome in (Outcome.FAILED, Outcome.CAPPED):
        raise typer.Exit(1)


def _indexed(name: str, replays: int, database: str | None) -> IndexSleep:
    """Index the repository, and say in a note what there is of each file."""
    from sleeptime.cli.output import hint
    from sleeptime.cli.swe.session import run_on_store
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

    return run_on_store(work, f"sleeping on {name}", database)


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
    from sleeptime.core.counted import counted

    tuned = f"tuned on {counted(slept.replayed, 'past change')}"
    if not slept.replayed:
        tuned = "ranked by the weights of the package, as no past change was replayed"
    say(f"{slept.context}: {counted(slept.files, 'file')} indexed at {slept.commit_id[:12]}, {tuned}")
    if slept.notes:
        carried = f" ({slept.carried:,} as they were)" if slept.carried else ""
        state = "live now" if slept.status == "live" else "not live yet"
        say(f"{slept.outcome.value} {counted(len(slept.notes), 'note')}{carried}, version {slept.version}, {state}")
    else:
        hint(f"{slept.outcome.value}: {slept.reason}")
    if slept.notes and slept.reason:
        hint(slept.reason)
