"""Figure of `amortization`."""

from __future__ import annotations

from collections.abc import Mapping

from sleeptime.lab.experiments.amortized import Amortization, Ledger, Share
from sleeptime.lab.experiments.recipes import PRICE_RATIOS, QUERY_COUNTS
from sleeptime.lab.figures import Axis, HeatMap, figure_svg


def draw_amortization(found: Mapping[str, Amortization]) -> str | None:
    """One map per method and ledger: how many times cheaper, by N and t. None where nothing can be compared."""
    panels = []
    for name, amortization in found.items():
        for ledger in Ledger:
            savings = [[amortization.costs[Share(ledger, t, n)].saving for n in QUERY_COUNTS] for t in PRICE_RATIOS]
            values = tuple(tuple(None if saving is None else saving.mean for saving in row) for row in savings)
            if any(value is not None for row in values for value in row):
                panels.append(
                    HeatMap(
                        f"{name}, {ledger}",
                        tuple(f"t = {t:g}" for t in PRICE_RATIOS),
                        tuple(f"{n}" for n in QUERY_COUNTS),
                        values,
                        Axis("queries per context"),
                        Axis("times cheaper than without sleep"),
                        centre=1.0,
                    )
                )
    if not panels:
        return None
    return figure_svg(
        panels,
        title="How many times cheaper a query is with sleep, at equal accuracy",
        description="; ".join(
            f"{panel.title}: between {min(v for row in panel.values for v in row if v is not None):.2f} and "
            f"{max(v for row in panel.values for v in row if v is not None):.2f} times"
            for panel in panels
        ),
        columns=3,
    )
