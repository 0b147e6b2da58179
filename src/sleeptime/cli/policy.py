"""`sleeptime policy`."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import Database, Json
from sleeptime.core.command import command

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.background import Background
    from sleeptime.core.policy import Policy
    from sleeptime.core.trigger import WakeUp
    from sleeptime.store.policy_rows import PolicyEntry


def _value(metavar: str, help: str) -> Any:
    return typer.Option(metavar=metavar, help=help, show_default=False)


def policy(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Name of the context; lists all policies when left out.", show_default=False
        ),
    ] = None,
    on_change: Annotated[str | None, _value("TIME", "Sleep this long after the last change, such as 30s.")] = None,
    idle: Annotated[str | None, _value("TIME", "Sleep this long after the last change or query, such as 10m.")] = None,
    every: Annotated[str | None, _value("N", "Sleep after this many new parts.")] = None,
    window: Annotated[
        str | None, _value("WINDOW", "Begin a sleep only then: [DAYS] HH:MM-HH:MM [ZONE], such as 22:00-06:00.")
    ] = None,
    cool_down: Annotated[str | None, _value("TIME", "Least time between two sleeps, such as 1h.")] = None,
    max_tokens_per_job: Annotated[str | None, _value("N", "Cap on one sleep, in tokens.")] = None,
    max_usd_per_job: Annotated[str | None, _value("USD", "Cap on one sleep, in USD.")] = None,
    max_tokens_per_day: Annotated[str | None, _value("N", "Cap on one UTC day, in tokens.")] = None,
    max_usd_per_day: Annotated[str | None, _value("USD", "Cap on one UTC day, in USD, such as 0.50.")] = None,
    approve: Annotated[
        bool | None, typer.Option("--approve/--no-approve", help="Whether what was learned waits for approval.")
    ] = None,
    keep_versions: Annotated[str | None, _value("N", "Keep at least this many of the newest versions.")] = None,
    keep_days: Annotated[str | None, _value("DAYS", "Keep those that left service within so many days.")] = None,
    strategy: Annotated[str | None, _value("NAME", "How one draft is made: notes, rethink or repository.")] = None,
    drafts: Annotated[str | None, _value("K", "Independent drafts.")] = None,
    combine: Annotated[str | None, _value("NAME", "How drafts become one: merge or concat.")] = None,
    effort: Annotated[str | None, _value("LEVEL", "Work per draft: low, medium or high.")] = None,
    tier: Annotated[str | None, _value("TIER", "Price and speed class: standard, priority, flex or batch.")] = None,
    is_on: Annotated[
        bool | None, typer.Option("--on/--off", help="Whether it is slept on in the background at all.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the policy and what is due; jobs that are there go on.")
    ] = False,
    after: Annotated[str, typer.Option(metavar="NAME", help="List policies behind this name.")] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="List this many at most.")] = 100,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Say when a context is slept on in the background, and what that may cost; or show it.

    Without options it shows the policy, what is due when, and why. An option changes one value and leaves the others;
    the value none takes it away. Workers (sleeptime worker) do the sleeping.
    """
    from sleeptime.cli.run import run

    changes = {
        "on_change": on_change,
        "idle": idle,
        "every": every,
        "window": window,
        "cool_down": cool_down,
        "max_tokens_per_job": max_tokens_per_job,
        "max_usd_per_job": max_usd_per_job,
        "max_tokens_per_day": max_tokens_per_day,
        "max_usd_per_day": max_usd_per_day,
        "approve": approve,
        "keep_versions": keep_versions,
        "keep_days": keep_days,
        "strategy": strategy,
        "drafts": drafts,
        "combine": combine,
        "effort": effort,
        "tier": tier,
        "is_on": is_on,
    }
    is_changed = any(value is not None for value in changes.values())
    if remove and is_changed:
        raise typer.BadParameter("--remove takes the whole policy away: give no other value of it")
    if name is None:
        if is_changed or remove:
            raise typer.BadParameter("a policy is changed for one context: give its NAME")

        async def listed(sleeptime: Sleeptime) -> tuple[PolicyEntry, ...]:
            return await sleeptime.policies(after=after, limit=limit + 1)

        _print_list(run(listed, database_url=database), limit, as_json)
        return

    async def work(sleeptime: Sleeptime) -> Background:
        if remove:
            return await sleeptime.remove_policy(name)
        return await sleeptime.policy(name, **changes)  # type: ignore[arg-type]  # checked when it is read

    found = run(work, database_url=database)
    _print_background(found, as_json)


def _print_background(found: Background, as_json: bool) -> None:
    from sleeptime.cli.output import print_json, print_table, say

    if as_json:
        print_json(_as_dict(found))
        return
    if found.policy is not None:
        rows = [(label, value, _meaning(name, found.policy)) for name, label, value in _words(found.policy)]
        print_table(["policy", "set to", "meaning"], rows, title=found.context)
    if found.wake_ups:
        due = [(wake_up.trigger, *_due(wake_up, found)) for wake_up in found.wake_ups]
        print_table(["trigger", "due (UTC)", "why"], due)
    say(f"{found.context}: {_state(found)}")


def _words(policy: Policy) -> list[tuple[str, str, str]]:
    """Name, label and value of all that is set, for people."""
    given = {name: value for name, value in policy.as_dict().items() if name != "is_on"}
    texts = {True: "yes", False: "no"}
    return [
        (name, name.replace("_", " "), texts[value] if isinstance(value, bool) else str(value))
        for name, value in given.items()
    ]


