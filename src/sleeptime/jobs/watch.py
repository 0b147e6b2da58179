"""Watch: a call of a job that is to stop waits no longer, for a turn at its provider or for room under a cap."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from sleeptime.core.call import Call, CallLedger
from sleeptime.core.errors import NotNow, StoreError
from sleeptime.jobs.brake import BrakedCalls

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""How often it is looked whether a job is to stop whose call waits."""


class WatchedCalls:
    """A `CallLedger` on one whose calls may wait before they begin: they wait no longer when their job is to stop.

    Args:
        inner: where calls wait; it ends in ``brake``.
        brake: knows whether the job is to stop.
    """

    def __init__(self, inner: CallLedger, brake: BrakedCalls) -> None:
        self._inner = inner
        self._brake = brake

    async def begin(self, call: Call) -> None:
        """As `CallLedger.begin`.

        Raises:
            NotNow: the job is to stop, or as that of ``inner``.
        """
        try:
            async with asyncio.timeout(None) as waiting:
                watch = asyncio.create_task(self._watch(waiting))
                try:
                    await self._inner.begin(call)
                finally:
                    watch.cancel()
        except TimeoutError as error:
            if not waiting.expired():
                raise
            self._brake.is_pulled = True
            raise NotNow("the job is to stop", datetime.now(UTC)) from error

    async def _watch(self, waiting: asyncio.Timeout) -> None:
        """Look again and again, and end the waiting when the job is to stop."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                if await self._brake.is_to_stop():
                    waiting.reschedule(asyncio.get_running_loop().time())
                    return
            except StoreError:  # it is looked again, and what begins a call says so
                log.debug("what is wanted of a job is not known", exc_info=True)

    async def end(self, call: Call, reply: str | None = None) -> None:
        """As `CallLedger.end`."""
        await self._inner.end(call, reply)

    async def leave(self, call: Call) -> None:
        """As `CallLedger.leave`."""
        await self._inner.leave(call)

    async def answered(self, job_id: str, key: str) -> str | None:
        """As `CallLedger.answered`."""
        return await self._inner.answered(job_id, key)
