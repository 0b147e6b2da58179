"""Figures of sleep scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sleeptime.lab.experiments.experiment import Figure
from sleeptime.lab.figures import Axis, LineChart, Series, Style, figure_svg
from sleeptime.sleep.settings import Combine

if TYPE_CHECKING:
    from sleeptime.lab.experiments.sleep_scaling import Scaling

_LOOKS: Final = {Combine.MERGE: ("merged", Style.MERGE), Combine.CONCAT: ("concatenated", Style.CONCAT)}


def figures_of(scaling: Scaling) -> tuple[Figure, ...]:
    """Accuracy, and the length of prompts, by the number of drafts."""
    bootstrap = scaling.bootstrap
    accuracy, length = [], []
    for combine, scaled in scaling.by_combine.items():
        label, style = _LOOKS[combine]
        drafts = [float(each.drafts) for each in scaled]
        accuracy.append(Series.of(label, drafts, [each.answers.accuracy(bootstrap) for each in scaled], style))
        tokens = [bootstrap.mean(each.answers.input, each.answers.contexts) for each in scaled]
        length.append(Series.of(label, drafts, tokens, style))
    budget = scaling.by_combine[Combine.MERGE][0].answers.budget
    drafts_axis = Axis("drafts (k)", log=True, ticks=tuple(accuracy[0].x))
    charts = (
        LineChart(f"Accuracy at {budget}", tuple(accuracy), drafts_axis, Axis("right", percent=True)),
        LineChart("Length of prompts", tuple(length), drafts_axis, Axis("input tokens of an answer")),
    )
    caption = (
        f"Accuracy at {budget}, and input tokens of an answer, by the number of drafts, merged by vote or "
        "concatenated as in the paper. Bands are 95 % intervals."
    )
    return (Figure("sleep-scaling", caption, figure_svg(charts, title="Sleep scaling", description=caption)),)
