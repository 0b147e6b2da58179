"""ObservedCalls: a ledger whose calls are also counted as metrics."""

from __future__ import annotations

from sleeptime.core.call import Call, CallLedger
from sleeptime.core.errors import CapReached
from sleeptime.telemetry.meters import Meters


class ObservedCalls:
    """A `CallLedger` on another one; the outermost, so that a call which waits for room is not one that was refused.

    Args:
        inner: keeps the calls.
        meters: count them.
        provider: of the model, by the GenAI conventions.
    """

    def __init__(self, inner: CallLedger, meters: Meters, provider: str) -> None:
        self._inner = inner
        self._meters = meters
        self._provider = provider

    async def begin(self, call: Call) -> None:
        """As `CallLedger.begin`."""
        try:
            await self._inner.begin(call)
        except CapReached:
            self._meters.refused(call.phase, call.model)
            raise

    async def end(self, call: Call, reply: str | None = None) -> None:
        """As `CallLedger.end`."""
        self._meters.call(call, self._provider)  # first: what was used was used, whatever becomes of the database
        await self._inner.end(call, reply)

    async def leave(self, call: Call) -> None:
        """As `CallLedger.leave`."""
        await self._inner.leave(call)

    async def answered(self, job_id: str, key: str) -> str | None:
        """As `CallLedger.answered`."""
        return await self._inner.answered(job_id, key)
