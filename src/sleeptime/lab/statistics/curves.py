"""Accuracy against what was spent, and the ratio of two arms' spending at equal accuracy.

Spending is any amount per query: output tokens, or cost. The curve of an arm is the best accuracy for at most so much
spent, linear between measured points. A point on such a line is within reach: answer a share of the queries at one
budget and the rest at the other. Outside the measured accuracies there is no curve: nothing is extrapolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics.bootstrap import Bootstrap, divide
from sleeptime.lab.statistics.estimate import Estimate, Floats, finite, same_length, zero_to_one
from sleeptime.lab.statistics.frontier import frontier

ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Rows of one arm at one budget.

    Args:
        label: the budget, such as ``"v0"``.
        contexts: ``(n,)`` context of each row.
        right: ``(n,)`` share of the answers to it that are right: 0 or 1 where there is one.
        spent: ``(n,)`` tokens, or cost, of each row.
    """

    label: str
    contexts: Sequence[str]
    right: ArrayLike
    spent: ArrayLike


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One budget of an arm, as it is drawn."""

    label: str
    accuracy: Estimate
    spent: Estimate


@dataclass(frozen=True, slots=True)
class EqualAccuracy:
    """What the arm without sleep spends for the accuracy that one budget reaches with sleep.

    Args:
        label: the budget of the arm with sleep.
        accuracy: its accuracy.
        spent_with: what it spends.
        spent_without: what the other arm needs for that accuracy; ``None`` where it never gets that high, or is above
            it at its cheapest.
        ratio: ``spent_without / spent_with``; above 1 sleep spends less. ``None`` together with ``spent_without``.
    """

    label: str
    accuracy: Estimate
    spent_with: Estimate
    spent_without: Estimate | None
    ratio: Estimate | None


def spent_to_reach(spent: Floats, accuracy: Floats, targets: Floats) -> Floats:
    """The least that measured points, or a mixture of two of them, spend at some accuracies (`frontier`).

    >>> float(spent_to_reach(np.array([[10.0, 20.0]]), np.array([[0.2, 0.6]]), np.array([[0.5]]))[0, 0])
    17.5

    Args:
        spent: ``(R, P)``, in any order.
        accuracy: ``(R, P)``; a point below the line between two others is not on the curve.
        targets: ``(R, T)`` accuracies.

    Returns:
        ``(R, T)``; NaN outside the accuracies of the curve, or where a measured point is NaN.
    """
    broken = np.isnan(spent).any(-1, keepdims=True) | np.isnan(accuracy).any(-1, keepdims=True) | np.isnan(targets)
    corners = frontier(np.nan_to_num(spent), np.nan_to_num(accuracy))
    spent, best = corners.spent, corners.accuracy

    after = (best[:, None, :] < targets[:, :, None] - ROUNDING).sum(-1)
    inside = np.minimum(after, spent.shape[-1] - 1)
    before = np.maximum(inside - 1, 0)
    high, low = (np.take_along_axis(best, i, -1) for i in (inside, before))
    cost_high, cost_low = (np.take_along_axis(spent, i, -1) for i in (inside, before))
    part = np.clip(divide(targets - low, high - low), None, 1.0)
    between = np.where(after == 0, cost_high, cost_low + part * (cost_high - cost_low))
    outside = (after == spent.shape[-1]) | (targets < best[:, :1] - ROUNDING)
    return np.where(outside | broken, np.nan, between)


class _Arm:
    """An arm as columns of totals, three per budget, and its points as functions of their sums."""

    def __init__(self, measured: Sequence[Measured], bootstrap: Bootstrap) -> None:
        if not measured:
            raise InputError("a curve needs at least one measured budget")
        rows = [(zero_to_one(m.right, "right"), finite(m.spent, "spent")) for m in measured]
        for point, (right, spent) in zip(measured, rows, strict=True):
            same_length(len(point.contexts), right=right, spent=spent)
        totals = [
            (bootstrap.totals(spent, m.contexts), bootstrap.totals(right, m.contexts), bootstrap.counts(m.contexts))
            for m, (right, spent) in zip(measured, rows, strict=True)
        ]
        self.columns = np.stack([column for point in totals for column in point], axis=1)

    @staticmethod
    def points(sums: Floats) -> tuple[Floats, Floats]:
        """Spending and accuracy of every budget, each ``(R, P)``, from sums ``(R, 3 P)``."""
        spent, right, counts = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
        return divide(spent, counts), divide(right, counts)


def curve_points(measured: Sequence[Measured], bootstrap: Bootstrap) -> tuple[CurvePoint, ...]:
    """Every budget of an arm with its intervals."""
    return tuple(
        CurvePoint(m.label, bootstrap.share(m.right, m.contexts), bootstrap.mean(m.spent, m.contexts)) for m in measured
    )


def spent_at(
    measured: Sequence[Measured], accuracies: Sequence[float], bootstrap: Bootstrap
) -> tuple[Estimate | None, ...]:
    """What an arm needs for each of some given accuracies; ``None`` outside what it was measured at."""
    arm, targets = _Arm(measured, bootstrap), np.asarray(accuracies, dtype=np.float64)

    def statistic(sums: Floats) -> Floats:
        return spent_to_reach(*arm.points(sums), np.broadcast_to(targets, (len(sums), targets.size)))

    rows, clusters = _size(measured)
    return bootstrap.estimates(arm.columns, statistic, n=rows, clusters=clusters)


def ratio_at_equal_accuracy(
    without: Sequence[Measured], with_sleep: Sequence[Measured], bootstrap: Bootstrap
) -> tuple[EqualAccuracy, ...]:
    """Compare two arms at the accuracy of every budget of the second.

    In each resample the points of both arms are made anew, so the intervals hold the uncertainty of both curves and
    of the accuracy at which they are compared.
    """
    first, second = _Arm(without, bootstrap), _Arm(with_sleep, bootstrap)

    columns, split = np.concatenate([first.columns, second.columns], axis=1), first.columns.shape[1]

    def both(sums: Floats) -> Floats:
        spent_with, accuracy = second.points(sums[:, split:])
        spent_without = spent_to_reach(*first.points(sums[:, :split]), accuracy)
        return np.concatenate([spent_without, divide(spent_without, spent_with)], axis=1)

    rows, clusters = _size([*without, *with_sleep])
    found = bootstrap.estimates(columns, both, n=rows, clusters=clusters)
    points = curve_points(with_sleep, bootstrap)
    return tuple(
        EqualAccuracy(point.label, point.accuracy, point.spent, spent_without, ratio)
        for point, spent_without, ratio in zip(points, found[: len(points)], found[len(points) :], strict=True)
    )


def _size(measured: Sequence[Measured]) -> tuple[int, int]:
    """Rows, and contexts, of some measured budgets."""
    contexts = [m.contexts for m in measured]
    return sum(map(len, contexts)), len(set().union(*contexts))
