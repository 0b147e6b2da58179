"""Near a cap, calls wait for each other instead of failing: what a call did use is far less than its worst case.

Knows nothing of how caps are counted: that is the ledger's, for all processes on one database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from sleeptime.core.call import Call, CallLedger
from sleeptime.core.errors import CapReached

WAITS_S: Final = (0.1, 0.4, 1.0, 2.0)
"""Waits for calls of other processes before a call is refused; nobody tells us when those end."""


class UnderWay:
    """The calls of this process that are under way, whichever ledger began them. Use from one event loop."""

    def __init__(self) -> None:
        self.ends = 0
        """How many were over so far."""
        self._calls: set[str] = set()
        self._waiting: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call_id: str) -> None:
        """A call has begun."""
        self._calls.add(call_id)

    def remove(self, call_id: str) -> None:
        """A call has ended, or goes on without this process; whoever waits tries again."""
        self._calls.discard(call_id)
        self.ends += 1
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def next_end(self) -> None:
        """Wait until one of them is over."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting


class PatientLedger:
    """A `CallLedger` on another one, whose calls wait while calls under way hold the room that a cap leaves.

    Args:
        inner: counts, and refuses at once.
        under_way: the calls of this process, shared by all its ledgers.
        waits_s: waits when none of this process is under way, in seconds.
    """

    def __init__(self, inner: CallLedger, under_way: UnderWay, waits_s: Sequence[float] = WAITS_S) -> None:
        self._inner = inner
        self._under_way = under_way
        self._waits_s = tuple(waits_s)

    async def begin(self, call: Call) -> None:
        """As `CallLedger.begin`.

        Raises:
            CapReached: there is no room, and no call of this process under way could leave any.
        """
        waits_s = iter(self._waits_s)
        while True:
            ends = self._under_way.ends
            try:
                await self._inner.begin(call)
            except CapReached as refusal:
                if not refusal.is_held:
                    raise
                if self._under_way.ends > ends:
                    continue  # one was over while this one was refused
                if self._under_way:
                    await self._under_way.next_end()
                elif (wait_s := next(waits_s, None)) is not None:
                    await asyncio.sleep(wait_s)
                else:
                    raise
            else:
                self._under_way.add(call.id)
                return

    async def end(self, call: Call, reply: str | None = None) -> None:
        """As `CallLedger.end`."""
        try:
            await self._inner.end(call, reply)
        finally:
            self._under_way.remove(call.id)

    async def leave(self, call: Call) -> None:
        """As `CallLedger.leave`."""
        try:
            await self._inner.leave(call)
        finally:
            self._under_way.remove(call.id)

    async def answered(self, job_id: str, key: str) -> str | None:
        """As `CallLedger.answered`."""
        return await self._inner.answered(job_id, key)
