"""Totals: calls added up, and the lines of the ledger.

A call whose price is unknown makes the cost of every sum it is in unknown; it never counts as 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sleeptime.core.call import LOST, OK, RUNNING, Call, Phase
from sleeptime.core.price import Tier
from sleeptime.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over calls.

    Args:
        calls: how many ended, failed and lost ones included.
        failed_calls: how many of them failed.
        unknown_calls: how many of them have an unknown cost.
        usage: their tokens.
        known_cost_usd: cost of those whose cost is known: the least that was paid.
        latency_s: their wall-clock seconds, as if one after the other.
        lost_calls: how many of them were cut off by the end of their process: nobody knows whether they were paid.
        running_calls: further calls, that have not ended yet.
    """

    calls: int = 0
    failed_calls: int = 0
    unknown_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    known_cost_usd: float = 0.0
    latency_s: float = 0.0
    lost_calls: int = 0
    running_calls: int = 0

    @property
    def cost_usd(self) -> float | None:
        """What the calls cost; ``None`` when the cost of any is unknown."""
        return None if self.unknown_calls else self.known_cost_usd

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            calls=self.calls + other.calls,
            failed_calls=self.failed_calls + other.failed_calls,
            unknown_calls=self.unknown_calls + other.unknown_calls,
            usage=self.usage + other.usage,
            known_cost_usd=self.known_cost_usd + other.known_cost_usd,
            latency_s=self.latency_s + other.latency_s,
            lost_calls=self.lost_calls + other.lost_calls,
            running_calls=self.running_calls + other.running_calls,
        )

    @classmethod
    def of(cls, calls: Iterable[Call]) -> Totals:
        """The sums over all the calls."""
        return sum((cls.of_call(call) for call in calls), cls())

    @classmethod
    def of_call(cls, call: Call) -> Totals:
        """The sums over this one call."""
        if call.outcome == RUNNING:
            return cls(running_calls=1)
        return cls(
            calls=1,
            failed_calls=int(call.outcome not in (OK, LOST)),
            unknown_calls=int(call.cost_usd is None),
            usage=call.usage,
            known_cost_usd=call.cost_usd or 0.0,
            latency_s=call.latency_s,
            lost_calls=int(call.outcome == LOST),
        )

    def as_dict(self) -> dict[str, int | float | None]:
        """Flat, with the token classes under their own names, as ``ledger --json`` prints it."""
        return {
            "calls": self.calls,
            "failed_calls": self.failed_calls,
            "lost_calls": self.lost_calls,
            "running_calls": self.running_calls,
            "unknown_calls": self.unknown_calls,
            **self.usage.as_dict(),
            "cost_usd": self.cost_usd,
            "known_cost_usd": self.known_cost_usd,
            "latency_s": self.latency_s,
        }


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the ledger: the calls of one context, phase, model and tier.

    Args:
        context: name of the context; ``""`` for calls that served none.
        phase: what the calls were made for.
        model: name of the model.
        tier: price and speed class.
        totals: their sums.
    """

    context: str
    phase: Phase
    model: str
    tier: Tier
    totals: Totals

    def as_dict(self) -> dict[str, str | int | float | None]:
        """Flat, as ``ledger --json`` prints it."""
        return {
            "context": self.context,
            "phase": self.phase.value,
            "model": self.model,
            "tier": self.tier.value,
            **self.totals.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Sums:
    """The ledger, added up.

    Args:
        rows: by context, phase, model and tier, sorted by context and phase.
        totals: by phase, over all contexts, shown or not.
        contexts: how many contexts have calls; counted to 10,000 and no further.
    """

    rows: tuple[LedgerRow, ...]
    totals: dict[Phase, Totals]
    contexts: int

    @property
    def sleep(self) -> Totals:
        """Of all calls made while no query waited."""
        return sum((totals for phase, totals in self.totals.items() if phase is not Phase.WAKE), Totals())
