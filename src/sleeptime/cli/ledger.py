"""`sleeptime ledger`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sleeptime.cli.options import Database, Json
from sleeptime.core.counted import counted

if TYPE_CHECKING:
    from rich.table import Table

    from sleeptime.app import Sleeptime
    from sleeptime.core.spend import Lane, Spend
    from sleeptime.core.totals import Totals
    from sleeptime.ledger.savings import Difference, Group, Saving
    from sleeptime.results import BudgetSaving, CapLeft, Ledger
    from sleeptime.store.entry import AgentQuery
    from sleeptime.store.listed import Listed

_TITLE_CHARS = 60
"""So much is shown of a query."""
_COLUMNS = [">calls", ">failed", ">input", ">cached", ">cache write", ">output", ">reasoning", ">cost", ">seconds"]


def ledger(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One context; all of them when left out.", show_default=False)
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Contexts that are shown: those that used most tokens.")
    ] = 100,
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Show what every model call used and cost, what sleep may still spend today, and what it saved.

    A cost that is not known shows as unknown (null with --json), and so does every sum that it is in. Calls that have
    not ended, and those that were lost with their process, are marked. Days are UTC dates.
    """
    from sleeptime.cli.output import hint, print_json, print_parts
    from sleeptime.cli.run import run
    from sleeptime.store.listed import COUNTED

    async def work(sleeptime: Sleeptime) -> Ledger:
        return await sleeptime.ledger(name, limit=limit)

    found = run(work, database_url=database)
    if not found.rows:
        hint("no model call was made yet")
    if as_json:
        print_json(_as_dict(found))
        return
    if found.rows:
        _show(found)
        print_parts(today_table(found.day, found.today))
    if any(item.cap for item in found.caps):
        print_parts(caps_table(found.caps))
    if name is None and found.contexts > limit:
        number = f"{found.contexts:,}" + (" or more" if found.contexts == COUNTED else "")
        hint(f"{limit:,} of {number} contexts are shown; the totals are over all of them")


def _as_dict(found: Ledger) -> dict[str, Any]:
    return {
        "rows": [row.as_dict() for row in found.rows],
        "totals": {phase.value: totals.as_dict() for phase, totals in found.totals.items()},
        "savings": [_saving_dict(item) for item in found.savings],
        "by_agent": {"count": found.by_agent.count, "items": [_agent_dict(item) for item in found.by_agent.items]},
        "contexts": found.contexts,
        **spend_dict(found.day, found.today, found.caps),
    }


def spend_dict(day: str, today: Mapping[Lane, Spend], caps: Iterable[CapLeft]) -> dict[str, Any]:
    """What was spent on a day, and the caps, as `--json` prints them."""
    from dataclasses import asdict

    return {
        "day": day,
        "today": {lane.value: asdict(spend) for lane, spend in today.items()},
        "caps": {item.scope.value: _cap_dict(item) for item in caps},
    }


def _cap_dict(item: CapLeft) -> dict[str, Any]:
    left = None if item.spend is None else {"tokens": item.left.max_tokens, "usd": item.left.max_usd}
    return {"max_tokens": item.cap.max_tokens, "max_usd": item.cap.max_usd, "left": left}


def _show(found: Ledger) -> None:
    from sleeptime.cli.output import print_table

    rows = [(row.context, row.phase, row.model, row.tier, *_cells(row.totals)) for row in found.rows]
    print_table(["context", "phase", "model", "tier", *_COLUMNS], rows)
    print_table(["total of phase", *_COLUMNS], [(phase, *_cells(totals)) for phase, totals in found.totals.items()])
    if found.savings:
        _show_savings(found.savings)
    if found.by_agent.items:
        _show_by_agent(found.by_agent)


