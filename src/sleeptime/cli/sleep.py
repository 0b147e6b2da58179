"""`sleeptime sleep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sleeptime.cli.options import ContextName, Database, Json, Model
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.core.job import Job
    from sleeptime.plan import SleepPlan
    from sleeptime.results import Slept


def sleep(
    name: ContextName,
    strategy: Annotated[
        Literal["rethink", "notes", "repository"] | None,
        typer.Option(
            help="rethink: the paper's own; notes: typed notes with their working; repository: an agent on the changes "
            "of a git repository [SLEEPTIME_STRATEGY]."
        ),
    ] = None,
    drafts: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Independent drafts [SLEEPTIME_DRAFTS].")
    ] = None,
    combine: Annotated[
        Literal["merge", "concat"] | None,
        typer.Option(help="How drafts become one: by vote, or one after the other (the paper) [SLEEPTIME_COMBINE]."),
    ] = None,
    model: Model = None,
    effort: Annotated[
        Literal["low", "medium", "high"] | None, typer.Option(help="Work per draft [SLEEPTIME_EFFORT].")
    ] = None,
    tier: Annotated[
        Literal["standard", "priority", "flex", "batch"] | None,
        typer.Option(help="Price and speed class of the calls [SLEEPTIME_TIER]."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read all parts again, also those that have not changed.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Ask for it and do not wait: a worker runs it.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and what it may cost; no call.")
    ] = False,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Think about a context while nobody waits; what is learned serves its queries from then on.

    Where notes of the same strategy and model are in service, only what has changed since is read, and notes that still
    hold are carried over as they are; --full reads everything.

    Exits with 1 when the sleep failed, or when a cap on spend (docs/settings.md) left no room for it; the notes of an
    earlier sleep then stay in service. Ctrl-C ends with 130 and leaves the notes as they were. One that was cut off
    goes on where it stopped when the same is asked for again: what was answered is not paid again.
    """
    from sleeptime.cli.output import print_json, progress_bar
    from sleeptime.cli.run import run
    from sleeptime.core.outcome import Outcome

    given = {
        "strategy": strategy,
        "drafts": drafts,
        "combine": combine,
        "model": model,
        "effort": effort,
        "tier": tier,
        "incremental": False if full else None,
        "database_url": database,
    }
    if dry_run and background:
        raise typer.BadParameter("give --dry-run or --background")
    if background:
        from sleeptime.cli.jobs import job_dict

        job = run(lambda sleeptime: sleeptime.queue(name), **given)
        print_json(job_dict(job)) if as_json else _show_queued(job)
        return
    if dry_run:

        async def plan(sleeptime: Sleeptime) -> SleepPlan:
            return await sleeptime.plan(name)

        planned = run(plan, **given)
        print_json(plan_dict(planned)) if as_json else show_plan(planned)
        return
    with progress_bar(f"sleeping on {name}") as bar:

        async def work(sleeptime: Sleeptime) -> Slept:
            return await sleeptime.sleep(name, progress=bar.update, waiting=bar.wait)

        slept = run(work, **given)
    print_json(_as_dict(slept)) if as_json else _show(slept)
    if slept.outcome in (Outcome.FAILED, Outcome.CAPPED):
        raise typer.Exit(1)


def _as_dict(slept: Slept) -> dict[str, Any]:
    from sleeptime.cli.notes import note_dict

    return {
        "context": slept.context,
        "version": slept.version,
        "digest": slept.digest,
        "status": slept.status and slept.status.value,
        "context_version": slept.context_version,
        "outcome": slept.outcome.value,
        "reason": slept.reason,
        "studied": slept.studied,
        "carried": slept.carried,
        "notes": [note_dict(note) for note in slept.notes],
        "usage": slept.usage.as_dict(),
        "cost_usd": slept.cost_usd,
        "job_id": slept.job_id,
    }


def _show_queued(job: Job) -> None:
    from sleeptime.cli.output import hint, say

    say(job.id)
    state = "queued; a `sleeptime worker` runs it" if job.state.value == "queued" else f"{job.state.value} already"
    hint(f"{job.context}: {state}; see `sleeptime jobs`")


def _show(slept: Slept) -> None:
    from sleeptime.cli.notes import show_notes
    from sleeptime.cli.output import hint, say, usd

    outcome = slept.outcome.value
    if not slept.notes:
        hint(f"{slept.context}: {outcome}: {slept.reason}")
    else:
        carried = f" ({slept.carried:,} carried over)" if slept.carried else ""
        state = "live now" if slept.status == "live" else "not live yet"
        notes = counted(len(slept.notes), "note")
        say(f"{slept.context}: {outcome} {notes}{carried}, version {slept.version}, {state}")
        if slept.reason:
            hint(slept.reason)
        show_notes(slept.notes)
    usage = slept.usage
    read = usage.input_tokens + usage.cached_input_tokens + usage.cache_write_tokens
    say(f"{read:,} tokens in, {usage.output_tokens:,} out, {usd(slept.cost_usd)}")


def plan_dict(plan: SleepPlan) -> dict[str, Any]:
    """What a sleep would do, for `--json`."""
    return {
        "dry_run": True,
        "context": plan.context,
        "context_version": plan.context_version,
        "model": plan.model,
        "strategy": plan.strategy,
        "drafts": plan.drafts,
        "studied": plan.studied,
        "pieces": plan.pieces,
        "carried": plan.carried,
        "reason": plan.reason,
        "max_calls": plan.max_calls,
        "max_usage": plan.max_usage.as_dict(),
        "max_cost_usd": plan.max_cost_usd,
    }


def show_plan(plan: SleepPlan) -> None:
    """What a sleep would do, for people."""
    from sleeptime.cli.output import hint, print_table, usd

    rows = [
        ("context", f"{plan.context} at {plan.context_version}"),
        ("model", plan.model),
        ("strategy", plan.strategy),
        ("parts to read", f"{plan.studied:,} in {counted(plan.pieces, 'piece')}"),
        ("notes carried over", f"{plan.carried:,}"),
        ("drafts", plan.drafts),
        ("calls, at most", f"{plan.max_calls:,}"),
        ("input tokens, at most about", f"{plan.max_usage.input_tokens:,}"),
        ("output tokens, at most about", f"{plan.max_usage.output_tokens:,}"),
        ("price, at most about", usd(plan.max_cost_usd)),
    ]
    print_table(["what", "would be"], rows)
    if plan.reason:
        hint(plan.reason)
    hint("no call was made; retries of failed calls and the model's own reasoning come on top")
