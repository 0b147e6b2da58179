"""`sleeptime status`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import Database, Json
from sleeptime.core.command import command
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sleeptime.app import Sleeptime
    from sleeptime.core.job import Job
    from sleeptime.results import SleepStatus
    from sleeptime.store.listed import Listed
    from sleeptime.store.overview_store import Overview

_PERIOD_S = 1.0


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One context; all of them when left out.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Draw it again every second, until Ctrl-C.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Most lines of each table.")] = 10,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show how sleep stands: jobs and their progress, workers, what is due next, what is stuck, and what was spent.

    What stands still comes with the command that lets it go on. Counts beyond 10,000 are not exact.
    """
    import sys

    from sleeptime.cli.output import print_json, print_parts
    from sleeptime.cli.run import run

    if watch and (as_json or not sys.stdout.isatty()):
        raise typer.BadParameter("--watch draws on a terminal; leave it out with --json and in a pipe")

    async def work(sleeptime: Sleeptime) -> SleepStatus:
        return await sleeptime.status(name, limit=limit)

    if watch:
        run(lambda sleeptime: _watch(sleeptime, name, limit), database_url=database)
        return
    found = run(work, database_url=database)
    print_json(_as_dict(found)) if as_json else print_parts(*_parts(found))


async def _watch(sleeptime: Sleeptime, name: str | None, limit: int) -> None:
    import asyncio

    from sleeptime.cli.output import redrawn

    with redrawn() as draw:
        try:
            while True:
                draw(*_parts(await sleeptime.status(name, limit=limit)))
                await asyncio.sleep(_PERIOD_S)
        except asyncio.CancelledError:  # Ctrl-C, which is how one leaves
            return


def _parts(found: SleepStatus) -> Iterator[RenderableType]:
    """Tables and lines: first what runs, and what needs somebody."""
    from sleeptime.cli.ledger import caps_table, today_table
    from sleeptime.cli.output import line

    seen = found.overview
    yield line(_headline(seen))
    yield from _under_way(seen)
    yield from _stuck(seen)
    yield from _workers(found)
    yield from _wake_ups(seen)
    yield from _breakers(seen)
    yield today_table(found.day, found.today)
    if any(item.cap for item in found.caps):
        yield caps_table(found.caps)


def _headline(seen: Overview) -> str:
    from sleeptime.core.job import JobState

    counts = ", ".join(f"{_count(of_state)} {state}" for state, of_state in seen.jobs.items())
    oldest = next((f"; the oldest was asked for {_ago(seen, job)}" for job in seen.jobs[JobState.QUEUED].items), "")
    return f"{seen.context or 'jobs'}: {counts}{oldest}"


def _count(of: Listed[Any]) -> str:
    return f"{of.count:,}" if of.is_exact else f"{of.count:,} or more"


def _ago(seen: Overview, job: Job) -> str:
    return f"{_time(seen.at - job.created_at)} ago"


def _time(time: timedelta) -> str:
    """A length of time in its two largest units, for people."""
    seconds = max(0, int(time.total_seconds()))
    minutes, hours = seconds // 60, seconds // 3600
    if hours >= 24:
        return f"{hours // 24}d {hours % 24}h"
    return f"{hours}h {minutes % 60}m" if hours else f"{minutes}m {seconds % 60}s" if minutes else f"{seconds}s"


def _table(columns: list[str], rows: list[tuple[object, ...]], *lists: Listed[Any]) -> Iterator[RenderableType]:
    """A table and how much it leaves out; nothing where there is nothing."""
    from sleeptime.cli.output import line, table

    if rows:
        yield table(columns, rows)
    left_out = sum(each.more for each in lists)
    if left_out:
        at_least = "" if all(each.is_exact for each in lists) else "at least "
        yield line(f" and {at_least}{left_out:,} more")


def _under_way(seen: Overview) -> Iterator[RenderableType]:
    from sleeptime.cli.jobs import why
    from sleeptime.core.job import JobState

    lists = seen.jobs[JobState.RUNNING], seen.jobs[JobState.WAITING]
    rows: list[tuple[object, ...]] = []
    for job in (job for of_state in lists for job in of_state.items):
        state = job.state.value if job.wanted.value == "run" else f"{job.state.value}, to {job.wanted.value}"
        since = "" if job.started_at is None else _time(seen.at - job.started_at)
        told = job.worker or why(job)
        rows.append((job.id, job.context, state, f"{job.drafts_done}/{job.drafts}", job.run, since, told))
    yield from _table(["job", "context", "state", ">drafts", ">run", ">since", "on worker, or why"], rows, *lists)


