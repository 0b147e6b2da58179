"""A clock that stands still until it is told to go on; what sleeps by it wakes when its time has come."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """Time for code that takes its clock as an argument."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self._one_more = asyncio.Event()

    def now(self) -> datetime:
        """The time."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has gone on so far."""
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), woken))
        self._one_more.set()
        await woken

    async def until_sleeping(self, number: int) -> None:
        """Let other tasks go on until so many of them sleep."""
        while len(self.sleeping) < number:
            self._one_more.clear()
            await self._one_more.wait()

    @property
    def sleeping(self) -> list[float]:
        """Seconds that each sleeper has left."""
        return [(due - self._now).total_seconds() for due, woken in self._sleepers if not woken.done()]

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        for due, woken in self._sleepers:
            if due <= self._now and not woken.done():
                woken.set_result(None)
