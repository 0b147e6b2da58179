"""`sleeptime swe sleep`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import ContextName, Database, Json

if TYPE_CHECKING:
    from sleeptime.settings import Settings
    from sleeptime.store.store import Store
    from sleeptime.swe.context import IndexSleep
    from sleeptime.swe.index import Progress


def sleep(
    name: ContextName,
    replays: Annotated[
        int, typer.Option(metavar="N", min=0, help="Past changes to tune on, such as 10, 30 or 100.")
    ] = 30,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Read the repository of a context and its past, without any model, so that `swe ask` answers at once.

    Words, defined names, messages, similar changes and files that change together are indexed, weighed by replaying the
    newest of the repository's own changes, and told in a note for each file. After a commit, and the same `add` again,
    only what the commit changed is read. Exits with 1 when what it wrote was refused.
    """
    from sleeptime.cli.output import hint, print_json
    from sleeptime.cli.swe.session import run_on_store
    from sleeptime.core.outcome import Outcome
    from sleeptime.swe import context

    async def work(store: Store, settings: Settings, progress: Progress) -> IndexSleep:
        return await context.sleep(
            store,
            name,
            replays=replays,
            check=settings.acceptance_rules.check,
            needs_approval=settings.approve,
            keep=settings.keep,
            progress=progress,
            warn=hint,
        )

    slept = run_on_store(work, f"sleeping on {name}", database)
    print_json(_as_dict(slept)) if as_json else _show(slept)
    if slept.outcome is Outcome.FAILED:
        raise typer.Exit(1)


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
