"""Cap: a hard limit on what a run may spend.

The worst case of each call is reserved before it is made, so that calls side by side cannot overshoot. Near the cap
they go one after the other, because what a call did cost is far less than its worst case.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, NoReturn

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from sleeptime.core.errors import CapReached, InputError
from sleeptime.core.price import Price, billed_cost_usd
from sleeptime.core.usage import Usage
from sleeptime.models.faults import fault_of
from sleeptime.models.worst import MAX_OUTPUT_TOKENS, input_worst_case, limited, worst_case


class CappedModel(WrapperModel):
    """Refuses a call that could bring the cost over a cap.

    What a call did cost takes the place of its worst case (`models.worst`) when the reply says so; a reply without
    usage, and a failure that the provider may bill, keep it.

    Args:
        wrapped: the model.
        price: its price.
        cap_usd: most that all calls together may cost.

    Raises:
        InputError: the cap is no amount of money.
    """

    def __init__(self, wrapped: Model, price: Price, cap_usd: float) -> None:
        super().__init__(wrapped)
        if not 0 <= cap_usd < math.inf:
            raise InputError(f"a cap is an amount of USD, at least 0, got {cap_usd}")
        self._price = price
        self.cap_usd = cap_usd
        self.spent_usd = 0.0
        self.refusal: CapReached | None = None
        """Of the first call that was refused."""
        self._reserved_usd: list[float] = []
        """Of the calls under way."""
        self._waiting: list[asyncio.Future[None]] = []

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request as soon as its worst case fits.

        Raises:
            CapReached: it does not, though no other call is under way.
        """
        settings = limited(self.wrapped, model_settings, MAX_OUTPUT_TOKENS)
        input_tokens = input_worst_case(messages, model_request_parameters)
        worst = worst_case(input_tokens, settings, self._price).cost_usd or 0.0
        await self._room_for(worst)
        self._reserved_usd.append(worst)
        cost = worst
        try:
            response = await self.wrapped.request(messages, settings, model_request_parameters)
            usage = Usage.from_inclusive(response.usage)
            cost = billed_cost_usd(usage, self._price) if usage != Usage() else worst
        except Exception as error:  # of whatever kind: what it may have cost is booked before it goes on
            fault = fault_of(error)
            cost = 0.0 if fault is not None and fault.is_free else worst
            raise
        finally:
            self._reserved_usd.remove(worst)
            self.spent_usd += cost
            self._wake()
        return response

    def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> NoReturn:
        """Refused: what a broken stream cost is not known."""
        raise NotImplementedError("a capped model does not stream")

    async def _room_for(self, worst_usd: float) -> None:
        while self.spent_usd + sum(self._reserved_usd) + worst_usd > self.cap_usd:
            if not self._reserved_usd:
                refusal = CapReached(
                    f"the next call may cost ${worst_usd:.4f}, and ${self.spent_usd:.4f} of the cap of "
                    f"${self.cap_usd:.2f} is spent; what was paid for is kept: run again with a higher --max-usd to "
                    "go on"
                )
                self.refusal = self.refusal or refusal
                raise refusal
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()
