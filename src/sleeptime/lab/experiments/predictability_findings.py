"""What predictability found, as tables, claims and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.predictability import BINS, BUDGET, Foretold, Gains
from sleeptime.lab.experiments.wording import NONE, figures, percent, points
from sleeptime.lab.figures import Axis, BarChart, ReliabilityChart, Series, Style, figure_svg
from sleeptime.lab.statistics import Bin, Bootstrap, Calibration, Estimate, Trend
from sleeptime.lab.statistics.estimate import Floats

SURE: Final = 0.05
"""A trend with a p-value below counts as one: of twenty without any, one is expected to look like one."""
_STYLES: Final = (Style.SLEEP, Style.AUTO, Style.OTHER)


def findings_of(study: Study, gains: Sequence[Gains], steps: Floats | None, bootstrap: Bootstrap) -> Findings:
    """Everything that is reported; the first method is the main one."""
    main = gains[0]
    tables = [_bins_table(main, found, steps, bootstrap) for found in main.foretold[:2]]
    return Findings(
        summary=_summary(main, bootstrap),
        tables=(*tables, _trends_table(gains, steps), _single_table(gains)),
        figures=_figures(main),
        claims=_claims(study, main, steps),
        data={
            "budget": BUDGET,
            "methods": {each.method.name: _data(each, bootstrap) for each in gains},
            "steps_known": steps is not None,
        },
    )


def _bins_table(gains: Gains, found: Foretold, steps: Floats | None, bootstrap: Bootstrap) -> Table:
    contexts = np.array(gains.alone.contexts)
    rows = []
    used = [number for number in range(BINS) if (found.index == number).any()]
    for number, each in zip(used, found.bins, strict=True):
        inside = found.index == number
        within = contexts[inside].tolist()
        rows.append(
            (
                str(number + 1),
                f"{each.low:.2f} to {each.high:.2f}",
                percent(bootstrap.share(gains.alone.right[inside], within)),
                percent(bootstrap.share(gains.slept.right[inside], within)),
                points(each.figure),
                NONE if steps is None else f"{steps[inside].mean():.1f}",
                str(each.figure.n),
            )
        )
    header = ("quintile", "score", "without sleep", "with sleep", "gap", "mean steps", "n")
    note = (
        f"At {BUDGET}, with {gains.method.name}; the score is in nats. Unscored replies: {gains.alone.unscored} "
        f"without sleep, {gains.slept.unscored} with."
    )
    return Table(f"Gap by {found.score.name}", header, tuple(rows), note)


def _trends_table(gains: Sequence[Gains], steps: Floats | None) -> Table:
    rows = [
        (each.method.name, found.score.name, *_trend_cells(found.trend), *_trend_cells(found.trend_at_fixed_steps))
        for each in gains
        for found in each.foretold
    ]
    header = ("with", "score", "rank correlation with the gap", "p", "with steps held fixed", "p")
    flips = gains[0].foretold[0].trend.flips
    note = (
        f"Spearman's correlation; p from a test that flips the signs of whole contexts ({flips:,} flips), two-sided: "
        "the chance of so strong a trend where there is none."
    )
    if steps is None:
        note += " These problems do not say how many steps they take, so nothing can be held fixed."
    return Table("Does the gap rise with the score?", header, tuple(rows), note)


def _trend_cells(found: Trend | None) -> tuple[str, str]:
    if found is None or found.correlation is None:
        return NONE, NONE
    return _plain(found.correlation), NONE if found.p is None else f"{found.p:.4f}"


def _single_table(gains: Sequence[Gains]) -> Table:
    rows = []
    for each in gains:
        share = float((each.gap > 0).mean())
        for found in each.foretold:
            fitted = found.calibration
            rows.append(
                (
                    each.method.name,
                    found.score.name,
                    f"{100 * share:.1f} %",
                    _plain(found.auc),
                    _plain(found.auc_at_fixed_steps),
                    NONE if fitted is None else _plain(fitted.expected_error, signed=False),
                    NONE if fitted is None else _plain(fitted.brier, signed=False),
                    NONE if fitted is None else f"{fitted.brier_base:.3f}",
                )
            )
    header = ("with", "score", "queries that sleep turns right", "AUC", "AUC, steps held fixed", "calibration error")
    note = (
        "Of a single query: does sleep turn an answer that was not right into a right one? AUC is the chance that "
        "such a query scores above another one (0.5: the score says nothing). The chance of it is fitted by logistic "
        "regression in other contexts; its Brier score has to beat that of always saying the overall share. The "
        "calibration error is above 0 even for perfect predictions, and its resamples add to that."
    )
    return Table(
        "Foretelling the gain of a single query", (*header, "Brier score", "of the overall share"), tuple(rows), note
    )


def _plain(found: Estimate | None, *, signed: bool = True) -> str:
    if found is None:
        return NONE
    form = "+.3f" if signed and found.mean < 0 else ".3f"
    interval = "" if found.low is None or found.high is None else f" ({found.low:.3f} to {found.high:.3f})"
    return f"{found.mean:{form}}{interval}"


def _figures(main: Gains) -> tuple[Figure, ...]:
    charts = [
        BarChart(
            title,
            tuple(_range(each) for each in found.bins),
            (Series.of("gap", range(len(found.bins)), [each.figure for each in found.bins], Style.SLEEP),),
            Axis("gain by sleep", percent=True),
            Axis("quintile of the score, in nats"),
        )
        for title, found in zip(("Raw score", "Score per token"), main.foretold, strict=False)
    ]
    caption = (
        f"Accuracy with sleep less accuracy without, at {BUDGET}, by quintile of log P(query given context), raw and "
        "per token. Bars are 95 % intervals."
    )
    made = [Figure("predictability", caption, figure_svg(charts, title="Predictability", description=caption))]
    fitted = [
        (found.score.name, found.calibration, style)
        for found, style in zip(main.foretold, _STYLES, strict=False)
        if found.calibration is not None
    ]
    if fitted:
        said = (
            "Chance that sleep turns the answer to a query right, as foretold from other contexts, against how often "
            "it did; on the diagonal the two agree. Bars are 95 % intervals."
        )
        panels = [ReliabilityChart(name, (_reliability(name, found, style),)) for name, found, style in fitted]
        svg = figure_svg(panels, title="Foretelling a single query's gain", description=said)
        made.append(Figure("predictability-calibration", said, svg))
    return tuple(made)


def _reliability(name: str, found: Calibration, style: Style) -> Series:
    return Series.of(name, [each.predicted for each in found.bins], [each.observed for each in found.bins], style)


def _range(each: Bin) -> str:
    return f"{each.low:.2f} to\n{each.high:.2f}"


def _claims(study: Study, main: Gains, steps: Floats | None) -> tuple[Claim, ...]:
    raw, per_token = main.foretold[:2]
    asked: list[tuple[str, Trend | None]] = [
        ("the paper: the gap grows with log P(q given c)", raw.trend),
        ("the gap grows with log P(q given c) per token", per_token.trend),
    ]
    if steps is not None:
        asked += [
            ("the gap grows with log P(q given c) among queries of equal steps", raw.trend_at_fixed_steps),
            ("the gap grows with it per token among queries of equal steps", per_token.trend_at_fixed_steps),
        ]
    return tuple(_claim(study, target, found) for target, found in asked)


def _claim(study: Study, target: str, found: Trend | None) -> Claim:
    """Met where the trend is told from none and rises; missed where it falls; else open."""
    if found is None or found.correlation is None or found.p is None:
        return Claim(target, f"no trend can be measured, n = {len(study.problems)}", None)
    measured = f"rank correlation {_plain(found.correlation)}, p = {found.p:.4f}, n = {found.correlation.n}"
    is_met = found.correlation.mean > 0 if found.p < SURE else None
    return Claim(target, measured, None if study.is_quick else is_met)


def _summary(main: Gains, bootstrap: Bootstrap) -> str:
    raw, per_token = main.foretold[:2]
    said = [
        f"With {main.method.name}, sleep turns {100 * float((main.gap > 0).mean()):.1f} % of the queries from not "
        f"right to right at `{BUDGET}` and {100 * float((main.gap < 0).mean()):.1f} % the other way: a gap of "
        f"{points(bootstrap.mean(main.gap, main.alone.contexts))}.",
        f"By quintile of the raw score the gap goes from {points(raw.bins[0].figure)} to "
        f"{points(raw.bins[-1].figure)}: {_in_words(raw.trend)}.",
        f"Per token: {_in_words(per_token.trend)}.",
    ]
    if raw.trend_at_fixed_steps is not None:
        said.append(
            f"Among queries of equal steps: {_in_words(raw.trend_at_fixed_steps)} with the raw score, and "
            f"{_in_words(per_token.trend_at_fixed_steps)} per token."
        )
    if raw.auc is not None:
        told = [f"{found.score.name} {_plain(found.auc)}" for found in main.foretold if found.auc is not None]
        said.append(
            f"How well it foretells the gain of a single query, as the area under the ROC curve: {'; '.join(told)}."
        )
    else:
        said.append("Sleep turned no query right, or every one, so nothing can be foretold of a single one.")
    return " ".join(said)


def _in_words(found: Trend | None) -> str:
    if found is None or found.correlation is None or found.p is None:
        return "no trend can be measured"
    if found.p >= SURE:
        return f"no trend that is told from none (rank correlation {_plain(found.correlation)}, p = {found.p:.3f})"
    direction = "a rise" if found.correlation.mean > 0 else "a fall"
    return f"{direction} (rank correlation {_plain(found.correlation)}, p = {found.p:.4f})"


def _data(gains: Gains, bootstrap: Bootstrap) -> dict[str, Any]:
    return {
        "accuracy": {
            "without": figures(gains.alone.accuracy(bootstrap)),
            "with": figures(gains.slept.accuracy(bootstrap)),
        },
        "unscored": {"without": gains.alone.unscored, "with": gains.slept.unscored},
        "gap": figures(bootstrap.mean(gains.gap, gains.alone.contexts)),
        "turned_right": float((gains.gap > 0).mean()),
        "turned_wrong": float((gains.gap < 0).mean()),
        "scores": {found.score.name: _score_data(found) for found in gains.foretold},
    }


def _score_data(found: Foretold) -> dict[str, Any]:
    fitted = found.calibration
    return {
        "bins": [{"low": each.low, "high": each.high, "gap": figures(each.figure)} for each in found.bins],
        "trend": _trend_data(found.trend),
        "trend_at_fixed_steps": _trend_data(found.trend_at_fixed_steps),
        "auc": figures(found.auc),
        "auc_at_fixed_steps": figures(found.auc_at_fixed_steps),
        "calibration": None
        if fitted is None
        else {
            "expected_error": figures(fitted.expected_error),
            "brier": figures(fitted.brier),
            "brier_of_the_overall_share": fitted.brier_base,
            "bins": [{"predicted": each.predicted, "observed": figures(each.observed)} for each in fitted.bins],
        },
    }


def _trend_data(found: Trend | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"rank_correlation": figures(found.correlation), "p": found.p, "flips": found.flips}
