"""Pareto: accuracy against test-time tokens, with and without sleep (arXiv:2504.13171, section 5.1).

Compares at equal accuracy along the whole curve, in generated tokens and in what a provider bills online with the
prompt counted. Sleep itself is not counted here: `amortization` and `budget_matched` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sleeptime.core.price import Price
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments import nano_targets
from sleeptime.lab.experiments.equal_accuracy import common_accuracies, ratio_along
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, Method, slept
from sleeptime.lab.experiments.pareto_figures import draw_curves, draw_ratios
from sleeptime.lab.experiments.price_lists import price_rows
from sleeptime.lab.experiments.recipes import BUDGETS
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.experiments.serving import Caching, calls_of, queries_per_context
from sleeptime.lab.experiments.verdicts import at_least
from sleeptime.lab.experiments.wording import NONE, figures, micro_usd, percent, points, ratio, times, tokens
from sleeptime.lab.statistics import (
    Bootstrap,
    CurvePoint,
    EqualAccuracy,
    Estimate,
    Measured,
    curve_points,
    ratio_at_equal_accuracy,
)

PAPER_RATIO: Final = 5.0
"""Test-time tokens at equal accuracy, low budgets (arXiv:2504.13171, section 5.1): about 5 times fewer."""
TARGET_RATIO: Final = 8.0
TARGET_BILLED_RATIO: Final = 3.0
TABLE_ROWS: Final = 12
"""At most about so many accuracies of the curve stand in the table."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One method at every budget.

    Args:
        method: which.
        rows: per budget.
        generated: right and output tokens per budget.
        billed: right and USD per budget, by what is cached.
    """

    method: Method
    rows: tuple[Rows, ...]
    generated: tuple[Measured, ...]
    billed: dict[Caching, tuple[Measured, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A method with sleep against the one without.

    Args:
        curve: the method with sleep.
        generated: at the accuracy of each of its budgets, in output tokens.
        billed: the same in USD, by what is cached.
        gains: accuracy with sleep less that without, paired, per budget.
        along: ratio of output tokens by accuracy.
    """

    curve: Curve
    generated: tuple[EqualAccuracy, ...]
    billed: dict[Caching, tuple[EqualAccuracy, ...]]
    gains: tuple[Estimate, ...]
    along: dict[float, Estimate | None]


class Pareto:
    """Accuracy against test-time tokens."""

    name = "pareto"
    question = "How many test-time tokens does an accuracy take, with and without sleep?"
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """Every budget of every method, greedy."""
        return [arm for method in methods(is_quick=is_quick) for arm in method.arms]

    def analyse(self, study: Study) -> Findings:
        """Compare the curves.

        Raises:
            InputError: records are missing.
        """
        curves = [_curve(study, method) for method in methods(is_quick=study.is_quick)]
        bootstrap = Bootstrap(curves[0].rows[0].contexts, seed=study.seed)
        without, compared = curves[0], [_compare(curves[0], curve, bootstrap) for curve in curves[1:]]
        shown = {curve.method.name: curve_points(curve.generated, bootstrap) for curve in curves}
        targets = nano_targets.find(study, {curve.method.name: curve.rows for curve in curves}, bootstrap)
        return Findings(
            summary=_summary(study, compared, shown),
            tables=(
                _curves_table(study, curves, compared, bootstrap),
                _equal_table(study, compared),
                _along_table(compared),
                _prices_table(study, without, compared, bootstrap),
                *targets.tables,
            ),
            figures=_figures(shown, compared, without),
            claims=(*(claim for c in compared for claim in _claims(study, c)), *targets.claims),
            data={
                "curves": {curve.method.name: _curve_data(curve, bootstrap) for curve in curves},
                "at_equal_accuracy": {c.curve.method.name: _comparison_data(c) for c in compared},
                "nano_targets": targets.data,
                "price": {"model": study.price_model, "usd_per_million": _price(study)},
                "queries_per_context": queries_per_context(study),
            },
        )


EXPERIMENT: Final = Pareto()


def methods(*, is_quick: bool) -> tuple[Method, ...]:
    """The baseline first."""
    return WITHOUT, *slept(is_quick=is_quick)


def _curve(study: Study, method: Method) -> Curve:
    rows = tuple(rows_of(study, *method.at(budget)) for budget in BUDGETS)
    calls = [calls_of(r) for r in rows]
    n_queries = queries_per_context(study)
    return Curve(
        method,
        rows,
        tuple(r.measured(c.output) for r, c in zip(rows, calls, strict=True)),
        {
            caching: tuple(
                r.measured(c.cost_usd(study.price, caching, n_queries)) for r, c in zip(rows, calls, strict=True)
            )
            for caching in Caching
        },
    )