def _meaning(name: str, policy: Policy) -> str:
    """What a value of a policy does, in words."""
    from sleeptime.core.duration import duration_text
    from sleeptime.core.trigger import MAX_DEBOUNCES

    longest = "" if policy.on_change is None else duration_text(MAX_DEBOUNCES * policy.on_change)
    is_alone = policy.on_change is None and policy.idle is None and policy.every is None
    return {
        "on_change": f"after the last change, and at most {longest} after the first",
        "idle": "after the last change or query",
        "every": "new parts since the last sleep",
        "window": "what changed is slept on while it is open" if is_alone else "a sleep begins only while it is open",
        "cool_down": "from the end of one sleep to the next",
        "max_tokens_per_job": "tokens, for one sleep",
        "max_usd_per_job": "USD, for one sleep",
        "max_tokens_per_day": "tokens, for all its sleeps of a UTC day",
        "max_usd_per_day": "USD, for all its sleeps of a UTC day",
        "approve": "what was learned waits until it is approved" if policy.approve else "what was learned is served",
        "keep_versions": "newest versions of its notes are kept",
        "keep_days": "days for which others are kept after they left service",
    }.get(name, "in place of the setting")


def _due(wake_up: WakeUp, found: Background) -> tuple[str, str]:
    """When a trigger is due, and why then."""
    from sleeptime.core.trigger import Hold, Trigger

    unslept, policy = found.unslept, found.policy
    assert unslept is not None
    assert policy is not None
    if wake_up.at is None:
        return "", f"{unslept.new_parts:,} of {policy.every:,} new parts"
    last = f"the last change was at {unslept.last_change_at:%F %T}"
    why = {
        Trigger.CHANGE: last,
        Trigger.IDLE: last
        if unslept.last_query_at is None
        else f"{last}, the last query at {unslept.last_query_at:%F %T}",
        Trigger.COUNT: f"{unslept.new_parts:,} new parts",
        Trigger.WINDOW: last,
    }[wake_up.trigger]
    held = {
        None: "",
        Hold.COOL_DOWN: "; it waits for the end of the cool-down",
        Hold.BACK_OFF: "; it rests after a sleep that gave nothing or reached a cap",
        Hold.WINDOW: "; it waits for its window",
    }[wake_up.hold]
    return f"{wake_up.at:%F %T}", why + held


def _state(found: Background) -> str:
    """How it stands, in one sentence."""
    name, policy = found.context, found.policy
    if policy is None:
        stands = "is paused" if found.is_paused else "is under way and goes on"
        busy = f"; a job {stands}, to end it: {command('jobs cancel', name)}" if found.is_busy else ""
        make = command("policy", name, "--on-change 30s")
        return f"no policy, so it is slept on by hand only; set one with: {make}{busy}"
    if not policy.is_on:
        return "off, so it is slept on by hand only"
    if policy.on_change is None and policy.idle is None and policy.every is None and policy.window is None:
        return "no trigger is set, so it is slept on by hand only"
    if found.rest.is_quarantined:
        return f"in quarantine after sleeps that failed; end that with: {command('jobs release', name)}"
    if found.is_paused:
        return f"a job is paused, and triggers wait for its end; it goes on with: {command('jobs resume', name)}"
    if found.is_busy:
        return "a job is under way; triggers wait for its end"
    if found.is_slept:
        return "nothing to do: it stands as it was when it was last slept on"
    if not found.wake_ups:
        return "nothing is due: the job for what changed was ended or stands still; the next change counts again"
    if found.wake_ups[0].at is None:
        return "nothing is due before there are more new parts"
    return f"slept on next at {found.wake_ups[0].at:%F %T} UTC or later, by a worker"


def _as_dict(found: Background) -> dict[str, Any]:
    unslept, rest = found.unslept, found.rest
    return {
        "context": found.context,
        "policy": found.policy and found.policy.as_dict(),
        "wake_ups": [
            {
                "trigger": each.trigger.value,
                "due_at": each.at and each.at.isoformat(),
                "hold": each.hold and each.hold.value,
            }
            for each in found.wake_ups
        ],
        "unslept": unslept
        and {
            "first_change_at": unslept.first_change_at.isoformat(),
            "last_change_at": unslept.last_change_at.isoformat(),
            "new_parts": unslept.new_parts,
            "last_query_at": unslept.last_query_at and unslept.last_query_at.isoformat(),
        },
        "slept_at": rest.slept_at and rest.slept_at.isoformat(),
        "rests_until": rest.until and rest.until.isoformat(),
        "is_quarantined": rest.is_quarantined,
        "is_slept": found.is_slept,
        "is_busy": found.is_busy,
        "is_paused": found.is_paused,
    }


def _print_list(found: tuple[PolicyEntry, ...], limit: int, as_json: bool) -> None:
    from sleeptime.cli.output import hint, print_json, print_table

    entries, is_more = found[:limit], len(found) > limit
    if as_json:
        rows = [
            {
                "context": entry.context,
                "policy": entry.policy.as_dict(),
                "due_at": entry.due_at and entry.due_at.isoformat(),
                "trigger": entry.trigger and entry.trigger.value,
            }
            for entry in entries
        ]
        print_json({"policies": rows, "next": entries[-1].context if is_more else None})
        return
    if not entries:
        hint("no context has a policy; set one with: sleeptime policy NAME --on-change 30s")
        return
    print_table(
        ["context", "policy", "due (UTC), not before", "trigger"],
        [
            (
                entry.context,
                _line(entry.policy),
                "" if entry.due_at is None else f"{entry.due_at:%F %T}",
                entry.trigger or "",
            )
            for entry in entries
        ],
    )
    if is_more:
        hint(f"there are more; go on with: sleeptime policy --after {quote(entries[-1].context)}")


def _line(policy: Policy) -> str:
    values = [f"{label} {value}" for _, label, value in _words(policy)]
    return ", ".join(values if policy.is_on else ["off", *values])
