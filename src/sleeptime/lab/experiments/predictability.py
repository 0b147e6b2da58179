"""Predictability: does sleep gain more where the query could be foreseen? (arXiv:2504.13171, section 5.4)

The score is log P(query | context). The paper's raw score is mixed up with simplicity: short questions of few steps
score high, and are easy. So it is measured per token too, and with the number of steps held fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Findings, Study
from sleeptime.lab.experiments.methods import WITHOUT, Method, slept
from sleeptime.lab.experiments.predictability_bins import BINS, Answered, FixedSteps, GapBin, fixed_steps, gap_bins
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.statistics import (
    Bootstrap,
    Calibration,
    Estimate,
    Trend,
    auc,
    calibration,
    cross_fitted,
    trend,
)
from sleeptime.lab.statistics.estimate import Floats

BUDGET: Final = "v0"
STEPS: Final = "depth"
"""The tag of a problem that counts the steps to its answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """One figure per query that may foretell what sleep gains.

    Args:
        name: as tables have it.
        values: ``(n,)``.
    """

    name: str
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Foretold:
    """How a score goes with the gain of one method.

    Args:
        score: which.
        bins: gap per quintile.
        at_fixed_steps: gap per quintile among queries of equal steps; None without a count of steps.
        trend: of the gap.
        trend_at_fixed_steps: comparing queries of equal steps only; None without a count of steps.
        auc: how well it tells the queries that sleep turns from not right to right; None where there are none, or only
            such.
        auc_at_fixed_steps: the same among queries of equal steps.
        calibration: of the chance of such a turn, fitted on the score in other contexts; None with one context.
    """

    score: Score
    bins: tuple[GapBin, ...]
    at_fixed_steps: FixedSteps | None
    trend: Trend
    trend_at_fixed_steps: Trend | None
    auc: Estimate | None
    auc_at_fixed_steps: Estimate | None
    calibration: Calibration | None


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """What sleep gains by one method.

    Args:
        method: which.
        slept: its answers.
        alone: those without sleep.
        turns: ``(n times seeds,)``, seed after seed: 1 for an answer that sleep turns right, -1 for one that it turns
            wrong, else 0.
        foretold: by score.
    """

    method: Method
    slept: Rows
    alone: Rows
    turns: Floats
    foretold: tuple[Foretold, ...]

    @property
    def gap(self) -> Floats:
        """``(n,)`` accuracy with sleep less that without."""
        return self.slept.right - self.alone.right


class Predictability:
    """Gain by log P(query | context)."""

    name = "predictability"
    question = "Does sleep gain more on queries that the context foretells?"
    needs_scores = True

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """Without sleep, one draft, and merged drafts, at the lowest budget."""
        return [arm for method in (WITHOUT, *_methods(is_quick=is_quick)) for arm in method.at(BUDGET)]

    def analyse(self, study: Study) -> Findings:
        """Set gains against scores.

        Raises:
            InputError: records or scores are missing.
        """
        from sleeptime.lab.experiments.predictability_findings import findings_of

        alone = rows_of(study, *WITHOUT.at(BUDGET))
        bootstrap = Bootstrap(alone.contexts, seed=study.seed)
        scores, steps = scores_of(study), steps_of(study)
        gains = tuple(
            _gains(method, rows_of(study, *method.at(BUDGET)), alone, scores, steps, bootstrap)
            for method in _methods(is_quick=study.is_quick)
        )
        return findings_of(study, gains, steps, bootstrap)


EXPERIMENT: Final = Predictability()


def _methods(*, is_quick: bool) -> tuple[Method, ...]:
    one, many = slept(is_quick=is_quick)
    return many, one


def scores_of(study: Study) -> tuple[Score, ...]:
    """The scores of every query: raw, per token, and the plain number of steps where it is known.

    Raises:
        InputError: some were not measured, or are no figures; the message says of how many queries.
    """
    found = [study.book.scores.get(problem.id, {}) for problem in study.problems]
    lacking = sum("logprob" not in score or not score.get("tokens", 0) >= 1 for score in found)
    if lacking:
        raise InputError(
            f"the log-probabilities of {lacking} of {len(found)} queries are not measured; `sleeptime lab run "
            "predictability` measures them, with nano or a server that echoes prompts"
        )
    raw, tokens = (np.array([score[name] for score in found], dtype=np.float64) for name in ("logprob", "tokens"))
    scores = [Score("log P(q given c)", raw), Score("log P(q given c) per token", raw / tokens)]
    if (steps := steps_of(study)) is not None:
        scores.append(Score("fewer steps to the answer", -steps))
    return tuple(scores)


def steps_of(study: Study) -> Floats | None:
    """``(n,)`` steps to each answer; None where a problem does not say."""
    steps = [problem.tags.get(STEPS) for problem in study.problems]
    if not all(isinstance(count, int | float) for count in steps):
        return None
    return np.array(steps, dtype=np.float64)


def _gains(
    method: Method,
    slept: Rows,
    alone: Rows,
    scores: Sequence[Score],
    steps: Floats | None,
    bootstrap: Bootstrap,
) -> Gains:
    answered = Answered(alone.right, slept.right, alone.contexts, steps)
    turns = np.concatenate([one.right - alone.right for one in slept.by_seed])
    foretold = tuple(_foretold(score, answered, turns > 0, bootstrap) for score in scores)
    return Gains(method, slept, alone, turns, foretold)


def _foretold(score: Score, answered: Answered, turned: NDArray[np.bool_], bootstrap: Bootstrap) -> Foretold:
    """Gaps are means over the seeds; of what is turned, each seed's answer is a case of its own."""
    gap, contexts = answered.slept - answered.alone, answered.contexts
    strata = None if answered.steps is None else answered.steps.tolist()
    seeds = turned.size // gap.size
    values, cases = np.tile(score.values, seeds), contexts * seeds
    return Foretold(
        score,
        gap_bins(score.values, answered, bootstrap),
        fixed_steps(score.values, answered, bootstrap),
        trend(score.values, gap, contexts, bootstrap),
        None if strata is None else trend(score.values, gap, contexts, bootstrap, strata=strata),
        auc(values, turned, cases, bootstrap),
        None if strata is None else auc(values, turned, cases, bootstrap, strata=strata * seeds),
        calibration(cross_fitted(values, turned, cases, seed=bootstrap.seed), turned, cases, bootstrap, BINS)
        if len(set(contexts)) >= 2
        else None,
    )
