"""RetryModel: tries a failed request again where that is safe, and raises errors of our own tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from sleeptime.models.faults import Fault, fault_of


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to try again: exponential waits with jitter, bounded in number and in length.

    With the defaults there are at most 4 attempts. The waits between them are drawn from 0.25 to 0.5 s, 0.5 to 1 s and
    1 to 2 s, so a request that never succeeds fails after at most 3.5 s of waiting. A provider that asks for 20 s gets
    20 to 22 s; one that asks for more than 60 s gets no further attempt, and the caller learns what it asked for.

    Args:
        attempts: requests in all, the first included.
        base_s: longest first wait, seconds; it doubles with each attempt.
        cap_s: longest wait that we choose ourselves, seconds.
        retry_after_limit_s: longest ``Retry-After`` that is honoured, seconds.
    """

    attempts: int = 4
    base_s: float = 0.5
    cap_s: float = 8.0
    retry_after_limit_s: float = 60.0

    def wait_s(self, attempt: int, retry_after_s: float | None, rng: Random) -> float | None:
        """Seconds to wait after failed attempt number ``attempt`` (from 1); ``None`` to give up."""
        if attempt >= self.attempts:
            return None
        if retry_after_s is not None:
            return None if retry_after_s > self.retry_after_limit_s else retry_after_s * rng.uniform(1.0, 1.1)
        longest = min(self.cap_s, self.base_s * 2 ** (attempt - 1))
        return rng.uniform(longest / 2, longest)


class RetryModel(WrapperModel):
    """Wraps a model; every failure that leaves it is an error of `sleeptime.core.errors`.

    Rate limits, 5xx, lost connections and timeouts are tried again. Refused requests, malformed replies and streams cut
    after they began are not: the first would fail again, the others were paid for and partly delivered. Wrap a
    `MeteredModel`, so that each attempt is in the ledger.

    A stream's errors are mapped when they leave its ``async with``.
    """

    def __init__(self, wrapped: Model, *, rng: Random, policy: RetryPolicy | None = None) -> None:
        """``rng`` draws the jitter; ``policy`` defaults to `RetryPolicy()`."""
        super().__init__(wrapped)
        self.rng = rng
        self.policy = policy or RetryPolicy()

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request, again where that is safe."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self.wrapped.request(messages, model_settings, model_request_parameters)
            except Exception as error:  # noqa: BLE001 - what is not a fault of the call is raised again
                await self._wait_or_raise(error, attempt)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open the stream, again where that is safe; what fails after it began is raised."""
        attempt = 0
        while True:
            attempt += 1
            async with AsyncExitStack() as stack:
                try:
                    stream = await stack.enter_async_context(
                        self.wrapped.request_stream(messages, model_settings, model_request_parameters, run_context)
                    )
                except Exception as error:  # noqa: BLE001 - as in request
                    await self._wait_or_raise(error, attempt)
                    continue
                try:
                    async with stack.pop_all():
                        yield stream
                except Exception as error:
                    fault = fault_of(error, in_stream=True)
                    if fault is None:
                        raise
                    _raise(fault, error)
                return

    async def _wait_or_raise(self, error: Exception, attempt: int) -> None:
        fault = fault_of(error)
        if fault is None:
            raise error
        wait_s = self.policy.wait_s(attempt, fault.retry_after_s, self.rng) if fault.can_retry else None
        if wait_s is None:
            _raise(fault, error)
        await asyncio.sleep(wait_s)


def _raise(fault: Fault, error: Exception) -> NoReturn:
    if fault.error is error:
        raise error
    raise fault.error from error
