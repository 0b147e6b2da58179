"""`sleeptime swe ask --model`: an agent makes the change in a scratch folder."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from sleeptime.settings import Settings
    from sleeptime.store.calls import StoredCalls
    from sleeptime.swe.asking import Asked


def ask_agent(
    name: str, query: str, model: str, *, steps: int | None, is_diff: bool, database: str | None, as_json: bool
) -> None:
    """Ask, and show what the agent edited; the query and its calls are in the ledger of the context.

    Raises:
        Exit: it broke off, or could not be kept; what it edited was shown.
    """
    from sleeptime.cli.output import fail, print_json
    from sleeptime.cli.run import command_settings
    from sleeptime.cli.swe.session import interruptible
    from sleeptime.swe.attempt import STEPS

    settings = command_settings(model=model, database_url=database)
    budget = STEPS if steps is None else steps
    with interruptible("the calls that were made are in the ledger"):
        asked = asyncio.run(_asked(settings, name, query, budget))
    print_json(_as_dict(asked, budget)) if as_json else _show(asked, budget, is_diff=is_diff)
    if asked.error is not None:
        fail(str(asked.error))
        raise typer.Exit(1)


async def _asked(settings: Settings, name: str, query: str, steps: int) -> Asked:
    from sleeptime.cli.output import hint, progress_bar
    from sleeptime.core.call import Phase
    from sleeptime.resources import Resources
    from sleeptime.swe.agent import check_model
    from sleeptime.swe.asking import ask_agent as ask

    resources = Resources(settings, None, random.Random())
    try:
        store, model = await resources.store(), await resources.model()
        check_model(model)

        def metered(calls: StoredCalls, query_id: str) -> Model:
            ledger = resources.traffic(store).led(calls, model)
            return resources.metered(model, ledger, Phase.WAKE, name, query_id=query_id)

        with progress_bar(f"asking {name}") as bar:
            return await ask(
                store,
                metered,
                name,
                query,
                steps=steps,
                progress=lambda what, done, total: bar.update(done, total, label=what),
                asking=lambda: bar.update(0, None, label="the agent works"),
                warn=hint,
                telemetry=resources.telemetry(),
            )
    finally:
        await resources.close()


def _show(asked: Asked, budget: int, *, is_diff: bool) -> None:
    from sleeptime.cli.output import hint, say, usd
    from sleeptime.core.counted import counted
    from sleeptime.sources.entry import printable

    made, kept = asked.made, asked.query
    for path in made.modified:
        say(printable(path))
    for path in made.created:
        say(f"{path} (new)")
    if is_diff:
        say(made.diff)
    if not made.modified:
        hint("the agent edited no file that is there")
    work, usage = made.work, kept.usage
    read = usage.total_tokens - usage.output_tokens
    notes = f"{counted(len(kept.notes_used), 'note')} told, " if kept.notes_used else ""
    spent = f"{read:,} tokens in, {usage.output_tokens:,} out, {usd(kept.cost_usd)}, {kept.latency_s:.1f} s"
    hint(f"{work.end} after {work.steps} of {budget} steps, {notes}{spent}")


def _as_dict(asked: Asked, budget: int) -> dict[str, Any]:
    from sleeptime.core.text import kept_text
    from sleeptime.sources.entry import printable

    made, kept = asked.made, asked.query
    return {
        "context": kept.context,
        "query": kept.text,
        "predicted": list(map(printable, made.modified)),
        "created": list(made.created),
        "diff": kept_text(made.diff),
        "end": made.work.end.value,
        "error": None if asked.error is None else str(asked.error),
        "steps": made.work.steps,
        "budget_steps": budget,
        "notes_used": list(kept.notes_used),
        "version": kept.learned,
        "usage": kept.usage.as_dict(),
        "cost_usd": kept.cost_usd,
        "latency_s": kept.latency_s,
        "query_id": kept.id,
    }
