"""Turns: one at a time, in the order of coming; who is in a hurry goes before the others. Use from one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A lock of two lanes."""

    def __init__(self) -> None:
        self._is_taken = False
        self._hurried: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def take(self, *, in_a_hurry: bool = False) -> AsyncIterator[None]:
        """Wait for a turn; it ends with the block."""
        await self._wait(self._hurried if in_a_hurry else self._others)
        try:
            yield
        finally:
            self._next()

    async def _wait(self, lane: deque[asyncio.Future[None]]) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        mine = asyncio.get_running_loop().create_future()
        lane.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given to us meanwhile
                self._next()
            raise

    def _next(self) -> None:
        for lane in (self._hurried, self._others):
            while lane:
                waiting = lane.popleft()
                if not waiting.cancelled():
                    waiting.set_result(None)
                    return
        self._is_taken = False
