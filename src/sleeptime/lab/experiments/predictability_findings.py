"""What predictability found, as tables, claims and words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.predictability import BUDGET, Foretold, Gains
from sleeptime.lab.experiments.predictability_bins import BINS, FEWEST_PER_BIN, FixedSteps, GapBin
from sleeptime.lab.experiments.wording import NONE, figures, percent, points
from sleeptime.lab.figures import Axis, BarChart, ReliabilityChart, Series, Style, figure_svg
from sleeptime.lab.statistics import Bootstrap, Calibration, Estimate, Trend
from sleeptime.lab.statistics.estimate import Floats

SURE: Final = 0.05
"""A trend with a p-value below counts as one: of twenty without any, one is expected to look like one."""
_STYLES: Final = (Style.SLEEP, Style.AUTO, Style.OTHER)


def findings_of(study: Study, gains: Sequence[Gains], steps: Floats | None, bootstrap: Bootstrap) -> Findings:
    """Everything that is reported; the first method is the main one."""
    main = gains[0]
    scored = main.foretold[:2]
    held = [(found, found.at_fixed_steps) for found in scored if found.at_fixed_steps is not None]
    return Findings(
        summary=_summary(main, bootstrap),
        tables=(
            *(_bins_table(main, found) for found in scored),
            *(_fixed_table(main, found, fixed) for found, fixed in held),
            *([_steps_table(main, held)] if held else []),
            _trends_table(gains, steps),
            _single_table(gains),
        ),
        figures=_figures(main),
        claims=_claims(study, main, steps),
        data={
            "budget": BUDGET,
            "methods": {each.method.name: _data(each, bootstrap) for each in gains},
            "steps_known": steps is not None,
        },
    )


def _bins_table(gains: Gains, found: Foretold) -> Table:
    rows = [(*cells[:1], f"{each.low:.2f} to {each.high:.2f}", *cells[1:]) for each, cells in _rows(found.bins)]
    header = ("quintile", "score", "without sleep", "with sleep", "gap", "mean steps", "n")
    note = f"At {BUDGET}, with {gains.method.name}; the score is in nats. {_unscored(gains)}"
    return Table(f"Gap by {found.score.name}", header, tuple(rows), note)


def _fixed_table(gains: Gains, found: Foretold, fixed: FixedSteps) -> Table:
    header = ("quintile", "without sleep", "with sleep", "gap", "mean steps", "n")
    note = (
        f"At {BUDGET}, with {gains.method.name}. Quintiles are taken among the queries of each number of steps, so "
        "every bin holds as many queries of a number as any other (to within one, but for equal scores): what differs "
        f"between bins is not that some take fewer steps. {_unscored(gains)}"
    )
    if fixed.left_out:
        note += f" Left out: {fixed.left_out}, with a number of steps that fewer than {BINS} queries take."
    return Table(
        f"Gap by {found.score.name}, steps held fixed", header, tuple(cells for _, cells in _rows(fixed.bins)), note
    )


def _rows(bins: Sequence[GapBin]) -> list[tuple[GapBin, tuple[str, ...]]]:
    return [
        (
            each,
            (
                str(each.number),
                percent(each.without),
                percent(each.slept),
                points(each.gap),
                NONE if each.steps is None else f"{each.steps:.1f}",
                str(each.gap.n),
            ),
        )
        for each in bins
    ]


def _steps_table(gains: Gains, held: Sequence[tuple[Foretold, FixedSteps]]) -> Table:
    """Gap per quintile of each number of steps by itself."""
    rows = []
    for found, fixed in held:
        for each in fixed.by_steps:
            gaps = {of.number: of.gap for of in each.bins}
            sizes = sorted({gap.n for gap in gaps.values()})
            rows.append(
                (
                    found.score.name,
                    f"{each.steps:g}",
                    *(points(gaps.get(number + 1)) for number in range(BINS)),
                    " to ".join(map(str, sizes[:1] + sizes[1:][-1:])) or NONE,
                    points(each.gap),
                    str(each.gap.n),
                )
            )
    header = ("score", "steps", *(f"quintile {number + 1}" for number in range(BINS)), "n of each", "all", "n")
    note = (
        f"Gap at {BUDGET}, with {gains.method.name}. Fewer than {BINS * FEWEST_PER_BIN} queries of a number of steps "
        f"are too few for {BINS} bins and stand in one. {_unscored(gains)}"
    )
    return Table("Gap by quintile for each number of steps", header, tuple(rows), note)


def _unscored(gains: Gains) -> str:
    return f"Unscored replies: {gains.alone.unscored} without sleep, {gains.slept.unscored} with."


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
        share = float((each.turns > 0).mean())
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
        "Of a single query: does sleep turn an answer that was not right into a right one? With several seeds, each "
        "one's answer is a case of its own. AUC is the chance that such a query scores above another one (0.5: the "
        "score says nothing). The chance of it is fitted by logistic regression in other contexts; its Brier score has "
        "to beat that of always saying the overall share. The calibration error is above 0 even for perfect "
        "predictions, and its resamples add to that."
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
    titles = ("Raw score", "Score per token")
    scored = list(zip(titles, main.foretold, strict=False))
    charts = [_chart(title, found.bins, "quintile of the score, in nats", _range) for title, found in scored]
    held = [
        _chart(f"{title}, steps held fixed", found.at_fixed_steps.bins, "quintile among queries of equal steps")
        for title, found in scored
        if found.at_fixed_steps is not None and found.at_fixed_steps.bins
    ]
    caption = (
        f"Accuracy with sleep less accuracy without, at {BUDGET}, by quintile of log P(query given context), raw and "
        f"per token{'; below, by quintile among queries of equal steps' if held else ''}. Bars are 95 % intervals."
    )
    charts += held
    made = [
        Figure("predictability", caption, figure_svg(charts, title="Predictability", description=caption, columns=2))
    ]
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


def _chart(
    title: str, bins: Sequence[GapBin], said: str, name: Callable[[GapBin], str] = lambda each: str(each.number)
) -> BarChart:
    gaps = Series.of("gap", range(len(bins)), [each.gap for each in bins], Style.SLEEP)
    return BarChart(title, tuple(map(name, bins)), (gaps,), Axis("gain by sleep", percent=True), Axis(said))


def _range(each: GapBin) -> str:
    return f"{each.low:.3g} to\n{each.high:.3g}"


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
        f"With {main.method.name}, sleep turns {100 * float((main.turns > 0).mean()):.1f} % of the queries from not "
        f"right to right at `{BUDGET}` and {100 * float((main.turns < 0).mean()):.1f} % the other way: a gap of "
        f"{points(bootstrap.mean(main.gap, main.alone.contexts))}.",
        f"By quintile of the raw score the gap goes from {_ends(raw.bins)}: {_in_words(raw.trend)}.",
        f"Per token: {_in_words(per_token.trend)}.",
    ]
    for found, name in ((raw, "the raw score"), (per_token, "the score per token")):
        fixed = found.at_fixed_steps
        if fixed is not None and fixed.bins:
            said.append(
                f"By quintile of {name} among queries of equal steps the gap goes from {_ends(fixed.bins)}: "
                f"{_in_words(found.trend_at_fixed_steps)}."
            )
    if raw.auc is not None:
        told = [f"{found.score.name} {_plain(found.auc)}" for found in main.foretold if found.auc is not None]
        said.append(
            f"How well it foretells the gain of a single query, as the area under the ROC curve: {'; '.join(told)}."
        )
    else:
        said.append("Sleep turned no query right, or every one, so nothing can be foretold of a single one.")
    return " ".join(said)


def _ends(bins: Sequence[GapBin]) -> str:
    return f"{points(bins[0].gap)} to {points(bins[-1].gap)}"


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
        "turned_right": float((gains.turns > 0).mean()),
        "turned_wrong": float((gains.turns < 0).mean()),
        "scores": {found.score.name: _score_data(found) for found in gains.foretold},
    }


def _score_data(found: Foretold) -> dict[str, Any]:
    fitted, fixed = found.calibration, found.at_fixed_steps
    return {
        "bins": _bins_data(found.bins),
        "at_fixed_steps": None if fixed is None else _fixed_data(fixed),
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


def _bins_data(bins: Sequence[GapBin]) -> list[dict[str, Any]]:
    return [
        {
            "quintile": each.number,
            "low": each.low,
            "high": each.high,
            "without": figures(each.without),
            "with": figures(each.slept),
            "gap": figures(each.gap),
            "mean_steps": each.steps,
        }
        for each in bins
    ]


def _fixed_data(fixed: FixedSteps) -> dict[str, Any]:
    return {
        "bins": _bins_data(fixed.bins),
        "left_out": fixed.left_out,
        "by_steps": {
            f"{each.steps:g}": {"gap": figures(each.gap), "bins": _bins_data(each.bins)} for each in fixed.by_steps
        },
    }


def _trend_data(found: Trend | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"rank_correlation": figures(found.correlation), "p": found.p, "flips": found.flips}
