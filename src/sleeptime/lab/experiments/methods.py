"""Methods: ways to serve queries that stand beside each other at every budget, as arms share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.recipes import BUDGETS, MERGED_DRAFTS, QUICK_DRAFTS, seeded
from sleeptime.sleep.settings import SleepSettings
from sleeptime.wake.route import Route


@dataclass(frozen=True, slots=True)
class Method:
    """A way to serve queries, whatever the budget.

    Args:
        name: as tables and figures have it.
        sleeps: how c' is made, once per seed; none serves from the context alone.
    """

    name: str
    sleeps: tuple[SleepSettings, ...] = ()

    def at(self, budget: str, route: Route = Route.AUTO) -> tuple[Arm, ...]:
        """Its greedy arms at a budget, which differ in the seed of the drafts alone."""
        return tuple(Arm(budget, sleep, route) for sleep in self.sleeps or (None,))

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Its arms at every budget."""
        return tuple(arm for budget in BUDGETS for arm in self.at(budget))


WITHOUT: Final = Method("without sleep")


def of_merged(drafts: int, *, is_quick: bool) -> Method:
    """So many drafts, merged by vote; one draft has nothing to be merged with."""
    return Method("one draft" if drafts == 1 else f"{drafts} merged drafts", seeded(drafts, is_quick=is_quick))


ONE_DRAFT: Final = of_merged(1, is_quick=False)


def merged(*, is_quick: bool) -> Method:
    """Drafts merged by vote: ten of them, or fewer in a quick run."""
    return of_merged(QUICK_DRAFTS if is_quick else MERGED_DRAFTS, is_quick=is_quick)


def slept(*, is_quick: bool) -> tuple[Method, Method]:
    """The methods with sleep that most experiments compare."""
    return ONE_DRAFT, merged(is_quick=is_quick)
