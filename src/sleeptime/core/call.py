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
RUNNING: Final = "running"
"""The outcome of a call that was begun and has not ended."""
LOST: Final = "lost"
"""The outcome of a call whose maker died while it ran: nobody knows whether it was answered, or what it cost."""


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


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most that a call may use.

    Args:
        tokens: of all classes together.
        cost_usd: ``None`` when the price is unknown.
    """

    tokens: int = 0
    cost_usd: float | None = 0.0


NOTHING: Final = WorstCase()


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
        key: which call of its job it is, ``"DRAFT.TURN"``: the same when the job runs again. Attempts that failed have
            the key of the one that was answered at last.
        worker: id of the worker that makes it; ``None`` for a process that is none.
        outcome: ``"ok"``, ``"running"``, ``"lost"``, or the class name of the error.
        reserved: the most it may have used beside `usage` and `cost_usd`: the worst case while it runs, and what stays
            in doubt when it is lost, or failed in a way that the provider may bill.
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
    key: str | None = None
    worker: str | None = None
    outcome: str = OK
    reserved: WorstCase = NOTHING
    at: datetime = field(default_factory=_now)
    id: str = field(default_factory=_new_id)


class CallLedger(Protocol):
    """Knows every call before it is made and how it ended, and keeps the answers of a job until it is over.

    A call is begun, made, and ended, whatever came of it. One that was begun and not ended was cut off by a crash.
    """

    async def begin(self, call: Call) -> None:
        """Keep that the call is about to be made, with ``call.reserved`` counted against every cap: both, or neither.

        May wait while calls under way hold the room. Safe to repeat for one id: a call that was left, or lost, is under
        way again. Whatever it raises, a cancellation too: nothing is reserved, and the call must not be made.

        Args:
            call: its outcome is `RUNNING`.

        Raises:
            CapReached: a cap leaves no room for its worst case.
            InputError: a cap in USD stands alone, and the price of the model is unknown.
            StoreError: it could not be kept.
        """
        ...

    async def end(self, call: Call, reply: str | None = None) -> None:
        """Keep how the call ended, in place of what was reserved. Safe to repeat for one id: the first end counts.

        Must not raise for a call that was paid for and can be kept.

        Args:
            call: of the id that was begun; ``call.reserved`` is what stays in doubt.
            reply: the reply as JSON, for `answered`; ``None`` unless it was answered and has a key.
        """
        ...

    async def leave(self, call: Call) -> None:
        """Keep that the provider has the call in hand, and that who asks for it again by the same id gets the answer.

        It stays under way, whatever becomes of its maker. Safe to repeat.
        """
        ...

    async def answered(self, job_id: str, key: str) -> str | None:
        """The reply to the call of this key as JSON, when this job has it; ``None`` when the call is to be made."""
        ...
