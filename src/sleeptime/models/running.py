"""Running: a call that was begun, until it ends. Knows nothing of how it is made."""

from __future__ import annotations

import time
from dataclasses import replace

import anyio
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import Model

from sleeptime.core.call import OK, Call, CallLedger
from sleeptime.models.bill import bill_of
from sleeptime.models.faults import UnusableReply, fault_of
from sleeptime.models.transcript import messages_json


class Running:
    """Tells the ledger how a call ended, before a cancellation goes on too: it was perhaps paid for.

    Args:
        call: that was begun.
        model: that is asked.
        ledger: where it was begun.
    """

    def __init__(self, call: Call, model: Model, ledger: CallLedger) -> None:
        self._call = call
        self._model = model
        self._ledger = ledger
        self._started_s = time.perf_counter()

    async def end(self, outcome: str, response: ModelResponse | None, *, is_whole: bool, is_free: bool = False) -> None:
        """End the call.

        Args:
            outcome: ``ok``, or why it failed.
            response: as far as it came.
            is_whole: it came to its end.
            is_free: the provider did no work that it bills.
        """
        call = self._call
        bill = bill_of(self._model, response, tier=call.tier, worst=call.reserved, is_whole=is_whole, is_free=is_free)
        ended = replace(
            call,
            usage=bill.usage,
            tier=bill.tier,
            cost_usd=bill.cost_usd,
            reserved=bill.doubt,
            latency_s=time.perf_counter() - self._started_s,
            outcome=outcome,
        )
        is_answer = call.key is not None and outcome == OK and response is not None
        reply = messages_json([response]).decode() if is_answer and response is not None else None
        with anyio.CancelScope(shield=True):
            await self._ledger.end(ended, reply)

    async def fail(self, error: BaseException, response: ModelResponse | None) -> None:
        """End the call with an error, and with as much of a reply as came before it."""
        if response is not None and response.state == "complete":
            # The reply arrived whole; what failed is the code that read it.
            await self.end(OK, response, is_whole=True)
            return
        fault = fault_of(error, in_stream=response is not None)
        is_whole = False
        if response is None and isinstance(error, UnusableReply) and error.usage is not None:
            response, is_whole = ModelResponse(parts=[], usage=error.usage, model_name=self._model.model_name), True
        outcome = type(error if fault is None else fault.error).__name__
        await self.end(outcome, response, is_whole=is_whole, is_free=fault is not None and fault.is_free)

    async def leave(self) -> None:
        """Let the call go on without us: a provider has it in hand."""
        with anyio.CancelScope(shield=True):
            await self._ledger.leave(self._call)
