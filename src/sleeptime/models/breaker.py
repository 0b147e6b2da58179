"""Breaker: calls of sleep to a model that keeps failing are put off, by every worker.

Works on the ledger's port, like `pace`. What counts as the provider's error is what `faults` makes of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import anyio

from sleeptime.core.breaker import Breaker, BreakerPolicy, Breakers
from sleeptime.core.call import OK, Call, CallLedger, Phase
from sleeptime.core.counted import counted
from sleeptime.core.errors import (
    BadReply,
    ModelTimeout,
    NotNow,
    PromptRejected,
    ProviderDown,
    RateLimited,
    RequestRejected,
    StoreError,
)
from sleeptime.core.price import Tier

log = logging.getLogger(__name__)

ERRORS: Final = frozenset(error.__name__ for error in (ProviderDown, ModelTimeout, RateLimited))
"""Outcomes that say that the provider cannot answer now: down, silent or overloaded."""

ANSWERS: Final = frozenset({OK, *(error.__name__ for error in (RequestRejected, PromptRejected, BadReply))})
"""Outcomes that say that it can: it answered, if only that our request is wrong. Any other says nothing about it."""


def _now() -> datetime:
    return datetime.now(UTC)


class GuardedCalls:
    """A `CallLedger` that begins no call of sleep while the breaker of its model is open.

    Queries are never put off: their outcomes count while the breaker is closed. Batches are not guarded: they wait for
    the provider by themselves.
    """

    def __init__(
        self,
        ledger: CallLedger,
        breakers: Breakers,
        model: str,
        policy: BreakerPolicy,
        *,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Guard what is written to ``ledger``; ``model`` names provider and model, for all workers the same."""
        self._ledger = ledger
        self._breakers = breakers
        self._model = model
        self._policy = policy
        self._now = now
        self._leases: Final[dict[str, datetime]] = {}
        """By call, until when it keeps others away as the probe of an open breaker."""

    async def begin(self, call: Call) -> None:
        """As `CallLedger.begin`.

        Raises:
            NotNow: the breaker is open, or its probe is under way.
        """
        lease = await self._admitted() if _is_guarded(call) else None
        try:
            await self._ledger.begin(call)
        except BaseException:
            if lease is not None:
                with anyio.CancelScope(shield=True):
                    await self._breakers.extend(self._model, lease, self._now())
            raise
        if lease is not None:
            self._leases[call.id] = lease

    async def end(self, call: Call, reply: str | None = None) -> None:
        """As `CallLedger.end`; the outcome may open or close the breaker."""
        lease = self._leases.pop(call.id, None)
        await self._ledger.end(call, reply)
        if call.tier is Tier.BATCH:
            return
        try:
            await self._heard(call.outcome, lease)
        except StoreError:  # an answer is worth more than an exact count of errors
            log.warning("what became of a call to %s is not counted", self._model, exc_info=True)

    async def leave(self, call: Call) -> None:
        """As `CallLedger.leave`."""
        await self._ledger.leave(call)

    async def answered(self, job_id: str, key: str) -> str | None:
        """As `CallLedger.answered`: what was answered is not asked again, and says nothing about the provider."""
        return await self._ledger.answered(job_id, key)

    async def _admitted(self) -> datetime | None:
        """The lease of the probe, when the call is one; None when the breaker is closed."""
        breaker = await self._breakers.find(self._model)
        if breaker is None or breaker.open_until is None:
            return None
        now = self._now()
        if now < breaker.open_until:
            raise NotNow(_said(breaker), breaker.open_until)
        lease = now + timedelta(seconds=self._policy.probe_s)
        if not await self._breakers.extend(self._model, breaker.open_until, lease):
            raise NotNow(_said(breaker), lease)  # another worker was first
        return lease

    async def _heard(self, outcome: str, lease: datetime | None) -> None:
        if outcome in ERRORS and lease is None:
            await self._breakers.fail(self._model, outcome, self._policy, now=self._now())
        elif outcome in ERRORS and lease is not None:
            await self._breakers.fail_probe(self._model, outcome, lease, self._policy, now=self._now())
        elif outcome in ANSWERS and await self._breakers.find(self._model) is not None:
            await self._breakers.close(self._model, lease)
        elif outcome not in ANSWERS and lease is not None:  # nobody knows: the next call is the probe
            await self._breakers.extend(self._model, lease, self._now())


def _is_guarded(call: Call) -> bool:
    return call.phase is not Phase.WAKE and call.tier is not Tier.BATCH


def _said(breaker: Breaker) -> str:
    return (
        f"{breaker.model} failed {counted(breaker.failures, 'time')} in a row ({breaker.last_error}), and is left "
        "alone for a while; queries are not held back"
    )
