"""An estimate with its interval, and the checked arrays that estimates are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sleeptime.core.errors import InputError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Labels = Sequence[object] | NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval.

    Args:
        mean: the figure on the data as they are (a mean, a difference, a ratio, ...).
        low: lower end of the interval; ``None`` when the data hold fewer than 2 clusters, or when the figure is
            undefined in more than half of the resamples.
        high: upper end, ``None`` together with ``low``.
        n: rows that the figure is made from.
        clusters: contexts that these rows belong to.
        undefined: share of the resamples in which the figure could not be computed, such as a ratio at an accuracy
            that one arm did not reach. The interval is over the others, so a share that is not small makes it
            optimistic: show it.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    undefined: float = 0.0

    def is_above(self, value: float = 0.0) -> bool:
        """Whether the whole interval is above a value; never without one."""
        return self.low is not None and self.low > value

    def is_below(self, value: float = 0.0) -> bool:
        """Whether the whole interval is below a value; never without one."""
        return self.high is not None and self.high < value


def finite(values: ArrayLike, name: str) -> Floats:
    """``values`` as a ``(n,)`` array of finite floats.

    Raises:
        InputError: not one-dimensional, empty, or with a value that is no finite number.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or not found.size:
        raise InputError(f"{name}: one value per row is needed, and at least one row; got the shape {found.shape}")
    if not np.isfinite(found).all():
        raise InputError(f"{name}: every value must be a finite number; leave unscored rows out and count them apart")
    return found


def zero_or_one(values: ArrayLike, name: str) -> Floats:
    """``values`` as a ``(n,)`` array of 0.0 and 1.0.

    Raises:
        InputError: as ``finite``, or another value than 0 and 1.
    """
    found = finite(values, name)
    if not np.isin(found, (0.0, 1.0)).all():
        raise InputError(f"{name}: every value must be 0 or 1 (false or true)")
    return found


def zero_to_one(values: ArrayLike, name: str) -> Floats:
    """``values`` as a ``(n,)`` array of shares.

    Raises:
        InputError: as ``finite``, or a value below 0 or above 1.
    """
    found = finite(values, name)
    if found.min() < 0 or found.max() > 1:
        raise InputError(f"{name}: every value must be a share, from 0 to 1")
    return found


def same_length(rows: int, **others: Labels) -> None:
    """Check that every other array has one entry per row.

    Raises:
        InputError: one has not.
    """
    for name, other in others.items():
        if len(other) != rows:
            raise InputError(f"{name}: {len(other)} entries for {rows} rows; each row needs one")


def codes(labels: Labels) -> tuple[Indices, int]:
    """Number equal labels alike, in sorted order of their text: ``(n,)`` codes and how many labels differ.

    >>> codes(["b", "a", "b"])[0].tolist()
    [1, 0, 1]
    """
    texts = [str(label) for label in labels]
    numbers = {text: number for number, text in enumerate(sorted(set(texts)))}
    return np.array([numbers[text] for text in texts], dtype=np.intp), len(numbers)


def clustered_standard_error(values: ArrayLike, contexts: Sequence[str]) -> float | None:
    """Standard error of the mean of rows that are correlated within a context.

    ``sqrt(sum over contexts of (sum over its rows of (value - mean))^2) / n``, arXiv:2411.00640, section 2.2. The
    bootstrap does not use it: it is there to be compared with.

    Args:
        values: ``(n,)``.
        contexts: the context of each row.

    Returns:
        ``None`` with fewer than 2 contexts.
    """
    rows = finite(values, "values")
    same_length(rows.size, contexts=contexts)
    index, count = codes(contexts)
    if count < 2:
        return None
    residuals = np.bincount(index, rows - rows.mean(), minlength=count)
    return float(np.sqrt((residuals**2).sum()) / rows.size)
