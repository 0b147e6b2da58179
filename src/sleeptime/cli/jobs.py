"""`sleeptime jobs`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sleeptime.cli.options import Database, Json
from sleeptime.core.command import command
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from datetime import datetime

    from sleeptime.app import Sleeptime
    from sleeptime.core.back_off import Quarantine, SleepState
    from sleeptime.core.job import Job


ACTIONS: Final = ("pause", "resume", "cancel", "release")


def jobs(
    action: Annotated[
        str | None,
        typer.Argument(metavar="[pause|resume|cancel|release]", help="What to do; nothing, or a name, lists jobs."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Argument(metavar="[ID|NAME]", help="A job, or a context: then all of its jobs that are not over."),
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="List at most N jobs that are over, and N that are not.")
    ] = 20,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """List the sleeps of all contexts or of one that are queued, under way and over; or pause, resume, cancel, release.

    What runs stops before its next call. A paused job goes on where it stopped. `release` lets triggers be heard again
    for a context that was put into quarantine, or rests.
    """
    from sleeptime.cli.output import hint, print_json
    from sleeptime.cli.run import run

    if target is None:
        name = action
        if name in ACTIONS:
            raise typer.BadParameter(f"say what to {name}: give the id of a job, or the name of a context")

        async def listed(sleeptime: Sleeptime) -> tuple[tuple[Job, ...], tuple[Quarantine, ...]]:
            quarantines = await sleeptime.quarantines(limit=limit) if name is None else ()
            return await sleeptime.jobs(name, limit=limit), quarantines

        found, quarantines = run(listed, database_url=database)
        if as_json:
            print_json({"jobs": [job_dict(job) for job in found], "quarantines": [*map(quarantine_dict, quarantines)]})
        else:
            _show(found, quarantines)
        return
    if action not in ACTIONS:
        raise typer.BadParameter(f"{action!r} is nothing that can be done; allowed: {', '.join(ACTIONS)}")
    if action == "release":
        before = run(lambda sleeptime: sleeptime.release(target), database_url=database)
        print_json(_state_dict(before)) if as_json else hint(_released(target, before))
        return
    steered = run(lambda sleeptime: getattr(sleeptime, action)(target), database_url=database)
    print_json({"jobs": [job_dict(job) for job in steered]}) if as_json else _show_jobs(steered)


def job_dict(job: Job) -> dict[str, Any]:
    """A job as `--json` prints it."""
    return {
        "id": job.id,
        "context": job.context,
        "context_version": job.context_version,
        "state": job.state.value,
        "wanted": job.wanted.value,
        "outcome": None if job.outcome is None else job.outcome.value,
        "reason": job.reason,
        "version": job.learned,
        "digest": job.digest,
        "trigger": job.trigger,
        "priority": job.priority,
        "model": job.settings.get("model"),
        "drafts": job.drafts,
        "drafts_done": job.drafts_done,
        "run": job.run,
        "deaths": job.deaths,
        "worker": job.worker,
        "created_at": _moment(job.created_at),
        "due_at": _moment(job.due_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
    }


def why(job: Job) -> str:
    """Why a job ended as it did or stands still, and until when it waits; for people."""
    return job.reason if job.due_at is None else f"until {job.due_at:%F %T} UTC: {job.reason}"


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def quarantine_dict(quarantine: Quarantine) -> dict[str, Any]:
    """A context in quarantine as `--json` prints it."""
    return {
        "context": quarantine.context,
        "since": _moment(quarantine.since),
        "failures": quarantine.failures,
        "last_error": quarantine.last_error,
    }


def _state_dict(state: SleepState) -> dict[str, Any]:
    return {
        "released": {
            "quarantined_at": _moment(state.quarantined_at),
            "rests_until": _moment(state.rests_until),
            "failures": state.failures,
            "nothing_new": state.nothing_new,
            "last_error": state.last_error,
        }
    }


def _released(target: str, state: SleepState) -> str:
    if state.quarantined_at is not None:
        return f"{target}: released from quarantine; it was put there for: {state.last_error}"
    return f"{target}: " + ("rests no longer" if state.rests_until else "was neither in quarantine nor at rest")


def _show(found: Iterable[Job], quarantines: Iterable[Quarantine]) -> None:
    from sleeptime.cli.output import hint

    _show_jobs(found)
    for each in quarantines:
        failures = counted(each.failures, "failure")
        hint(
            f"{each.context}: in quarantine since {each.since:%Y-%m-%d %H:%M} UTC, after {failures} in a "
            f"row: {each.last_error}; `{command('jobs release', each.context)}` lets triggers be heard again"
        )


def _show_jobs(found: Iterable[Job]) -> None:
    from sleeptime.cli.output import print_table

    columns = [
        "job",
        "context",
        "state",
        ">drafts",
        ">run",
        "called for by",
        "asked for (UTC)",
        "outcome, or why it waits",
    ]
    print_table(columns, [_row(job) for job in found])


def _row(job: Job) -> tuple[object, ...]:
    is_steered = job.state.value == "running" and job.wanted.value != "run"
    state = f"{job.state.value}, to {job.wanted.value}" if is_steered else job.state.value
    outcome = "" if job.outcome is None else job.outcome.value
    if job.learned is not None:
        outcome += f" version {job.learned}"
    told = ": ".join(text for text in (outcome, why(job)) if text)
    drafts = f"{job.drafts_done}/{job.drafts}"
    return job.id, job.context, state, drafts, job.run, job.trigger, f"{job.created_at:%Y-%m-%d %H:%M:%S}", told
