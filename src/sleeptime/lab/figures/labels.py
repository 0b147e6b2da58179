"""Where labels go: beside what they name, off the lines, off each other. Pure geometry in pixels, y upwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
GAP = 7.0
CLEAR = 30.0
"""Pixels of distance to other series beyond which a label cannot be mistaken for theirs."""


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """A text to place.

    Args:
        anchors: ``(n, 2)`` points that it may stand beside, the best first.
        width: of the text.
        height: of the text.
        own: ``(m, 2)`` points along what it names: it may be near, not on them.
        others: ``(m, 2)`` points along everything else.
        turns: sides of the anchor to try, the best first, as (-1, 0, 1) to the left or right and down or up.
    """

    anchors: Points
    width: float
    height: float
    own: Points
    others: Points
    turns: tuple[tuple[int, int], ...] = ((1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1), (-1, 0))


@dataclass(frozen=True, slots=True)
class Box:
    """A placed text: its left, bottom, right and top."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Area in common."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def distances(self, points: Points) -> Points:
        """How far each point is from the box, 0 inside, ``(n,)``."""
        if not points.size:
            return np.full(1, np.inf)
        x = np.maximum(np.maximum(self.left - points[:, 0], points[:, 0] - self.right), 0)
        y = np.maximum(np.maximum(self.bottom - points[:, 1], points[:, 1] - self.top), 0)
        return np.hypot(x, y)


def along(points: Points, step: float = 3.0) -> Points:
    """Points every ``step`` pixels along a line through ``points``, ``(n, 2)`` to ``(m, 2)``."""
    pieces = [points[:1]]
    for start, end in pairwise(points):
        count = max(1, int(np.hypot(*(end - start)) // step))
        pieces.append(start + (end - start) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(pieces)


def place(labels: Sequence[Label], bounds: Box) -> tuple[Box, ...]:
    """Place labels one after the other, each where it costs least.

    A cost is counted in pixels of text covered: on another label, outside the bounds, on a line; and, to a lesser
    degree, near another series or far from the favourite side of the favourite anchor.
    """
    placed: list[Box] = []
    for label in labels:
        tried = [
            _beside(x, y, label, turn)
            for (x, y), turn in product(((float(x), float(y)) for x, y in label.anchors), label.turns)
        ]
        costs = [_cost(box, label, placed, bounds) + 0.4 * rank for rank, box in enumerate(tried)]
        placed.append(tried[int(np.argmin(costs))])
    return tuple(placed)


def _beside(x: float, y: float, label: Label, turn: tuple[int, int]) -> Box:
    across, up = turn
    gap = GAP if 0 in turn else GAP * 0.7
    left = x + across * (gap + label.width / 2) - label.width / 2
    bottom = y + up * (gap + label.height / 2) - label.height / 2
    return Box(left, bottom, left + label.width, bottom + label.height)


def _cost(box: Box, label: Label, placed: Sequence[Box], bounds: Box) -> float:
    area = label.width * label.height
    outside = area - box.overlap(bounds)
    on_labels = sum(box.overlap(other) for other in placed)
    from_others = box.distances(label.others)
    covered = 25.0 * ((box.distances(label.own) < 2).sum() + (from_others < 3).sum())
    doubt = max(0.0, CLEAR - float(from_others.min()))
    return float(10 * (outside + on_labels) / area * 100 + covered + doubt)
