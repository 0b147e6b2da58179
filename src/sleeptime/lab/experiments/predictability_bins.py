"""Bins of `predictability`: the gap that sleep makes, by quintile of a score (arXiv:2504.13171, section 5.4).

A quintile of all queries may hold the easy ones, since short questions of few steps score high. With the number of
steps held fixed the quintiles are taken among the queries of each number, so that every bin holds as many queries of a
number as any other, to within one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sleeptime.lab.statistics import Bootstrap, Estimate, quantile_bins
from sleeptime.lab.statistics.estimate import Floats, Indices

BINS: Final = 5
FEWEST_PER_BIN: Final = 10
"""Queries that a quintile of one number of steps holds at least; with fewer its interval says little."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What sleep changed, per query.

    Args:
        alone: ``(n,)`` share of the answers without sleep that are right.
        slept: ``(n,)`` the same with sleep, over the seeds.
        contexts: ``(n,)``.
        steps: ``(n,)`` to each answer; None where they are not known.
    """

    alone: Floats
    slept: Floats
    contexts: tuple[str, ...]
    steps: Floats | None


@dataclass(frozen=True, slots=True)
class GapBin:
    """Queries of one quintile of a score.

    Args:
        number: of the quintile, from 1.
        low, high: least and greatest score in it.
        without, slept: accuracy without and with sleep.
        gap: what sleep adds, paired.
        steps: mean steps to the answer; None where they are not known.
    """

    number: int
    low: float
    high: float
    without: Estimate
    slept: Estimate
    gap: Estimate
    steps: float | None


@dataclass(frozen=True, slots=True)
class StepBins:
    """Queries of one number of steps.

    Args:
        steps: how many.
        gap: over all of them.
        bins: their quintiles; none where they are too few for that.
    """

    steps: float
    gap: Estimate
    bins: tuple[GapBin, ...]


@dataclass(frozen=True, slots=True)
class FixedSteps:
    """Quintiles among queries of equal steps.

    Args:
        bins: of all numbers of steps together; a number that fewer than `BINS` queries have is left out.
        left_out: queries left out so.
        by_steps: of each number by itself.
    """

    bins: tuple[GapBin, ...]
    left_out: int
    by_steps: tuple[StepBins, ...]


def gap_bins(scores: Floats, answered: Answered, bootstrap: Bootstrap) -> tuple[GapBin, ...]:
    """The quintiles of a score that hold queries; the limits are those of the data, also in resamples."""
    return _bins(scores, quantile_bins(scores, BINS), answered, bootstrap)


def fixed_steps(scores: Floats, answered: Answered, bootstrap: Bootstrap) -> FixedSteps | None:
    """The same among queries of equal steps; None where steps are not known."""
    if answered.steps is None:
        return None
    counts = dict(zip(*(found.tolist() for found in np.unique(answered.steps, return_counts=True)), strict=True))
    index = quantile_bins(scores, BINS, strata=answered.steps.tolist())
    is_binned = np.array([counts[steps] >= BINS for steps in answered.steps.tolist()])
    by_steps = []
    for steps, count in counts.items():
        at = answered.steps == steps
        bins = _bins(scores, np.where(at, index, -1), answered, bootstrap) if count >= BINS * FEWEST_PER_BIN else ()
        by_steps.append(StepBins(steps, _gap(at, answered, bootstrap), bins))
    pooled = _bins(scores, np.where(is_binned, index, -1), answered, bootstrap)
    return FixedSteps(pooled, int((~is_binned).sum()), tuple(by_steps))


def _bins(scores: Floats, index: Indices, answered: Answered, bootstrap: Bootstrap) -> tuple[GapBin, ...]:
    """The bins that hold queries; those with an index below 0 are in none."""
    found = []
    for number in range(BINS):
        inside = index == number
        if not inside.any():
            continue
        contexts = _contexts(inside, answered)
        found.append(
            GapBin(
                number + 1,
                float(scores[inside].min()),
                float(scores[inside].max()),
                bootstrap.share(answered.alone[inside], contexts),
                bootstrap.share(answered.slept[inside], contexts),
                _gap(inside, answered, bootstrap),
                None if answered.steps is None else float(answered.steps[inside].mean()),
            )
        )
    return tuple(found)


def _gap(inside: NDArray[np.bool_], answered: Answered, bootstrap: Bootstrap) -> Estimate:
    """What sleep adds to some of the queries.

    Where it adds the same to each, every resample is alike; then the interval leaves room for as many others as the
    exact bound of `Bootstrap.share` does, which may be gains or losses.
    """
    alone, slept, contexts = answered.alone[inside], answered.slept[inside], _contexts(inside, answered)
    found = bootstrap.paired_difference(slept, alone, contexts)
    same = bootstrap.share(np.ones(len(contexts)), contexts).low
    if np.ptp(slept - alone) > 0 or same is None:
        return found
    low, high = (max(-1.0, min(1.0, found.mean * same + end * (1 - same))) for end in (-1, 1))
    return replace(found, low=low, high=high)


def _contexts(inside: NDArray[np.bool_], answered: Answered) -> list[str]:
    return [context for context, is_in in zip(answered.contexts, inside.tolist(), strict=True) if is_in]
