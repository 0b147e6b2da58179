"""From logits to the next token of each row: the likeliest, or a draw. Knows nothing of the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sleeptime.nano.weights import Array


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a row draws its tokens.

    Args:
        temperature: 0 takes the likeliest token; above, logits are divided by it.
        top_p: draw only from the likeliest tokens that together hold this share of probability (arXiv:1904.09751).
        seed: of the row's own generator, so that a row's draws do not depend on the rows beside it.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}; it must be 0 or more, and finite")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}; it must be above 0 and at most 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")


class Sampler:
    """The draws of a batch of rows, one generator per row that samples."""

    def __init__(self, rows: Sequence[Sampling]) -> None:
        self._rows = list(rows)
        self._generators = [np.random.Generator(np.random.PCG64(row.seed)) if row.temperature else None for row in rows]
        self._index()

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        self._rows = [self._rows[i] for i in rows]
        self._generators = [self._generators[i] for i in rows]
        self._index()

    def pick(self, logits: Array) -> npt.NDArray[np.intp]:
        """Next token id (B,) of logits (B, V); the lowest id among equals when greedy."""
        ids: npt.NDArray[np.intp] = logits.argmax(axis=-1)
        if self._whole:
            ids[self._whole] = _draw(self._weights(logits, self._whole), self._uniform(self._whole))
        if self._nucleus:
            weights = self._weights(logits, self._nucleus)
            order = np.argsort(-weights, axis=-1, kind="stable")
            ranked = np.take_along_axis(weights, order, axis=-1)
            before = np.cumsum(ranked, axis=-1) - ranked
            top_p = np.array([[self._rows[i].top_p] for i in self._nucleus])
            ranked[before >= top_p * ranked.sum(axis=-1, keepdims=True)] = 0.0
            rank = _draw(ranked, self._uniform(self._nucleus))
            ids[self._nucleus] = np.take_along_axis(order, rank[:, None], axis=-1)[:, 0]
        return ids

    def _index(self) -> None:
        sampled = [i for i, row in enumerate(self._rows) if row.temperature]
        self._whole = [i for i in sampled if self._rows[i].top_p == 1.0]
        self._nucleus = [i for i in sampled if self._rows[i].top_p < 1.0]

    def _weights(self, logits: Array, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        scaled = logits[rows].astype(np.float64)
        scaled -= scaled.max(axis=-1, keepdims=True)
        scaled /= np.array([[self._rows[i].temperature] for i in rows])
        return np.exp(scaled)

    def _uniform(self, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        generators = (self._generators[i] for i in rows)
        return np.array([generator.random() for generator in generators if generator is not None])


def _draw(weights: npt.NDArray[np.float64], uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Index (B,) drawn in proportion to weights (B, V), by inverting the cumulative sum at uniform (B,) in [0, 1)."""
    cumulative = np.cumsum(weights, axis=-1)
    index: npt.NDArray[np.intp] = (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(axis=-1)
    return index
