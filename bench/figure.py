"""Figure: one measured number, and the median that most of them are."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Args:
        name: what was measured.
        value: the number.
        unit: its unit, such as ``"ms"`` or ``"tokens/s"``.
        detail: how it was measured, or how far it varies.
    """

    name: str
    value: float
    unit: str
    detail: str = ""


async def median_ms(name: str, operation: Callable[[int], Awaitable[object]], repeats: int, warm_up: int = 5) -> Figure:
    """Median milliseconds of ``operation(i)`` for i = 0, 1, ..., after a few that are not counted."""
    for i in range(warm_up):
        await operation(i)
    took_ms = []
    for i in range(repeats):
        start = time.perf_counter()
        await operation(i)
        took_ms.append(1e3 * (time.perf_counter() - start))
    p90 = quantiles(took_ms, n=10)[-1]
    return Figure(name, median(took_ms), "ms", f"median of {repeats}, 90 % within {p90:.2f} ms")
