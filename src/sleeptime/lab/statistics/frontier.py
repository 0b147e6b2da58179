"""Frontier: the best mean accuracy that so many tokens buy, out of some ways to spend them and mixtures of two.

A mixture serves a share of the queries one way and the rest another, so the frontier is the upper concave hull of the
ways' means, level after the best of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sleeptime.lab.statistics.bootstrap import divide
from sleeptime.lab.statistics.estimate import Floats, Indices


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Corners of R frontiers, by rising tokens; the last one is repeated where a frontier has fewer.

    Args:
        ways: ``(R, H)`` which way each corner is.
        spent: ``(R, H)`` tokens.
        accuracy: ``(R, H)``.
    """

    ways: Indices
    spent: Floats
    accuracy: Floats

    def best(self, limits: Floats) -> Floats:
        """Best accuracy for at most ``(R, L)`` tokens; NaN where even the cheapest way takes more."""
        left, right, part = self.between(limits)
        low, high = (np.take_along_axis(self.accuracy, i, 1) for i in (left, right))
        return np.where(limits < self.spent[:, :1], np.nan, low + part * (high - low))

    def between(self, limits: Floats) -> tuple[Indices, Indices, Floats]:
        """Corners on both sides of each limit, and the share of the queries that goes to the dearer one."""
        reached = (self.spent[:, None, :] <= limits[:, :, None]).sum(-1)
        left = np.maximum(reached - 1, 0)
        right = np.minimum(left + 1, self.spent.shape[1] - 1)
        low, high = (np.take_along_axis(self.spent, i, 1) for i in (left, right))
        part = np.nan_to_num(divide(limits - low, high - low))
        return left, right, np.clip(part, 0.0, 1.0)


def frontier(spent: Floats, accuracy: Floats) -> Frontier:
    """The frontier of ways ``(R, W)``, found corner by corner: the next is where accuracy rises fastest.

    >>> ways = frontier(np.array([[10.0, 30.0, 20.0]]), np.array([[0.2, 0.8, 0.3]]))
    >>> ways.ways.tolist(), ways.best(np.array([[20.0, 99.0]])).tolist()
    ([[0, 1]], [[0.5, 0.8]])
    """
    rows = np.arange(len(spent))
    cheapest = spent == spent.min(axis=1, keepdims=True)
    at = np.where(cheapest, accuracy, -np.inf).argmax(axis=1)
    corners = [at]
    for _ in range(spent.shape[1] - 1):
        further = spent > spent[rows, at, None]
        rise = np.where(further, accuracy - accuracy[rows, at, None], -np.inf)
        slope = rise / np.where(further, spent - spent[rows, at, None], 1.0)
        best = slope.argmax(axis=1)
        at = np.where(slope[rows, best] > 0, best, at)
        if (at == corners[-1]).all():
            break
        corners.append(at)
    ways = np.stack(corners, axis=1)
    return Frontier(ways, np.take_along_axis(spent, ways, 1), np.take_along_axis(accuracy, ways, 1))
