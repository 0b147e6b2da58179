"""Cap: a hard limit on what a run may spend.

The worst case of each call is reserved before it is made, so that calls side by side cannot overshoot.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from sleeptime.core.errors import CapReached
from sleeptime.core.price import Price, billed_cost_usd
from sleeptime.core.tokens import approximate_tokens
from sleeptime.core.usage import Usage

MAX_OUTPUT_TOKENS = 8_192
"""Longest reply of a capped call that sets no limit itself; it is sent with the request, so that the cap is hard."""
_ESTIMATE_MARGIN = 1.5
"""What a text may have more tokens than estimated."""


class CappedModel(WrapperModel):
    """Refuses a call that could bring the cost over a cap.

    Args:
        wrapped: the model.
        price: its price.
        cap_usd: most that all calls together may cost.
    """

    def __init__(self, wrapped: Model, price: Price, cap_usd: float) -> None:
        super().__init__(wrapped)
        self._price = price
        self.cap_usd = cap_usd
        self.spent_usd = 0.0
        self.refusal: CapReached | None = None
        """Of the first call that was refused."""
        self._reserved_usd = 0.0

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request if its worst case fits.

        Raises:
            CapReached: it does not.
        """
        settings = ModelSettings(max_tokens=MAX_OUTPUT_TOKENS) | (model_settings or ModelSettings())
        worst = self._worst_usd(messages, settings.get("max_tokens", MAX_OUTPUT_TOKENS))
        if self.spent_usd + self._reserved_usd + worst > self.cap_usd:
            refusal = CapReached(
                f"the next call may cost ${worst:.4f}, and ${self.spent_usd:.4f} of the cap of ${self.cap_usd:.2f} is "
                "spent; what was paid for is kept: run again with a higher --max-usd to go on"
            )
            self.refusal = self.refusal or refusal
            raise refusal
        self._reserved_usd += worst
        try:
            response = await self.wrapped.request(messages, settings, model_request_parameters)
        except BaseException:
            self.spent_usd += worst  # the provider may bill a call that failed here
            raise
        finally:
            self._reserved_usd -= worst
        self.spent_usd += billed_cost_usd(Usage.from_inclusive(response.usage), self._price)
        return response

    def _worst_usd(self, messages: Iterable[ModelMessage], max_tokens: int) -> float:
        texts = [str(getattr(part, "content", "")) for message in messages for part in message.parts]
        tokens = int(_ESTIMATE_MARGIN * sum(map(approximate_tokens, texts))) + 500
        dearest = max(self._price.input, self._price.cache_write)
        return (tokens * dearest + max_tokens * self._price.output) / 1e6
