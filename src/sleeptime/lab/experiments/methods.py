"""Methods: ways to serve queries that stand beside each other at every budget, as arms share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.recipes import BUDGETS, MERGED, ONE, of_drafts
from sleeptime.sleep.settings import SleepSettings

QUICK_DRAFTS: Final = 5
"""Merged drafts of a quick run."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to serve queries, whatever the budget.

    Args:
        name: as tables and figures have it.
        sleep: how c' is made; None serves from the context alone.
    """

    name: str
    sleep: SleepSettings | None = None

    def arm(self, budget: str) -> Arm:
        """Its greedy arm at a budget."""
        return Arm(budget, self.sleep)

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Its greedy arms at every budget."""
        return tuple(self.arm(budget) for budget in BUDGETS)


WITHOUT: Final = Method("without sleep")
ONE_DRAFT: Final = Method("one draft", ONE)


def merged(*, is_quick: bool) -> Method:
    """Drafts merged by vote: ten of them, or fewer in a quick run."""
    return of_merged(QUICK_DRAFTS if is_quick else MERGED.drafts)


def of_merged(drafts: int) -> Method:
    """So many drafts, merged by vote; one draft has nothing to be merged with."""
    return ONE_DRAFT if drafts == 1 else Method(f"{drafts} merged drafts", of_drafts(drafts))
