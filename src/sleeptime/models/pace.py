"""Pace: calls of sleep to one provider wait for their turn, so that they keep to its limits and leave room for queries.

Works on the ledger's port, where every call is begun once and ended once, streamed or not, answered or not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import anyio

from sleeptime.core.call import NOTHING, OK, Call, CallLedger, Phase
from sleeptime.core.errors import NotNow, StoreError
from sleeptime.core.pace import Pace, Rates, minute_of
from sleeptime.core.price import Tier
from sleeptime.core.tokens import BYTES_PER_TOKEN

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Pacer:
    """The way to one provider, for every call of sleep in this process.

    Args:
        provider: whose limits they are.
        pace: the limits.
        rates: what all workers send it.
        now, sleep: the clock.
    """

    def __init__(
        self,
        provider: str,
        pace: Pace,
        rates: Rates,
        *,
        now: Callable[[], datetime] = _now,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.provider = provider
        self.pace = pace
        self._rates = rates
        self._now = now
        self._sleep = sleep
        self._slots = asyncio.Semaphore(pace.calls_at_once) if pace.calls_at_once is not None else None
        self._turn = asyncio.Lock()

    async def enter(self, tokens: int) -> int:
        """Wait for a turn, in the order of asking.

        Args:
            tokens: estimate of what the call will use.

        Returns:
            The minute that it is counted in; `leave` gives the turn back.

        Raises:
            NotNow: it did not come within the longest wait.
        """
        try:
            async with asyncio.timeout(self.pace.longest_wait_s) as limit:
                if self._slots is not None:
                    await self._slots.acquire()
                try:
                    return await self._take(tokens)
                except BaseException:
                    self._free()
                    raise
        except TimeoutError as error:
            if not limit.expired():
                raise
            until = datetime.fromtimestamp(_begin_s(minute_of(self._now()) + 1), UTC)
            raise NotNow(
                f"calls to {self.provider} have been at the limits that were set (max_calls_at_once, "
                f"max_requests_per_minute, max_tokens_per_minute) for {self.pace.longest_wait_s:g} s",
                until,
            ) from error

    async def leave(self, minute: int, *, requests: int = 0, tokens: int = 0) -> None:
        """Give the turn back; ``requests`` and ``tokens`` correct what was counted in its minute."""
        self._free()
        await self.count(minute, requests=requests, tokens=tokens)

    async def count(self, minute: int, *, requests: int, tokens: int) -> None:
        """Count what was sent without a turn, or take back what was not."""
        if not self.pace.is_per_minute or not (requests or tokens):
            return
        try:
            await self._rates.add(self.provider, minute, requests=requests, tokens=tokens)
        except StoreError:  # an answer is worth more than an exact count of one minute
            log.warning("what %s was sent in a minute is not exact", self.provider, exc_info=True)

    def _free(self) -> None:
        if self._slots is not None:
            self._slots.release()

    async def _take(self, tokens: int) -> int:
        async with self._turn:
            while True:
                minute = minute_of(self._now())
                if await self._is_free(minute, tokens):
                    return minute
                await self._sleep(max(0.0, _begin_s(minute + 1) - self._now().timestamp()))

    async def _is_free(self, minute: int, tokens: int) -> bool:
        pace = self.pace
        return not pace.is_per_minute or await self._rates.take(
            self.provider, minute, tokens, max_requests=pace.sleep_requests, max_tokens=pace.sleep_tokens
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    minute: int
    tokens: int


class PacedCalls:
    """A `CallLedger` whose calls of sleep begin when the provider's limits allow it.

    Queries are never held back: they begin at once, and are counted when they have ended. Batches have limits of their
    own at the provider, and are not counted. Tokens are estimated from the worst case of a call, in which a byte is a
    token, and put right when the call has told what it used.
    """

    def __init__(self, ledger: CallLedger, pacer: Pacer) -> None:
        """Pace what is written to ``ledger``; ``pacer`` is shared by all ledgers of the process for one provider."""
        self._ledger = ledger
        self._pacer = pacer
        self._turns: Final[dict[str, _Turn]] = {}

    async def begin(self, call: Call) -> None:
        """As `CallLedger.begin`, when it is the call's turn.

        Raises:
            NotNow: it did not come within the longest wait.
        """
        if call.phase is Phase.WAKE or call.tier is Tier.BATCH:
            await self._ledger.begin(call)
            return
        tokens = call.reserved.tokens // BYTES_PER_TOKEN
        turn = _Turn(await self._pacer.enter(tokens), tokens)
        try:
            await self._ledger.begin(call)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._pacer.leave(turn.minute, requests=-1, tokens=-tokens)
            raise
        self._turns[call.id] = turn

    async def end(self, call: Call, reply: str | None = None) -> None:
        """As `CallLedger.end`; the turn is given back."""
        turn = self._turns.pop(call.id, None)
        try:
            await self._ledger.end(call, reply)
        finally:
            if turn is not None:
                await self._pacer.leave(turn.minute, tokens=_used(call, turn.tokens) - turn.tokens)
            elif call.phase is Phase.WAKE:
                await self._pacer.count(minute_of(call.at), requests=1, tokens=call.usage.total_tokens)

    async def leave(self, call: Call) -> None:
        """As `CallLedger.leave`."""
        await self._ledger.leave(call)

    async def answered(self, job_id: str, key: str) -> str | None:
        """As `CallLedger.answered`: what was answered needs no turn."""
        return await self._ledger.answered(job_id, key)


def _used(call: Call, estimate: int) -> int:
    """Tokens of a call that ended; the estimate when it may have used some and did not say how many."""
    is_untold = call.outcome == OK or call.reserved != NOTHING
    return call.usage.total_tokens or (estimate if is_untold else 0)


def _begin_s(minute: int) -> float:
    return minute * 60.0
