"""Fusion: from the scores that the signals give a file to how likely a change touches it, and how many files to name.

Weighted reciprocal ranks (Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
rank learning methods", 2009), each tempered by how near the score is to the best one, are added up and read as log
odds: logistic regression, held near the weights below (`PRIOR`) by a ridge, so that a few replays shift them and none
leave them as they are. Of the files so ordered as many are named as promise the best F1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sleeptime.swe.signals import NAMES

if TYPE_CHECKING:
    import numpy as np

K: Final = 20
"""How flat reciprocal ranks are: that of the file in place K + 2 is half of the first one's."""
MAX_RANK: Final = 60
"""Files further down count as not found by a signal."""
PRIOR: Final = {
    "content": 2.7,
    "symbols": 0.1,
    "path": 0.8,
    "messages": 1.3,
    "similar": 0.5,
    "analogous": 2.1,
    "together": 1.3,
    "recent": 1.2,
    "source": 0.4,
    "bias": -6.6,
}
"""Log odds of the file that a signal puts first; of source code; and of any file. By `training/swe_weights.py`."""
RIDGE: Final = 2.0
"""How firmly the weights are held near `PRIOR`: as by so many files that speak for it."""
MAX_NAMED: Final = 30
_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the signals said of one past change, and what it touched.

    Args:
        strengths: of the files that any signal found, as `strengths` gives them, float32 ``(n, 8)``.
        is_source: whether each is source code, bool ``(n,)``.
        is_touched: whether the change touched it, bool ``(n,)``.
        others: how many files no signal found: source or not, touched or not, int64 ``(2, 2)``.
    """

    strengths: np.ndarray
    is_source: np.ndarray
    is_touched: np.ndarray
    others: np.ndarray

    def packed(self) -> bytes:
        """As bytes."""
        import numpy as np

        flags = np.stack([self.is_source, self.is_touched]).astype(np.uint8)
        arrays = (self.others.astype("<i8"), self.strengths.astype("<f4"), flags)
        return b"".join(array.tobytes() for array in arrays)

    @classmethod
    def unpacked(cls, data: bytes) -> Evidence:
        """From `packed`."""
        import numpy as np

        others = np.frombuffer(data, "<i8", 4).reshape(2, 2)
        num = (len(data) - others.nbytes) // (4 * len(NAMES) + 2)
        found = np.frombuffer(data, "<f4", num * len(NAMES), others.nbytes).reshape(num, len(NAMES))
        flags = np.frombuffer(data, np.uint8, 2 * num, others.nbytes + found.nbytes).reshape(2, num).astype(bool)
        return cls(found, flags[0], flags[1], others)


def strengths(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """How strongly each signal speaks for each file, float32 ``(F, 8)``: 1 for the first, 0 for one it did not find.

    The geometric mean of the reciprocal rank and of the share of the best score: a rank alone would say as much for a
    file that is first by chance as for one that stands out. Equal scores go in the order of the files.
    """
    import numpy as np

    found = np.zeros((len(next(iter(scores.values()))), len(NAMES)), np.float32)
    for column, name in enumerate(NAMES):
        best = np.argsort(-scores[name], kind="stable")[:MAX_RANK]
        best = best[scores[name][best] > 0]
        if len(best):
            reciprocal = (K + 1) / (K + 1 + np.arange(len(best)))
            found[best, column] = np.sqrt(reciprocal * scores[name][best] / scores[name][best[0]])
    return found


def features(found: np.ndarray, is_source: np.ndarray) -> np.ndarray:
    """What the weights are for: `strengths`; source code; and a constant. float64 ``(F, 10)``."""
    import numpy as np

    return np.hstack([found.astype(float), is_source[:, None], np.ones((len(found), 1))])


def prior() -> np.ndarray:
    """The weights before any replay."""
    import numpy as np

    return np.array([PRIOR[name] for name in (*NAMES, "source", "bias")])


def probabilities(weights: np.ndarray, found: np.ndarray) -> np.ndarray:
    """How likely each file is touched, given its `features`."""
    import numpy as np

    likely: np.ndarray = 1 / (1 + np.exp(-np.clip(found @ weights, -30, 30)))
    return likely


def fit(replayed: Sequence[Evidence], start: np.ndarray | None = None) -> np.ndarray:
    """The weights that past changes speak for.

    Args:
        replayed: what the signals said of each, and what it touched.
        start: the weights without any; `prior` by default.
    """
    import numpy as np

    start = prior() if start is None else start
    if not replayed:
        return start
    ridge = np.full(len(start), RIDGE)
    ridge[-1] = 0.1
    return np.round(regression(*_rows(replayed), start, ridge), 6)


def regression(
    rows: np.ndarray, truth: np.ndarray, times: np.ndarray, start: np.ndarray, ridge: np.ndarray
) -> np.ndarray:
    """Logistic regression, by Newton's method.

    Args:
        rows: `features`, float64 ``(n, 10)``.
        truth: whether the file of each row was touched, float64 ``(n,)``.
        times: how often each row counts, ``(n,)``.
        start: what the weights are held near to, ``(10,)``.
        ridge: how firmly, ``(10,)``.
    """
    import numpy as np

    weights = start
    for _ in range(_STEPS):
        likely = probabilities(weights, rows)
        slope = rows.T @ (times * (likely - truth)) + ridge * (weights - start)
        curve = (rows * (times * likely * (1 - likely))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights = weights - np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-9:
            break
    return weights


def _rows(replayed: Sequence[Evidence]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, truth and number of the files of all replays; those that no signal found are put together."""
    import numpy as np

    found = np.vstack([evidence.strengths for evidence in replayed])
    is_source = np.concatenate([evidence.is_source for evidence in replayed])
    truth = np.concatenate([evidence.is_touched for evidence in replayed])
    others = sum((evidence.others for evidence in replayed), np.zeros((2, 2), np.int64))
    none = features(np.zeros((4, len(NAMES))), np.array([False, False, True, True]))
    return (
        np.vstack([features(found, is_source), none]),
        np.concatenate([truth, [False, True, False, True]]).astype(float),
        np.concatenate([np.ones(len(truth)), others.ravel()]),
    )


def num_named(likely: np.ndarray) -> int:
    """How many of the files, best first, to name so that F1 may be expected to be best.

    Of the first k, sum(p_1..p_k) are right and sum(p) are to be found: F1 is about 2 sum(p_1..p_k) / (k + sum(p)).

    >>> import numpy as np
    >>> num_named(np.array([0.9, 0.8, 0.1, 0.1]))
    2
    """
    import numpy as np

    best = likely[:MAX_NAMED]
    if not len(best):
        return 0
    expected = 2 * np.cumsum(best) / (np.arange(1, len(best) + 1) + likely.sum())
    return int(np.argmax(expected)) + 1
