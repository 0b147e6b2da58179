"""`sleeptime swe ask --model`: an agent makes the change in a scratch folder."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from sleeptime.core.totals import Totals
    from sleeptime.settings import Settings
    from sleeptime.swe.attempt import Attempt


def ask_agent(
    name: str, query: str, model: str, *, steps: int | None, is_diff: bool, database: str | None, as_json: bool
) -> None:
    """Ask, and show what the agent edited; the calls are in the ledger of the context."""
    from sleeptime.cli.output import hint, print_json, say, usd
    from sleeptime.cli.swe.session import interruptible
    from sleeptime.settings import load_settings
    from sleeptime.sources.entry import printable
    from sleeptime.swe.attempt import STEPS

    settings = load_settings(model=model, database_url=database)
    budget = STEPS if steps is None else steps
    with interruptible("the calls that were made are in the ledger"):
        made, totals = asyncio.run(_asked(settings, name, query, budget))
    if as_json:
        print_json(_as_dict(name, query, made, totals, budget))
        return
    for path in made.modified:
        say(printable(path))
    for path in made.created:
        say(f"{path} (new)")
    if is_diff:
        say(made.diff)
    work, used = made.work, totals.usage
    if not made.modified:
        hint("the agent edited no file that is there")
    if work.error is not None:
        hint(f"it broke off: {work.error}")
    read = used.total_tokens - used.output_tokens
    cost = usd(totals.cost_usd)
    hint(f"{work.end} after {work.steps} of {budget} steps, {read:,} tokens in, {used.output_tokens:,} out, {cost}")


async def _asked(settings: Settings, name: str, query: str, steps: int) -> tuple[Attempt, Totals]:
    from sleeptime.cli.output import hint, progress_bar
    from sleeptime.core.call import Phase
    from sleeptime.core.totals import Totals
    from sleeptime.resources import Resources
    from sleeptime.store.calls import StoredCalls
    from sleeptime.swe.agent import check_model
    from sleeptime.swe.asking import ask_agent as ask

    resources = Resources(settings, None, random.Random())
    try:
        store, model = await resources.store(), await resources.model()
        check_model(model)
        calls = StoredCalls(store)
        ledger = resources.traffic(store).led(calls, model)
        with progress_bar(f"asking {name}") as bar:
            made = await ask(
                store,
                resources.metered(model, ledger, Phase.WAKE, name, query_id=uuid4().hex),
                name,
                query,
                steps=steps,
                progress=lambda what, done, total: bar.update(done, total, label=what),
                asking=lambda: bar.update(0, None, label="the agent works"),
                warn=hint,
            )
    finally:
        await resources.close()
    return made, Totals.of(calls.ended)


def _as_dict(name: str, query: str, made: Attempt, totals: Totals, budget: int) -> dict[str, Any]:
    from sleeptime.core.text import kept_text
    from sleeptime.sources.entry import printable

    work = made.work
    return {
        "context": name,
        "query": query,
        "predicted": list(map(printable, made.modified)),
        "created": list(made.created),
        "diff": kept_text(made.diff),
        "end": work.end.value,
        "error": None if work.error is None else str(work.error),
        "steps": work.steps,
        "budget_steps": budget,
        "usage": totals.usage.as_dict(),
        "cost_usd": totals.cost_usd,
    }