def _stuck(seen: Overview) -> Iterator[RenderableType]:
    from sleeptime.core.job import JobState

    paused = seen.jobs[JobState.PAUSED]
    rows: list[tuple[object, ...]] = [
        (
            f"{each.context}, in quarantine",
            f"{_time(seen.at - each.since)} ago",
            f"{counted(each.failures, 'failure')} in a row: {each.last_error}",
            command("jobs release", each.context),
        )
        for each in seen.quarantines.items
    ]
    rows += [
        (f"{job.context}, a job is paused", "", job.reason or "paused by hand", f"sleeptime jobs resume {job.id}")
        for job in paused.items
    ]
    yield from _table(["stands still", "since", "why", "goes on with"], rows, seen.quarantines, paused)


def _workers(found: SleepStatus) -> Iterator[RenderableType]:
    from sleeptime.cli.output import line

    seen = found.overview
    if not seen.workers.count:
        yield line("no worker is alive; start one with: sleeptime worker")
    rows: list[tuple[object, ...]] = []
    for worker in seen.workers.items:
        age = seen.at - worker.heartbeat_at
        is_silent = age.total_seconds() > found.dead_after_s
        state = "silent, taken for dead" if is_silent else worker.state.value
        rows.append((worker.id, worker.host, worker.pid, state, f"{_time(age)} ago"))
    yield from _table(["worker", "host", ">process", "state", ">heartbeat"], rows, seen.workers)


def _wake_ups(seen: Overview) -> Iterator[RenderableType]:
    rows: list[tuple[object, ...]] = [
        (context, f"{due:%F %T}", "now" if due <= seen.at else f"in {_time(due - seen.at)}", trigger.value)
        for context, due, trigger in seen.wake_ups.items
    ]
    yield from _table(["sleeps next", "due (UTC), not before", "", "called for by"], rows, seen.wake_ups)


def _breakers(seen: Overview) -> Iterator[RenderableType]:
    rows: list[tuple[object, ...]] = [
        (each.model, each.state(seen.at).value, f"{each.open_until:%F %T}", each.failures, each.last_error)
        for each in seen.breakers.items
    ]
    columns = ["left alone", "breaker", "until (UTC)", ">errors in a row", "last error"]
    yield from _table(columns, rows, seen.breakers)


def _as_dict(found: SleepStatus) -> dict[str, Any]:
    from sleeptime.cli.jobs import job_dict, quarantine_dict
    from sleeptime.cli.ledger import spend_dict

    seen = found.overview
    wake_ups = [
        {"context": context, "due_at": due.isoformat(), "trigger": trigger.value}
        for context, due, trigger in seen.wake_ups.items
    ]
    workers = [
        {
            "id": each.id,
            "host": each.host,
            "pid": each.pid,
            "state": each.state.value,
            "started_at": each.started_at.isoformat(),
            "heartbeat_age_s": (age_s := (seen.at - each.heartbeat_at).total_seconds()),
            "is_silent": age_s > found.dead_after_s,
        }
        for each in seen.workers.items
    ]
    breakers = [
        {
            "model": each.model,
            "state": each.state(seen.at).value,
            "open_until": each.open_until and each.open_until.isoformat(),
            "failures": each.failures,
            "last_error": each.last_error,
        }
        for each in seen.breakers.items
    ]
    return {
        "context": seen.context,
        "at": seen.at.isoformat(),
        "jobs": {state.value: _listed(of, [*map(job_dict, of.items)]) for state, of in seen.jobs.items()},
        "wake_ups": _listed(seen.wake_ups, wake_ups),
        "quarantines": _listed(seen.quarantines, [*map(quarantine_dict, seen.quarantines.items)]),
        "workers": _listed(seen.workers, workers),
        "breakers": _listed(seen.breakers, breakers),
        **spend_dict(found.day, found.today, found.caps),
    }


def _listed(of: Listed[Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"count": of.count, "is_exact": of.is_exact, "items": items}