def _compare(without: Curve, curve: Curve, bootstrap: Bootstrap) -> Comparison:
    accuracies = common_accuracies(without.generated, curve.generated)
    along = ratio_along(without.generated, curve.generated, accuracies, bootstrap) if accuracies else ()
    return Comparison(
        curve,
        ratio_at_equal_accuracy(without.generated, curve.generated, bootstrap),
        {c: ratio_at_equal_accuracy(without.billed[c], curve.billed[c], bootstrap) for c in Caching},
        tuple(with_sleep.minus(alone, bootstrap) for with_sleep, alone in zip(curve.rows, without.rows, strict=True)),
        dict(zip(accuracies, along, strict=True)),
    )


def _curves_table(study: Study, curves: Sequence[Curve], compared: Sequence[Comparison], bootstrap: Bootstrap) -> Table:
    gains = {c.curve.method.name: c.gains for c in compared}
    rows = []
    for curve in curves:
        billed = {caching: curve_points(curve.billed[caching], bootstrap) for caching in Caching}
        for i, (r, point) in enumerate(zip(curve.rows, curve_points(curve.generated, bootstrap), strict=True)):
            rows.append(
                (
                    f"`{point.label}`",
                    curve.method.name,
                    percent(point.accuracy),
                    points(gains[curve.method.name][i]) if curve.method.name in gains else NONE,
                    tokens(point.spent),
                    f"{r.input.mean():,.1f}",
                    micro_usd(billed[Caching.NOTHING][i].spent),
                    micro_usd(billed[Caching.PREFIX][i].spent),
                    str(point.accuracy.n),
                    str(r.unscored),
                )
            )
    header = (
        *("budget", "method", "accuracy", "gain by sleep", "output tokens", "input tokens"),
        *("billed, nothing cached", "billed, prefix cached", "n", "unscored"),
    )
    note = (
        f"Per query, greedy. The gain is paired on the same queries. Billed: USD per million queries at the prices of "
        f"{study.price_model}, all input and output of the call that answers, sleep left out. {_caching_note(study)}"
    )
    return Table("Accuracy and what a query takes at test time", header, tuple(rows), note)


def _caching_note(study: Study) -> str:
    return (
        f"With the prefix cached the first of the {queries_per_context(study):g} queries about a context writes what "
        "they have in common (instructions, c and c') and the others read it; providers cache only prompts of some "
        "length, such as 1,024 tokens, so short contexts are billed as with nothing cached."
    )


def _equal_table(study: Study, compared: Sequence[Comparison]) -> Table:
    rows = [
        (
            f"`{generated.label}`",
            c.curve.method.name,
            percent(generated.accuracy),
            tokens(generated.spent_with),
            tokens(generated.spent_without),
            ratio(generated.ratio),
            ratio(c.billed[Caching.NOTHING][i].ratio),
            ratio(c.billed[Caching.PREFIX][i].ratio),
            str(generated.accuracy.n),
        )
        for c in compared
        for i, generated in enumerate(c.generated)
    ]
    return Table(
        "What the same accuracy takes without sleep",
        (
            "budget with sleep",
            "method",
            "accuracy",
            "output tokens with",
            "without",
            "times fewer",
            "times cheaper, nothing cached",
            "times cheaper, prefix cached",
            "n",
        ),
        tuple(rows),
        "Without sleep: on the straight line between the two measured budgets around that accuracy, which serving each "
        f"of the two to a share of the queries reaches. {NONE}: no budget without sleep gets that far, or the cheapest "
        "one is already better. Intervals hold the uncertainty of both curves.",
    )


def _along_table(compared: Sequence[Comparison]) -> Table:
    accuracies = sorted({a for c in compared for a in c.along})
    step = next(s for s in (1, 2, 5, 10) if len(accuracies) / s <= TABLE_ROWS or s == 10)
    kept = [a for a in accuracies if round(100 * a) % step == 0]
    rows = [(f"{100 * a:.0f} %", *(ratio(c.along.get(a)) for c in compared)) for a in kept]
    return Table(
        "The same along the whole curve",
        ("accuracy", *(c.curve.method.name for c in compared)),
        tuple(rows),
        "How many times fewer output tokens, at every accuracy that both curves reach. Below the accuracy of the "
        "lowest budget with sleep there is no curve with sleep: nothing is extrapolated.",
    )


def _prices_table(study: Study, without: Curve, compared: Sequence[Comparison], bootstrap: Bootstrap) -> Table:
    """The bill at the accuracy of the lowest budget with sleep."""
    n_queries = queries_per_context(study)

    def row(price: Price) -> tuple[str, ...]:
        cells = []
        for c in compared:
            for caching in Caching:
                curve, lowest = (
                    [r.measured(calls_of(r).cost_usd(price, caching, n_queries)) for r in rows]
                    for rows in (without.rows, c.curve.rows[:1])
                )
                cells.append(ratio(ratio_at_equal_accuracy(curve, lowest, bootstrap)[0].ratio))
        return tuple(cells)

    return Table(
        f"How many times less is billed online under other price lists, at the accuracy of {BUDGETS[0]} with sleep",
        (
            "prices",
            "over fresh input",
            *(f"{c.curve.method.name}, {caching}" for c in compared for caching in Caching),
            "n",
        ),
        tuple((*cells, str(len(study.problems))) for cells in price_rows(study, row)),
        "Tokens are those that were measured here; only the prices change.",
    )


