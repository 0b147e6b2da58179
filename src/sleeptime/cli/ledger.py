"""`sleeptime ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import Database, Json

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.ledger.record import Totals
    from sleeptime.ledger.savings import Difference, Group, Saving
    from sleeptime.results import BudgetSaving, Ledger

_COLUMNS = [">calls", ">failed", ">input", ">cached", ">cache write", ">output", ">reasoning", ">cost", ">seconds"]


def ledger(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One context; all of them when left out.", show_default=False)
    ] = None,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show what every model call used and cost, by context, phase and model, and what sleep saved.

    A cost that is not known shows as unknown (null with --json), and so does every sum that it is in.
    """
    from sleeptime.cli.output import hint, print_json
    from sleeptime.cli.run import run

    async def work(sleeptime: Sleeptime) -> Ledger:
        return await sleeptime.ledger(name)

    found = run(work, database_url=database)
    if not found.rows:
        hint("no model call was made yet")
    if as_json:
        print_json(_as_dict(found))
    elif found.rows:
        _show(found)


def _as_dict(found: Ledger) -> dict[str, Any]:
    return {
        "rows": [row.as_dict() for row in found.rows],
        "totals": {phase.value: totals.as_dict() for phase, totals in found.totals.items()},
        "savings": [_saving_dict(item) for item in found.savings],
    }


def _show(found: Ledger) -> None:
    from sleeptime.cli.output import print_table

    rows = [(row.context, row.phase, row.model, row.tier, *_cells(row.totals)) for row in found.rows]
    print_table(["context", "phase", "model", "tier", *_COLUMNS], rows)
    print_table(["total of phase", *_COLUMNS], [(phase, *_cells(totals)) for phase, totals in found.totals.items()])
    if found.savings:
        _show_savings(found.savings)


def _cells(totals: Totals) -> tuple[object, ...]:
    from sleeptime.cli.output import usd

    usage = totals.usage
    counts = (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens)
    generated = (usage.output_tokens, usage.reasoning_tokens)
    cost = usd(totals.cost_usd)
    if totals.unknown_calls and totals.known_cost_usd:
        cost = f"unknown, at least {usd(totals.known_cost_usd)}"
    numbers = (totals.calls, totals.failed_calls, *counts, *generated)
    return (*(f"{number:,}" for number in numbers), cost, f"{totals.latency_s:,.1f}")


def _saving_dict(item: BudgetSaving) -> dict[str, Any]:
    from dataclasses import asdict

    from sleeptime.ledger.savings import PAPER_T

    saving = item.saving
    differences = {name: getattr(saving, name) for name in ("output_tokens", "cost_usd", "latency_s")}
    return {
        "budget": item.budget,
        "with_notes": asdict(saving.with_notes),
        "without_notes": asdict(saving.without_notes),
        "saved_per_query": {name: value and asdict(value) for name, value in differences.items()},
        "break_even_queries": saving.break_even_queries(),
        "paper_costs": [_paper_dict(saving, t) for t in PAPER_T],
    }


def _paper_dict(saving: Saving, t: float) -> dict[str, Any]:
    with_notes, without_notes = saving.paper_costs(t) or (None, None)
    return {
        "t": t,
        "with_notes": with_notes,
        "without_notes": without_notes,
        "break_even_queries": saving.paper_break_even_queries(t),
    }


def _show_savings(savings: tuple[BudgetSaving, ...]) -> None:
    from sleeptime.cli.output import print_table
    from sleeptime.ledger.savings import PAPER_T

    rows = []
    for item in savings:
        saving = item.saving
        groups = (_group(saving.with_notes), _group(saving.without_notes))
        is_priced = saving.cost_usd is not None and saving.sleep.cost_usd is not None
        in_usd = _queries(saving.break_even_queries()) if is_priced else "unknown"
        in_tokens = _queries(saving.paper_break_even_queries(PAPER_T[0]))
        rows.append((item.budget, *groups, _difference(saving.output_tokens), in_usd, in_tokens))
    pays = [">pays in USD after", f">pays in tokens at t = {PAPER_T[0]:g} after"]
    print_table(
        ["budget", "with notes", "without", ">output tokens saved per query", *pays], rows, title="saved by sleep"
    )


def _queries(break_even: int | None) -> str:
    return "never" if break_even is None else f"{break_even:,} queries"


def _group(group: Group) -> str:
    return f"{group.queries:,} queries, {group.output_tokens or 0:,.1f} output tokens each"


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return "unknown"
    if difference.low is None or difference.high is None:
        return f"{difference.mean:,.1f}"
    return f"{difference.mean:,.1f} (95 %: {difference.low:,.1f} to {difference.high:,.1f})"
