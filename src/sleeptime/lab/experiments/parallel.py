"""Parallel: k answers of the lowest budget against sleep, at equal test-time tokens (arXiv:2504.13171, section 5.1).

pass@k takes an oracle that knows which answer is right, which nobody has; majority@k is what a user could do.

Each query is sampled n times, every sample with a seed of its own. Both figures are exact means over all choices of k
of the n samples, so no further seed is drawn: up to k = n / 3 at least three of the choices have no sample in common.
At k = n there is a single one; its luck is in the interval, since every query has samples of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sleeptime.core.budget import parse_budget
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.attempts import LOWEST, TEMPERATURE, Attempts, attempts_of, lowest_sampled
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, Method, slept
from sleeptime.lab.experiments.recipes import BUDGETS
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.experiments.test_time_figures import draw_parallel
from sleeptime.lab.experiments.verdicts import is_ahead
from sleeptime.lab.experiments.wording import NONE, figures, listed, percent, points, tokens
from sleeptime.lab.statistics import Bootstrap, CurvePoint, Estimate, curve_points, divide
from sleeptime.lab.statistics.estimate import Floats
from sleeptime.wake.route import Route, wants_notes

WITH_NOTES: Final = tuple(budget for budget in BUDGETS if wants_notes(Route.AUTO, parse_budget(budget)))
"""Budgets at which the route auto serves notes; at the others an arm with sleep is one without."""


@dataclass(frozen=True, slots=True, eq=False)
class EqualTokens:
    """One budget with sleep beside as many attempts without as its tokens buy.

    Args:
        method: with sleep.
        point: its accuracy and output tokens at the budget.
        attempts: how many attempts those tokens buy, a fraction where they fall between two; at least 1, since less
            than one attempt is no answer.
        unscored: replies with sleep that could not be read.
        oracle: pass@k there; None where the tokens buy more attempts than there are.
        majority: majority@k there.
        over_oracle: accuracy with sleep less pass@k, paired.
        over_majority: the same for majority@k.
    """

    method: Method
    point: CurvePoint
    attempts: float
    unscored: int
    oracle: Estimate | None
    majority: Estimate | None
    over_oracle: Estimate | None
    over_majority: Estimate | None


class Parallel:
    """Many cheap answers against sleep."""

    name = "parallel"
    question = (
        "Are k cheap answers, judged by an oracle or by majority, better than sleep at the same test-time tokens?"
    )
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """Samples of the lowest budget without sleep, and every budget with it."""
        with_sleep = [arm for method in slept(is_quick=is_quick) for arm in method.arms]
        return [*WITHOUT.at(LOWEST), lowest_sampled(is_quick=is_quick), *with_sleep]

    def analyse(self, study: Study) -> Findings:
        """Compare at equal tokens.

        Raises:
            InputError: records are missing.
        """
        sampled = rows_of(study, lowest_sampled(is_quick=study.is_quick))
        attempts, greedy = attempts_of(sampled), rows_of(study, *WITHOUT.at(LOWEST))
        bootstrap = Bootstrap(sampled.contexts, seed=study.seed)
        methods = slept(is_quick=study.is_quick)
        equal = [
            _equal_tokens(method, rows_of(study, *method.at(budget)), attempts, bootstrap)
            for method in methods
            for budget in BUDGETS
        ]
        curve = _attempt_curve(attempts, sampled.contexts, bootstrap)
        alone = curve_points([greedy.measured(greedy.output)], bootstrap)[0]
        return Findings(
            summary=_summary(equal, curve, attempts),
            tables=(_attempts_table(curve, attempts, sampled), _equal_table(equal)),
            figures=(
                Figure(
                    "parallel",
                    f"Accuracy against test-time output tokens: k answers at {LOWEST} without sleep, the best of them "
                    "chosen by an oracle (pass@k) or by majority, and single answers at v0 to v4 with sleep. Bands "
                    "are 95 % intervals.",
                    draw_parallel(
                        [(p.spent.mean, p.oracle) for p in curve],
                        [(p.spent.mean, p.majority) for p in curve],
                        {m.name: [e.point for e in equal if e.method == m] for m in methods},
                    ),
                ),
            ),
            claims=tuple(_claim(study, method, equal) for method in methods),
            data={
                "attempts": [_attempt_data(k, found) for k, found in zip(attempts.ks, curve, strict=True)],
                "greedy": {"accuracy": figures(alone.accuracy), "output_tokens": figures(alone.spent)},
                "at_equal_tokens": [_equal_data(e) for e in equal],
                "samples": attempts.samples,
                "unscored_samples": sampled.unscored,
            },
        )


EXPERIMENT: Final = Parallel()


@dataclass(frozen=True, slots=True)
class AttemptPoint:
    """k attempts: what they take, and what they are worth."""

    spent: Estimate
    oracle: Estimate
    majority: Estimate


def _attempt_curve(attempts: Attempts, contexts: Sequence[str], bootstrap: Bootstrap) -> tuple[AttemptPoint, ...]:
    return tuple(
        AttemptPoint(
            bootstrap.mean(k * attempts.output, contexts),
            bootstrap.mean(attempts.oracle[:, i], contexts),
            bootstrap.mean(attempts.majority[:, i], contexts),
        )
        for i, k in enumerate(attempts.ks)
    )


def _equal_tokens(method: Method, rows: Rows, attempts: Attempts, bootstrap: Bootstrap) -> EqualTokens:
    """One budget with sleep against attempts; how many its tokens buy is found anew in every resample."""
    contexts, width = rows.contexts, len(attempts.ks)
    values = [
        np.ones(len(contexts)),
        rows.right,
        rows.output,
        attempts.output,
        *attempts.oracle.T,
        *attempts.majority.T,
    ]
    columns = np.stack([bootstrap.totals(value, contexts) for value in values], axis=1)

    def compared(sums: Floats) -> Floats:
        means = divide(sums, sums[:, :1])
        right, bought = means[:, 1], np.maximum(1.0, divide(means[:, 2], means[:, 3]))
        oracle = _between(bought, attempts.ks, means[:, 4 : 4 + width])
        majority = _between(bought, attempts.ks, means[:, 4 + width :])
        return np.stack([oracle, majority, right - oracle, right - majority], axis=1)

    found = bootstrap.estimates(columns, compared, n=len(contexts), clusters=len(set(contexts)))
    bought = max(1.0, float(rows.output.mean() / attempts.output.mean()))
    point = curve_points([rows.measured(rows.output)], bootstrap)[0]
    return EqualTokens(method, point, bought, rows.unscored, *found)


def _between(at: Floats, ks: Sequence[int], accuracy: Floats) -> Floats:
    """Accuracy at fractional numbers of attempts ``(R,)``, on straight lines through ``(R, K)``; NaN past the last."""
    numbers = np.asarray(ks, dtype=np.float64)
    right = np.clip(np.searchsorted(numbers, at), 1, max(1, len(ks) - 1))
    left = right - 1
    if len(ks) == 1:
        return np.where(at > numbers[0], np.nan, accuracy[:, 0])
    rows = np.arange(len(at))
    part = (at - numbers[left]) / (numbers[right] - numbers[left])
    found = accuracy[rows, left] + part * (accuracy[rows, right] - accuracy[rows, left])
    return np.where(at > numbers[-1], np.nan, found)


def _attempts_table(curve: Sequence[AttemptPoint], attempts: Attempts, sampled: Rows) -> Table:
    rows = [
        (str(k), tokens(p.spent), percent(p.oracle), percent(p.majority), str(attempts.samples // k), str(p.oracle.n))
        for k, p in zip(attempts.ks, curve, strict=True)
    ]
    note = (
        f"{attempts.samples} samples per query at temperature {TEMPERATURE:g}, each with a seed of its own; "
        f"{sampled.unscored} of {sampled.answers:,} replies are unscored: they take one of the k places and cast no "
        "vote. Accuracies are exact means over all choices of k of the samples (pass@k: arXiv:2107.03374, section "
        "2.1); independent choices are those of them that have no sample in common."
    )
    header = ("k", "output tokens", "pass@k (oracle)", "majority@k", "independent choices", "n")
    return Table(f"k answers at {LOWEST} without sleep", header, tuple(rows), note)


def _equal_table(equal: Sequence[EqualTokens]) -> Table:
    rows = [
        (
            f"`{e.point.label}`",
            e.method.name,
            tokens(e.point.spent),
            percent(e.point.accuracy),
            f"{e.attempts:.1f}",
            percent(e.oracle),
            points(e.over_oracle),
            percent(e.majority),
            points(e.over_majority),
            str(e.point.accuracy.n),
            str(e.unscored),
        )
        for e in equal
    ]
    header = (
        *("budget", "method", "output tokens", "accuracy", "k they buy", "pass@k", "sleep over pass@k"),
        *("majority@k", "sleep over majority@k", "n", "unscored"),
    )
    note = (
        "k: attempts without sleep that the output tokens of this budget buy; where that falls between two of the "
        f"table above, on the line between them. {NONE}: more than were sampled. The sleep tokens are in "
        "`budget-matched`."
    )
    return Table("Sleep against as many attempts as its test-time tokens buy", header, tuple(rows), note)


def _claim(study: Study, method: Method, equal: Sequence[EqualTokens]) -> Claim:
    """The smallest lead over the oracle, of all budgets that can be compared."""
    compared = [e for e in equal if e.method == method and e.over_oracle is not None and e.point.label in WITH_NOTES]
    least = min(compared, key=lambda e: e.over_oracle.mean if e.over_oracle else 0.0, default=None)
    target = (
        f"paper: with {method.name}, ahead of pass@k (oracle) at equal test-time tokens, at every budget with notes"
    )
    if least is None:
        return is_ahead(study, target, None, "no budget buys as few attempts as were sampled")
    measured = f"at least {points(least.over_oracle)}, at {least.point.label} (k = {least.attempts:.1f})"
    return is_ahead(study, target, least.over_oracle, measured)


def _summary(equal: Sequence[EqualTokens], curve: Sequence[AttemptPoint], attempts: Attempts) -> str:
    last = curve[-1]
    said = [
        f"{attempts.ks[-1]} answers at `{LOWEST}` without sleep take {last.spent.mean:.1f} output tokens; an oracle "
        f"finds a right one among them for {percent(last.oracle)} of the queries, a majority vote for "
        f"{percent(last.majority)}."
    ]
    for e in equal:
        if e.point.label == BUDGETS[0]:
            lead = NONE if e.over_oracle is None else points(e.over_oracle)
            said.append(
                f"`{BUDGETS[0]}` with {e.method.name} takes {e.point.spent.mean:.1f} and is right in "
                f"{percent(e.point.accuracy)}: {lead} against pass@k at the same tokens."
            )
    behind = [f"`{e.point.label}` with {e.method.name}" for e in equal if e.over_oracle and e.over_oracle.mean <= 0]
    said.append(f"Not ahead of the oracle: {listed(behind)}." if behind else "No compared budget with sleep is behind.")
    return " ".join(said)


def _attempt_data(k: int, found: AttemptPoint) -> dict[str, Any]:
    return {
        "k": k,
        "output_tokens": figures(found.spent),
        "pass_at_k": figures(found.oracle),
        "majority_at_k": figures(found.majority),
    }


def _equal_data(e: EqualTokens) -> dict[str, Any]:
    return {
        "budget": e.point.label,
        "method": e.method.name,
        "accuracy": figures(e.point.accuracy),
        "output_tokens": figures(e.point.spent),
        "k": e.attempts,
        "pass_at_k": figures(e.oracle),
        "majority_at_k": figures(e.majority),
        "over_pass_at_k": figures(e.over_oracle),
        "over_majority_at_k": figures(e.over_majority),
    }
