"""`sleeptime demo`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from sleeptime.cli.options import Json

if TYPE_CHECKING:
    from sleeptime.demo import Demo, DemoContext, Served, Totals


def demo(
    seed: Annotated[int, typer.Option(help="Which contexts are made; another seed makes others.")] = 0,
    as_json: Json = False,
) -> None:
    """Run the main job offline on the embedded model nano: add, sleep, ask, with and without notes.

    Each query is asked three times: with notes at v1 (one step and the answer), without notes at v2, at which nano is
    about as often right, and without notes at v1.
    """
    from sleeptime.cli.output import print_json, progress_bar
    from sleeptime.demo import run_demo

    with progress_bar("drawing contexts") as bar:
        found = asyncio.run(run_demo(seed, lambda done, total, label: bar.update(done, total, label=label)))
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found)


def _show(found: Demo) -> None:
    from sleeptime.cli.output import say

    say(f"Three contexts that {found.model} has never seen (seed {found.seed}). It sleeps on each, then is asked.")
    for context in found.contexts:
        _show_context(context)
    _show_totals(found.totals)
    say(f"Other contexts: sleeptime demo --seed {found.seed + 1}")


def _show_context(context: DemoContext) -> None:
    from sleeptime.cli.output import print_table, say

    say(f"\n{context.name}: {context.text}")
    say(f"  slept: {len(context.notes)} notes, {context.sleep.output_tokens} output tokens, such as")
    for note in context.notes[:3]:
        say(f"    {note}")
    columns = ("query", ">true", "route", *(cell for arm in _arms() for cell in (arm, ">out")))
    rows = [
        (
            query.query,
            query.expected,
            query.with_sleep.route,
            *(
                cell
                for served in (query.with_sleep, query.without_sleep, query.without_sleep_same_budget)
                for cell in (_marked(served), served.output_tokens)
            ),
        )
        for query in context.queries
    ]
    print_table(columns, rows)


def _arms() -> tuple[str, str, str]:
    """Headings of the three ways in which each query is asked."""
    from sleeptime.demo import BASELINE_BUDGET, BUDGET

    return f"with sleep, {BUDGET}", f"without, {BASELINE_BUDGET}", f"without, {BUDGET}"


def _marked(served: Served) -> str:
    """The number that was answered, right or wrong."""
    from sleeptime.lab.answers import final_number

    number = final_number(served.answer)
    return "unscored" if number is None else f"{number} {'right' if served.correct else 'wrong'}"


def _show_totals(totals: Totals) -> None:
    from sleeptime.cli.output import print_table, say

    num_queries = totals.num_queries
    arms = (
        (totals.accuracy_with, totals.output_tokens_with),
        (totals.accuracy_without, totals.output_tokens_without),
        (totals.accuracy_without_same_budget, totals.output_tokens_without_same_budget),
    )
    print_table(
        ("arm", ">right", ">output tokens", ">per query"),
        [
            (name, f"{share:.0%}", tokens, f"{tokens / num_queries:.1f}")
            for name, (share, tokens) in zip(_arms(), arms, strict=True)
        ],
        title=f"test time, {num_queries} queries",
    )
    print_table(
        (">t", *(f">{arm}" for arm in _arms()[:2]), ">break-even queries"),
        [
            (f"{cost.t:g}", f"{cost.with_sleep:.1f}", f"{cost.without_sleep:.1f}", cost.break_even_queries or "never")
            for cost in totals.cost_per_query
        ],
        title=f"cost per query in sleep tokens, {totals.queries_per_context} queries per context",
    )
    say(
        f"Sleep took {totals.sleep_output_tokens} output tokens. One test-time token costs as much as t sleep tokens "
        "(arXiv:2504.13171, section 5.3)."
    )
