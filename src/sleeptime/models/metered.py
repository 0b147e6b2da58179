"""MeteredModel: every request to a model becomes one `Call`, also a failed one and a stream that was cut."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import anyio
from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from sleeptime.core.call import OK, Call, CallSink, Phase
from sleeptime.core.price import Tier, billed_cost_usd
from sleeptime.core.usage import Usage
from sleeptime.models.faults import Fault, UnusableReply, fault_of
from sleeptime.models.prices import LOCAL_PROVIDERS, price_of

STOPPED: Final = "Stopped"
"""Outcome of a stream that its reader left before the end."""

_SERVED_TIER: Final = {
    "default": Tier.STANDARD,
    "standard": Tier.STANDARD,
    "on_demand": Tier.STANDARD,
    "flex": Tier.FLEX,
    "priority": Tier.PRIORITY,
    "fast": Tier.PRIORITY,
    "batch": Tier.BATCH,
}
"""How providers name the tier that a reply was in fact served in; they may downgrade, and bill what was served."""


class MeteredModel(WrapperModel):
    """Gives one `Call` per request to a sink, before the reply or the error goes on.

    What a failed attempt cost: 0 when the provider refused it or was never reached; what was reported when usage came
    before the failure; otherwise unknown (``None``), for the provider may bill it. The usage of a cut stream is a lower
    bound.
    """

    def __init__(
        self,
        wrapped: Model,
        sink: CallSink,
        *,
        phase: Phase,
        context: str,
        query_id: str | None = None,
        job_id: str | None = None,
        tier: Tier = Tier.STANDARD,
    ) -> None:
        """Meter ``wrapped``. ``tier`` is the tier asked for; a reply that names the tier it got overrides it."""
        super().__init__(wrapped)
        self.sink = sink
        self.phase = phase
        self.context = context
        self.query_id = query_id
        self.job_id = job_id
        self.tier = tier

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request and record it, whatever comes of it."""
        clock = _Clock()
        try:
            response = await self.wrapped.request(messages, model_settings, model_request_parameters)
        except BaseException as error:
            await self._record_failure(clock, error, None)
            raise
        await self._record(clock, OK, response)
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open the stream; its call is recorded when it is closed."""
        clock = _Clock()
        stream: StreamedResponse | None = None
        try:
            async with self.wrapped.request_stream(
                messages, model_settings, model_request_parameters, run_context
            ) as stream:
                yield stream
        except BaseException as error:
            await self._record_failure(clock, error, None if stream is None else stream.get())
            raise
        response = stream.get()
        await self._record(clock, OK if response.state in ("complete", "suspended") else STOPPED, response)

    async def _record_failure(self, clock: _Clock, error: BaseException, response: ModelResponse | None) -> None:
        fault = fault_of(error, in_stream=response is not None)
        if response is not None and response.state == "complete":
            # The reply arrived whole; what failed is the code that read it.
            await self._record(clock, OK, response)
            return
        if response is None and isinstance(error, UnusableReply) and error.usage is not None:
            response = ModelResponse(parts=[], usage=error.usage, model_name=self.model_name)
        outcome = type(error if fault is None else fault.error).__name__
        await self._record(clock, outcome, response, fault)

    async def _record(
        self, clock: _Clock, outcome: str, response: ModelResponse | None, fault: Fault | None = None
    ) -> None:
        reported = RequestUsage() if response is None else response.usage
        tier = self._served_tier(response)
        call = Call(
            phase=self.phase,
            model=self.model_name,
            usage=Usage.from_inclusive(reported),
            context=self.context,
            tier=tier,
            cost_usd=self._cost_usd(response, tier, is_whole=outcome == OK, fault=fault),
            latency_s=clock.elapsed_s(),
            query_id=self.query_id,
            job_id=self.job_id,
            outcome=outcome,
            at=clock.at,
        )
        # A cancelled request may have been paid for: the ledger gets it before the cancellation goes on.
        with anyio.CancelScope(shield=True):
            await self.sink(call)

    def _served_tier(self, response: ModelResponse | None) -> Tier:
        details = response.provider_details if response is not None else None
        served = (details or {}).get("service_tier")
        return _SERVED_TIER.get(served, self.tier) if isinstance(served, str) else self.tier

    def _cost_usd(
        self, response: ModelResponse | None, tier: Tier, *, is_whole: bool, fault: Fault | None
    ) -> float | None:
        if self.system in LOCAL_PROVIDERS or (fault is not None and fault.is_free):
            return 0.0
        if response is None:
            return None
        reported = response.usage
        is_unmeasured = reported.unmeasured_requests > 0 or not (is_whole or reported.has_values())
        if is_unmeasured:
            return None
        names = dict.fromkeys(name for name in (response.model_name, self.model_name) if name)
        for name in names:
            price = price_of(
                name, self.system, tier, base_url=self.base_url, input_tokens=reported.input_tokens, at=None
            )
            if price is not None:
                return billed_cost_usd(Usage.from_inclusive(reported), price)
        return None


class _Clock:
    """When a request began, and how long it has taken."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)
        self._started_s = time.perf_counter()

    def elapsed_s(self) -> float:
        return time.perf_counter() - self._started_s
