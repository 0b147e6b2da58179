"""Spend: what the calls of a scope used on a day or in all, and what counts for those whose end is not known."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum

from sleeptime.core.call import RUNNING, Call, Phase


class Scope(StrEnum):
    """Whose calls are added up."""

    JOB = "job"
    CONTEXT = "context"
    TENANT = "tenant"


class Lane(StrEnum):
    """Which calls are added up: caps hold what is done while nobody waits, and never a query."""

    SLEEP = "sleep"
    WAKE = "wake"

    @classmethod
    def of(cls, phase: Phase) -> Lane:
        """The lane of a call; verification and gate belong to sleep."""
        return cls.WAKE if phase is Phase.WAKE else cls.SLEEP


def utc_day(moment: datetime) -> str:
    """The day that a call counts to: the UTC date on which it began, such as ``2026-05-04``."""
    return moment.astimezone(UTC).date().isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Sums over calls.

    Args:
        calls: that ended, failed ones and those whose end nobody knows included.
        tokens: of all classes, of calls that told.
        cost_usd: of calls whose cost is known: the least that was paid.
        unpriced_calls: calls whose cost nobody knows.
        reserved_tokens: worst case of the calls under way.
        reserved_usd: likewise; calls of unknown price add nothing.
        doubt_tokens: worst case of calls whose end nobody knows: lost, cut, or timed out.
        doubt_usd: likewise.
    """

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    unpriced_calls: int = 0
    reserved_tokens: int = 0
    reserved_usd: float = 0.0
    doubt_tokens: int = 0
    doubt_usd: float = 0.0

    @classmethod
    def of(cls, call: Call) -> Spend:
        """What one call counts, as far as it is known."""
        tokens, usd = call.reserved.tokens, call.reserved.cost_usd or 0.0
        if call.outcome == RUNNING:
            return cls(reserved_tokens=tokens, reserved_usd=usd)
        return cls(
            calls=1,
            tokens=call.usage.total_tokens,
            cost_usd=call.cost_usd or 0.0,
            unpriced_calls=int(call.cost_usd is None),
            doubt_tokens=tokens,
            doubt_usd=usd,
        )

    @property
    def most_tokens(self) -> int:
        """What it can have come to at most, as caps count it."""
        return self.tokens + self.reserved_tokens + self.doubt_tokens

    @property
    def most_usd(self) -> float:
        """Likewise; calls of unknown price add nothing."""
        return self.cost_usd + self.reserved_usd + self.doubt_usd

    @property
    def settled(self) -> Spend:
        """The same without the calls under way."""
        return replace(self, reserved_tokens=0, reserved_usd=0.0)

    def __add__(self, other: Spend) -> Spend:
        return Spend(**{item.name: getattr(self, item.name) + getattr(other, item.name) for item in fields(self)})

    def __sub__(self, other: Spend) -> Spend:
        return Spend(**{item.name: getattr(self, item.name) - getattr(other, item.name) for item in fields(self)})
