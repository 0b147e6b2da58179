"""Bill: the lines that a sleep and a query with sleep come to, in tokens and USD."""

from __future__ import annotations

from collections.abc import Sequence

from sleeptime.lab.experiments.experiment import Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, Method
from sleeptime.lab.experiments.rows import rows_of
from sleeptime.lab.experiments.serving import Caching, call_prices, calls_of, sleep_prices, sleeps_of


def bill_table(study: Study, methods: Sequence[Method], budget: str, n_queries: int) -> Table:
    """One sleep and one query, line by line, before t.

    Args:
        study: what was played.
        methods: with sleep.
        budget: of the query.
        n_queries: queries that share the prefix in the cache.
    """
    rows = [row for method in methods for row in _lines(study, method, budget, n_queries)]
    return Table(
        "Where the cost comes from",
        ("drafts", "line", "tokens", "nothing cached", "prefix cached"),
        tuple(rows),
        f"Mean tokens, and USD per million sleeps or queries at the prices of {study.price_model} before t; a query at "
        f"`{budget}`, one of {n_queries} about its context. The gate is one score of a query per context, counted "
        "although these arms sleep on every context. Verification is arithmetic.",
    )


def _lines(study: Study, method: Method, budget: str, n_queries: int) -> list[tuple[str, ...]]:
    sleeps = sleeps_of(study, method.sleeps)
    alone, served = (calls_of(rows_of(study, *m.at(budget))) for m in (WITHOUT, method))
    prices = {
        c: (*sleep_prices(study.price, c, sleeps.drafts), *call_prices(study.price, c, n_queries)) for c in Caching
    }
    scored = float((alone.prefix + alone.tail).mean())
    prefix = float(alone.prefix.mean())
    lines = [
        ("sleep: c and instructions, read by the first draft", float(sleeps.read.mean()), 0),
        ("sleep: the same, read by the other drafts", float(sleeps.read_again.mean()), 1),
        ("sleep: drafts, generated", float(sleeps.output.mean()), 2),
        ("sleep: verification", 0.0, 2),
        ("sleep: gate, one score of a query", scored, 4),
        ("query: c and instructions", prefix, 3),
        ("query: c'", float(served.prefix.mean()) - prefix, 3),
        ("query: the question", float(served.tail.mean()), 4),
        ("query: the answer, generated", float(served.output.mean()), 5),
    ]
    return [
        (method.name, line, f"{tokens:,.1f}", *(f"{1e6 * tokens * prices[c][i]:,.2f}" for c in Caching))
        for line, tokens, i in lines
    ]
