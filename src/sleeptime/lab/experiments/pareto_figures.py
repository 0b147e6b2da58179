"""Figures of `pareto`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sleeptime.lab.figures import Axis, LineChart, Reference, Series, Style, figure_svg
from sleeptime.lab.statistics import CurvePoint, EqualAccuracy, Estimate

STYLES = (Style.FULL, Style.AUTO, Style.MERGE)
"""Of the baseline, of one draft, of merged drafts."""
RIGHT = Axis("right answers", percent=True, limits=(0.0, 1.1), ticks=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
"""With room above 100 % for names."""


def draw_curves(curves: Mapping[str, Sequence[CurvePoint]], compared: Sequence[EqualAccuracy]) -> str:
    """Accuracy against output tokens; the title says what one accuracy takes with and without sleep.

    Args:
        curves: by method, the baseline first.
        compared: one method with sleep against the baseline, of which the first comparison there is is told.
    """
    series = [
        Series.of(
            name,
            [point.spent.mean for point in points],
            [point.accuracy for point in points],
            style,
            # With sleep the budgets lie close together: the ends tell where the line begins and goes.
            [p.label if style is Style.FULL or p in (points[0], points[-1]) else "" for p in points],
        )
        for (name, points), style in zip(curves.items(), STYLES, strict=True)
    ]
    panel = LineChart(
        _told(compared),
        tuple(series),
        Axis("output tokens per query at test time", log=True),
        RIGHT,
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


def _told(compared: Sequence[EqualAccuracy]) -> str:
    for e in compared:
        if e.spent_without is not None:
            return (
                f"{e.accuracy.mean:.0%} right: {e.spent_with.mean:.1f} output tokens with sleep, "
                f"{e.spent_without.mean:.1f} without"
            )
    return "Accuracy against test-time tokens"


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
