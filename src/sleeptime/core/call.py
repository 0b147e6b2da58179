"""Call: one request to a model, as the ledger keeps it; and the port that takes calls in.

Knows nothing of where calls are recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import uuid4

from sleeptime.core.price import Tier
from sleeptime.core.usage import Usage

OK: Final = "ok"
"""The outcome of a call that succeeded; a failed call has the class name of its error."""


class Phase(StrEnum):
    """What a call was made for."""

    SLEEP = "sleep"
    WAKE = "wake"
    VERIFY = "verify"
    GATE = "gate"


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a model, successful or not.

    Args:
        phase: what it was made for.
        model: name of the model.
        usage: tokens it used; zeros when the provider told nothing.
        context: name of the context it served; ``""`` when none.
        tier: price and speed class.
        cost_usd: what it cost in USD; ``None`` when the price is unknown, which is not 0.
        latency_s: wall-clock seconds from request to the end of the reply.
        query_id: the query it answered, if any.
        job_id: the sleep it belongs to, if any.
        outcome: ``"ok"``, or the class name of the error.
        at: when it began, in UTC.
        id: unique; recording one id twice records it once.
    """

    phase: Phase
    model: str
    usage: Usage
    context: str = ""
    tier: Tier = Tier.STANDARD
    cost_usd: float | None = None
    latency_s: float = 0.0
    query_id: str | None = None
    job_id: str | None = None
    outcome: str = OK
    at: datetime = field(default_factory=_now)
    id: str = field(default_factory=_new_id)


class CallSink(Protocol):
    """Takes every call that was made."""

    async def __call__(self, call: Call) -> None:
        """Keep the call. Must not raise for a call that was paid for and can be kept; safe to repeat for one id."""
        ...
