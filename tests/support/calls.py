"""A ledger of calls in memory."""

from __future__ import annotations

from sleeptime.core.call import OK, RUNNING, Call


class MemoryLedger:
    """A `CallLedger` without caps that remembers calls in the order in which they ended."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.running: dict[str, Call] = {}
        self.left: list[str] = []
        self.replies: dict[tuple[str, str], str] = {}

    async def begin(self, call: Call) -> None:
        assert call.outcome == RUNNING
        self.running[call.id] = call

    async def end(self, call: Call, reply: str | None = None) -> None:
        del self.running[call.id]
        self.calls.append(call)
        if reply is not None:
            assert call.outcome == OK
            assert call.job_id is not None
            assert call.key is not None
            self.replies.setdefault((call.job_id, call.key), reply)

    async def leave(self, call: Call) -> None:
        assert call.id in self.running
        self.left.append(call.id)

    async def answered(self, job_id: str, key: str) -> str | None:
        return self.replies.get((job_id, key))

    @property
    def outcomes(self) -> list[str]:
        """The outcome of each call, oldest first."""
        return [call.outcome for call in self.calls]
