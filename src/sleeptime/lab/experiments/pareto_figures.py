"""Figures of `pareto`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sleeptime.lab.figures import Axis, LineChart, Reference, Series, Style, figure_svg
from sleeptime.lab.statistics import CurvePoint, EqualAccuracy, Estimate

STYLES = (Style.FULL, Style.AUTO, Style.MERGE)
"""Of the baseline, of one draft, of merged drafts."""


def draw_curves(curves: Mapping[str, Sequence[CurvePoint]], compared: Sequence[EqualAccuracy]) -> str:
    """Accuracy against output tokens; a line joins what the same accuracy takes with and without sleep.

    Args:
        curves: by method, the baseline first.
        compared: one method with sleep against the baseline, of which the first comparison there is is drawn.
    """
    series = [
        Series.of(
            name,
            [point.spent.mean for point in points],
            [point.accuracy for point in points],
            style,
            [point.label for point in points],
        )
        for (name, points), style in zip(curves.items(), STYLES, strict=True)
    ]
    found = next((e for e in compared if e.ratio is not None and e.spent_without is not None), None)
    if found is not None and found.ratio is not None and found.spent_without is not None:
        ends = (found.spent_with.mean, found.spent_without.mean)
        level = (found.accuracy.mean,) * 2
        more = (
            f"{found.ratio.mean:.1f} times fewer" if found.ratio.mean >= 1 else f"{1 / found.ratio.mean:.1f} times more"
        )
        series.append(Series(f"{more} tokens", ends, level, style=Style.OTHER))
    panel = LineChart(
        "Accuracy against test-time tokens",
        tuple(series),
        Axis("output tokens per query at test time", log=True),
        Axis("right answers", percent=True, limits=(0.0, 1.0), ticks=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    )
    return figure_svg(
        [panel],
        title="Accuracy against test-time tokens, with and without sleep",
        description="; ".join(
            f"{name}: {points[0].accuracy.mean:.0%} for {points[0].spent.mean:.1f} output tokens at {points[0].label}, "
            f"{points[-1].accuracy.mean:.0%} for {points[-1].spent.mean:.1f} at {points[-1].label}"
            for name, points in curves.items()
        ),
    )


def draw_ratios(along: Mapping[str, Mapping[float, Estimate | None]], paper: float) -> str | None:
    """Ratio of tokens against accuracy; None where no accuracy is common.

    Args:
        along: by method, ratio by accuracy.
        paper: figure of the paper, as a line.
    """
    series = []
    for (name, ratios), style in zip(along.items(), STYLES[1:], strict=True):
        found = {accuracy: ratio for accuracy, ratio in ratios.items() if ratio is not None}
        if found:
            series.append(Series.of(name, list(found), list(found.values()), style))
    if not series:
        return None
    panel = LineChart(
        "Fewer tokens at equal accuracy",
        tuple(series),
        Axis("right answers, with and without sleep", percent=True),
        Axis("output tokens without sleep, over those with it", log=True),
        (Reference(paper, "paper, low budgets"), Reference(1.0, "equal")),
    )
    return figure_svg(
        [panel],
        title="How many times fewer output tokens sleep takes for the same accuracy",
        description="; ".join(
            f"{one.label}: {one.y[0]:.1f} times at {one.x[0]:.0%}, {one.y[-1]:.1f} times at {one.x[-1]:.0%}"
            for one in series
        ),
    )
