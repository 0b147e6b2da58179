"""Equal accuracy: how many times more one curve spends than another, at accuracies that both reach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sleeptime.lab.statistics import Bootstrap, Estimate, Measured, divide, spent_to_reach
from sleeptime.lab.statistics.estimate import Floats


def totals_of(measured: Sequence[Measured], bootstrap: Bootstrap) -> Floats:
    """``(C, 3 P)`` of P measured budgets: spent, right and rows of each context."""
    columns = [
        column
        for m in measured
        for column in (
            bootstrap.totals(m.spent, m.contexts),
            bootstrap.totals(m.right, m.contexts),
            bootstrap.counts(m.contexts),
        )
    ]
    return np.stack(columns, axis=1)


def means_of(sums: Floats) -> tuple[Floats, Floats]:
    """Mean spending and accuracy of each budget, ``(R, P)`` each, from sums of `totals_of`."""
    return divide(sums[:, 0::3], sums[:, 2::3]), divide(sums[:, 1::3], sums[:, 2::3])


def ratio_along(
    without: Sequence[Measured], with_sleep: Sequence[Measured], accuracies: Sequence[float], bootstrap: Bootstrap
) -> tuple[Estimate | None, ...]:
    """What the first curve spends over what the second does, at given accuracies.

    Args:
        without: budgets of the first.
        with_sleep: budgets of the second.
        accuracies: 0 to 1.
        bootstrap: the draws; both curves are made anew in each.

    Returns:
        One per accuracy, ``None`` where a curve does not reach it or starts above it: nothing is extrapolated.
    """
    targets, split = np.asarray(accuracies, dtype=np.float64), 3 * len(without)
    columns = np.concatenate([totals_of(without, bootstrap), totals_of(with_sleep, bootstrap)], axis=1)

    def ratio(sums: Floats) -> Floats:
        wanted = np.broadcast_to(targets, (len(sums), targets.size))
        first = spent_to_reach(*means_of(sums[:, :split]), wanted)
        return divide(first, spent_to_reach(*means_of(sums[:, split:]), wanted))

    rows = len(without[0].contexts)
    return bootstrap.estimates(columns, ratio, n=rows, clusters=len(set(without[0].contexts)))


def common_accuracies(
    without: Sequence[Measured], with_sleep: Sequence[Measured], step: float = 0.01
) -> tuple[float, ...]:
    """Accuracies in even steps that both curves reach, as the data are: from the dearer start to the lower top."""
    starts, tops = zip(*(_ends(curve) for curve in (without, with_sleep)), strict=True)
    first, last = int(np.ceil(max(starts) / step - 1e-9)), int(np.floor(min(tops) / step + 1e-9))
    return tuple(round(number * step, 6) for number in range(first, last + 1))


def _ends(curve: Sequence[Measured]) -> tuple[float, float]:
    """Accuracy of the cheapest budget, and of the best."""
    accuracy = [float(np.asarray(m.right).mean()) for m in curve]
    cheapest = min(range(len(curve)), key=lambda i: (float(np.asarray(curve[i].spent).mean()), -accuracy[i]))
    return accuracy[cheapest], max(accuracy)
