"""Figures of `parallel` and `budget-matched`: accuracy against tokens, beside what they buy without sleep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sleeptime.lab.experiments.pareto_figures import RIGHT, STYLES
from sleeptime.lab.figures import Axis, LineChart, Series, Style, figure_svg
from sleeptime.lab.statistics import CurvePoint, Estimate

SLEPT = STYLES[1:]


def draw_parallel(
    oracle: Sequence[tuple[float, Estimate]],
    majority: Sequence[tuple[float, Estimate]],
    slept: Mapping[str, Sequence[CurvePoint]],
) -> str:
    """k attempts, judged by an oracle and by majority, and methods with sleep.

    Args:
        oracle: output tokens and pass@k.
        majority: output tokens and majority@k.
        slept: by method, one point per budget.
    """
    series = [
        Series.of("pass@k (oracle)", [x for x, _ in oracle], [y for _, y in oracle], Style.ORACLE),
        Series.of("majority@k", [x for x, _ in majority], [y for _, y in majority], Style.FULL),
    ]
    for (name, points), style in zip(slept.items(), SLEPT, strict=True):
        budgets = [p.label if p in (points[0], points[-1]) else "" for p in points]
        series.append(Series.of(name, [p.spent.mean for p in points], [p.accuracy for p in points], style, budgets))
    panel = LineChart(
        "Many cheap answers, or sleep", tuple(series), Axis("output tokens per query at test time", log=True), RIGHT
    )
    last = oracle[-1]
    return figure_svg(
        [panel],
        title="Accuracy against test-time tokens: k answers of the lowest budget, and sleep",
        description=f"An oracle among the most answers is right in {last[1].mean:.0%} for {last[0]:.0f} output tokens; "
        + "; ".join(f"{name} in {p[0].accuracy.mean:.0%} for {p[0].spent.mean:.1f}" for name, p in slept.items()),
    )


def draw_matched(
    panels: Mapping[int, Mapping[str, Sequence[tuple[float, Estimate, str]]]],
    frontier: tuple[Sequence[float], Sequence[float]],
) -> str:
    """One panel per number of queries per context.

    Args:
        panels: by N and by method: all output tokens per query, accuracy, and budget.
        frontier: tokens and the best accuracy that they buy without sleep, up to the most that were spent so.
    """
    drawn = [
        LineChart(
            "1 query per context" if n_queries == 1 else f"{n_queries} queries per context",
            (
                *_without(*frontier, max(x for points in methods.values() for x, _, _ in points)),
                *(
                    Series.of(name, [x for x, _, _ in points], [y for _, y, _ in points], style)
                    for (name, points), style in zip(methods.items(), SLEPT, strict=True)
                ),
            ),
            Axis("all output tokens per query, log scale", log=True),
            RIGHT,
        )
        for n_queries, methods in panels.items()
    ]
    return figure_svg(
        drawn,
        title="Equal tokens in all: the sleep shared by N queries per context",
        description="Accuracy with sleep against all output tokens per query, the share of the sleep included, and the "
        "best accuracy that as many tokens buy without sleep.",
        columns=2,
    )


def _without(tokens: Sequence[float], best: Sequence[float], most: float) -> list[Series]:
    """The frontier, and level after it where sleep takes more than any way without it did."""
    lines = [Series("best without sleep", tuple(tokens), tuple(best), style=Style.FULL)]
    if most > tokens[-1]:
        lines.append(Series("at least", (tokens[-1], most), (best[-1], best[-1]), style=Style.ORACLE))
    return lines