def today_table(day: str, today: Mapping[Lane, Spend]) -> Table:
    """What was spent on a day, by lane."""
    from sleeptime.cli.output import table, usd

    rows = []
    for lane, spend in today.items():
        cost = f"at least {usd(spend.cost_usd)}" if spend.unpriced_calls else usd(spend.cost_usd)
        under_way = f"{spend.reserved_tokens:,} tokens, {usd(spend.reserved_usd)}"
        in_doubt = f"{spend.doubt_tokens:,} tokens, {usd(spend.doubt_usd)}"
        rows.append((lane, f"{spend.calls:,}", f"{spend.tokens:,}", cost, under_way, in_doubt))
    return table([day, ">calls", ">tokens", ">cost", ">under way, at most", ">in doubt, at most"], rows)


def caps_table(caps: Iterable[CapLeft]) -> Table:
    """The caps on sleep, and what they leave."""
    from sleeptime.cli.output import table, usd
    from sleeptime.core.caps import PER

    rows: list[tuple[object, ...]] = []
    for item in caps:
        cap, left = item.cap, item.left
        if cap.max_tokens is not None:
            rest = f"{left.max_tokens:,} tokens" if item.spend is not None else ""
            rows.append((PER[item.scope], f"{cap.max_tokens:,} tokens", rest))
        if cap.max_usd is not None:
            rows.append((PER[item.scope], usd(cap.max_usd), usd(left.max_usd) if item.spend is not None else ""))
    return table(["sleep may spend", ">at most", ">left today"], rows)


def _cells(totals: Totals) -> tuple[object, ...]:
    from sleeptime.cli.output import usd

    usage = totals.usage
    counts = (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens)
    generated = (usage.output_tokens, usage.reasoning_tokens)
    cost = usd(totals.cost_usd)
    if totals.unknown_calls and totals.known_cost_usd:
        cost = f"unknown, at least {usd(totals.known_cost_usd)}"
    marks = {"running": totals.running_calls, "lost": totals.lost_calls}
    calls = ", ".join([f"{totals.calls:,}", *(f"{number:,} {mark}" for mark, number in marks.items() if number)])
    numbers = (totals.failed_calls, *counts, *generated)
    return (calls, *(f"{number:,}" for number in numbers), cost, f"{totals.latency_s:,.1f}")


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


def _agent_dict(item: AgentQuery) -> dict[str, Any]:
    query = item.query
    return {
        "query_id": query.id,
        "at": query.at.isoformat(),
        "query": query.text,
        "budget": query.budget,
        "last_call": item.last_call,
        "predicted": query.answer.splitlines(),
        "notes_used": list(query.notes_used),
        "version": query.learned,
        "usage": query.usage.as_dict(),
        "cost_usd": query.cost_usd,
        "latency_s": query.latency_s,
    }


def _show_by_agent(by_agent: Listed[AgentQuery]) -> None:
    from sleeptime.cli.output import hint, print_table, usd

    rows = []
    for item in by_agent.items:
        query = item.query
        title = query.text.strip().splitlines()[0]
        rows.append(
            (
                f"{query.at:%Y-%m-%d %H:%M}",
                title if len(title) <= _TITLE_CHARS else f"{title[: _TITLE_CHARS - 3]}...",
                query.budget,
                item.last_call,
                f"{len(query.answer.splitlines()):,}",
                f"{len(query.notes_used):,}",
                f"{query.usage.total_tokens:,}",
                usd(query.cost_usd),
                f"{query.latency_s:,.1f}",
            )
        )
    columns = ["asked (UTC)", "query", "budget", "last call", ">files", ">notes", ">tokens", ">cost", ">seconds"]
    print_table(columns, rows, title="asked of an agent; not compared with other queries")
    if by_agent.more:
        hint(f"{len(rows)} of {by_agent.count:,} queries of an agent are shown, the newest")


def _queries(break_even: int | None) -> str:
    return "never" if break_even is None else counted(break_even, "query", "queries")


def _group(group: Group) -> str:
    return f"{counted(group.queries, 'query', 'queries')}, {group.output_tokens or 0:,.1f} output tokens each"


def _difference(difference: Difference | None) -> str:
    if difference is None:
        return "unknown"
    if difference.low is None or difference.high is None:
        return f"{difference.mean:,.1f}"
    return f"{difference.mean:,.1f} (95 %: {difference.low:,.1f} to {difference.high:,.1f})"
