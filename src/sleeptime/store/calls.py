"""StoredCalls: the ledger of calls on a store, under the caps that hold for them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from sleeptime.core.call import Call
from sleeptime.core.caps import NO_CAPS, Caps
from sleeptime.store.outage import outlast
from sleeptime.store.store import Store


class StoredCalls:
    """A `CallLedger` that keeps every call, through a short outage of the database too.

    Args:
        store: where they are kept.
        caps: what they may use, all together with the calls of every other ledger on this store.
        worker: id of the worker that makes them; ``None`` in a process that is none.
    """

    def __init__(self, store: Store, caps: Caps = NO_CAPS, *, worker: str | None = None) -> None:
        self._store = store
        self._caps = caps
        self._worker = worker
        self.ended: list[Call] = []
        """The calls that have ended, oldest first."""

    async def begin(self, call: Call) -> None:
        """As `CallLedger.begin`; does not wait for room."""
        owned = replace(call, worker=self._worker)
        try:
            await outlast(partial(self._store.ledger.begin, owned, self._caps))
        except asyncio.CancelledError:  # it may have been kept all the same
            await outlast(partial(self._store.ledger.withdraw, owned))
            raise

    async def end(self, call: Call, reply: str | None = None) -> None:
        """As `CallLedger.end`."""
        self.ended.append(call)
        await outlast(partial(self._store.ledger.end, replace(call, worker=self._worker), reply))

    async def leave(self, call: Call) -> None:
        """As `CallLedger.leave`."""
        await outlast(partial(self._store.ledger.leave, call))

    async def answered(self, job_id: str, key: str) -> str | None:
        """As `CallLedger.answered`."""
        return await outlast(partial(self._store.ledger.answered, job_id, key))
