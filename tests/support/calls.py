"""A sink that keeps the calls it is given."""

from __future__ import annotations

from sleeptime.core.call import Call


class RecordingSink:
    """A `CallSink` that remembers."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> None:
        self.calls.append(call)

    @property
    def outcomes(self) -> list[str]:
        """The outcome of each call, oldest first."""
        return [call.outcome for call in self.calls]