def _claims(study: Study, compared: Comparison) -> list[Claim]:
    name = compared.curve.method.name
    found = next((e for e in compared.generated if e.ratio is not None), None)
    lowest = compared.generated[0].label if found is None else found.label
    fewer = None if found is None else found.ratio
    at = f"{times(fewer)} at {percent(found.accuracy)}" if found is not None else "no accuracy that both reach"
    i = BUDGETS.index(lowest)
    billed = {caching: compared.billed[caching][i].ratio for caching in Caching}
    cost = f"{times(billed[Caching.PREFIX])} (nothing cached: {times(billed[Caching.NOTHING])})"
    where = f"at the accuracy of {lowest} with {name}"
    return [
        at_least(study, f"paper: about {PAPER_RATIO:g} times fewer output tokens {where}", fewer, PAPER_RATIO, at),
        at_least(study, f"at least {TARGET_RATIO:g} times fewer output tokens {where}", fewer, TARGET_RATIO, at),
        at_least(
            study,
            f"at least {TARGET_BILLED_RATIO:g} times less billed online, prompt counted, {where}",
            billed[Caching.PREFIX],
            TARGET_BILLED_RATIO,
            cost,
        ),
    ]


def _summary(study: Study, compared: Sequence[Comparison], shown: dict[str, tuple[CurvePoint, ...]]) -> str:
    alone = shown[WITHOUT.name]
    said = [
        f"Without sleep accuracy goes from {percent(alone[0].accuracy)} at `v0` to {percent(alone[-1].accuracy)} at "
        f"`v4`, for {alone[0].spent.mean:.1f} to {alone[-1].spent.mean:.1f} output tokens per query."
    ]
    for c in compared:
        first = shown[c.curve.method.name][0]
        said.append(f"With {c.curve.method.name}, `v0` gives {percent(first.accuracy)} for {first.spent.mean:.1f}.")
        reached = [e for e in c.generated if e.ratio is not None]
        if not reached:
            said.append("No accuracy is reached by both, so there is no ratio.")
            continue
        low = reached[0]
        cost = c.billed[Caching.PREFIX][c.generated.index(low)].ratio
        said.append(
            f"The same accuracy as `{low.label}` with {c.curve.method.name} takes {times(low.ratio)} the output tokens "
            f"without sleep, and {times(cost)} the bill when the prompt is counted and its prefix cached."
        )
        behind = [b for b, gain in zip(BUDGETS, c.gains, strict=True) if gain.is_below()]
        if behind:
            said.append(f"At {', '.join(behind)} sleep with {c.curve.method.name} is behind: its notes cost accuracy.")
    return " ".join(said)


def _figures(
    shown: dict[str, tuple[CurvePoint, ...]], compared: Sequence[Comparison], without: Curve
) -> tuple[Figure, ...]:
    rows = without.rows[0]
    caption = (
        f"Accuracy against output tokens per query at test time, budgets v0 to v4, {len(rows.problems):,} queries of "
        f"{len(set(rows.contexts)):,} contexts; bands are 95 % intervals by context."
    )
    main = Figure("pareto", caption, draw_curves(shown, compared[-1].generated))
    ratios = draw_ratios({c.curve.method.name: c.along for c in compared}, PAPER_RATIO)
    if ratios is None:
        return (main,)
    caption = (
        "How many times fewer output tokens sleep takes for the same accuracy, wherever both curves reach it; bands "
        "are 95 % intervals."
    )
    return main, Figure("pareto-ratio", caption, ratios)


def _curve_data(curve: Curve, bootstrap: Bootstrap) -> list[dict[str, Any]]:
    found = []
    for i, (r, point) in enumerate(zip(curve.rows, curve_points(curve.generated, bootstrap), strict=True)):
        billed = {c.value: figures(curve_points(curve.billed[c], bootstrap)[i].spent) for c in Caching}
        figure = {"accuracy": figures(point.accuracy), "output_tokens": figures(point.spent), "billed_usd": billed}
        found.append({"budget": point.label, "unscored": r.unscored, "input_tokens": float(r.input.mean())} | figure)
    return found


def _comparison_data(compared: Comparison) -> dict[str, Any]:
    return {
        "budgets": [
            {
                "budget": generated.label,
                "gain": figures(compared.gains[i]),
                "output_tokens_without": figures(generated.spent_without),
                "ratio_generated": figures(generated.ratio),
                "ratio_billed": {c.value: figures(compared.billed[c][i].ratio) for c in Caching},
            }
            for i, generated in enumerate(compared.generated)
        ],
        "along": [{"accuracy": a, "ratio_generated": figures(e)} for a, e in compared.along.items()],
    }


def _price(study: Study) -> dict[str, float]:
    price = study.price
    return {
        "input": price.input,
        "cached_input": price.cached_input,
        "cache_write": price.cache_write,
        "output": price.output,
    }
