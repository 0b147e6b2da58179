"""MeteredModel: every request to a model is a `Call` in the ledger, begun before it is made and ended whatever comes.

A request of a job has a key, and one that was answered when the job ran before is answered from the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings, merge_model_settings

from sleeptime.core.call import OK, RUNNING, Call, CallLedger, Phase
from sleeptime.core.errors import BatchOverdue, InputError, ModelError
from sleeptime.core.price import Tier
from sleeptime.core.usage import Usage
from sleeptime.models.batch import JobBatches
from sleeptime.models.running import Running
from sleeptime.models.tiers import tier_settings
from sleeptime.models.transcript import read_response
from sleeptime.models.worst import input_worst_case, limited, worst_case, worst_price

log = logging.getLogger(__name__)

STOPPED: Final = "Stopped"
"""Outcome of a stream that its reader left before the end."""


class MeteredModel(WrapperModel):
    """Begins and ends one `Call` per request, before the reply or the error goes on.

    A keyed model answers from the ledger what was answered before; its turn moves on after an answer alone, so failed
    attempts have the key of the one that succeeds at last. It makes one request after the other, and the same ones
    whenever its job runs.

    Args:
        wrapped: the model.
        ledger: keeps the calls, and refuses those that a cap has no room for.
        phase: what the calls are made for.
        context: name of the context they serve.
        query_id: the query they answer, if any.
        job_id: the sleep they belong to, if any.
        draft: which draft of the job this model makes: its calls are keyed ``"DRAFT.TURN"``. Without it none is keyed.
        tier: the tier asked for; a reply that names the tier it got overrides it.
        batches: of the job, for tier ``batch``: keyed requests go through them. One that is not answered in time is
            made by itself, in tier ``standard``: another call of the same key.
        max_output_tokens: longest reply of a request that sets no limit itself; give it where caps hold.
    """

    def __init__(
        self,
        wrapped: Model,
        ledger: CallLedger,
        *,
        phase: Phase,
        context: str,
        query_id: str | None = None,
        job_id: str | None = None,
        draft: int | None = None,
        tier: Tier = Tier.STANDARD,
        batches: JobBatches | None = None,
        max_output_tokens: int | None = None,
    ) -> None:
        super().__init__(wrapped)
        assert draft is None or job_id is not None, "only a job's calls have keys"
        assert (tier is Tier.BATCH) == (batches is not None), "a batch is sent through batches"
        self.ledger = ledger
        self.phase = phase
        self.context = context
        self.query_id = query_id
        self.job_id = job_id
        self.draft = draft
        self.tier = tier
        self.batches = batches
        self.max_output_tokens = max_output_tokens
        self._turn = 0

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make the request and keep it, whatever comes of it; or give the answer that is there.

        Raises:
            CapReached: a cap leaves no room for it; it was not made.
            NotNow: its batch is not answered yet.
        """
        if (known := await self._known()) is not None:
            return known
        settings = self._limited(model_settings)
        if self.batches is not None and self._key is not None:
            in_batch = partial(self.batches.request, self._key)
            try:
                return await self._made(in_batch, Tier.BATCH, messages, settings, model_request_parameters)
            except BatchOverdue as error:
                log.info("%s; request %s of job %s is made by itself", error, self._key, self.job_id)
        tier = self._single_tier
        if tier is not self.tier:
            settings = merge_model_settings(settings, tier_settings(self.wrapped, tier))
        return await self._made(self.wrapped.request, tier, messages, settings, model_request_parameters)

    async def _made(
        self,
        make: Callable[[list[ModelMessage], ModelSettings | None, ModelRequestParameters], Awaitable[ModelResponse]],
        tier: Tier,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make one call, and keep what comes of it."""
        running = await self._begin(tier, messages, settings, parameters)
        try:
            response = await make(messages, settings, parameters)
        except BaseException as error:
            # What a batch holds goes on without us, unless it is the provider's answer that failed.
            is_left = tier is Tier.BATCH and not isinstance(error, InputError | ModelError)
            await (running.leave() if is_left else running.fail(error, None))
            raise
        await running.end(OK, response, is_whole=True)
        self._turn += 1
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Open the stream; its call ends when it is closed."""
        if (known := await self._known()) is not None:
            yield CompletedStreamedResponse(
                known, model_request_parameters=model_request_parameters, replay_events=True
            )
            return
        settings = self._limited(model_settings)
        running = await self._begin(self._single_tier, messages, settings, model_request_parameters)
        stream: StreamedResponse | None = None
        try:
            async with self.wrapped.request_stream(messages, settings, model_request_parameters, run_context) as stream:
                yield stream
        except BaseException as error:
            await running.fail(error, None if stream is None else stream.get())
            raise
        response = stream.get()
        is_whole = response.state in ("complete", "suspended")
        await running.end(OK if is_whole else STOPPED, response, is_whole=is_whole)
        self._turn += is_whole

    async def _known(self) -> ModelResponse | None:
        """The answer to this turn that the ledger has; it costs nothing again."""
        if self.job_id is None or self._key is None:
            return None
        reply = await self.ledger.answered(self.job_id, self._key)
        if reply is None:
            return None
        self._turn += 1
        return read_response(reply)

    @property
    def _key(self) -> str | None:
        return None if self.draft is None else f"{self.draft}.{self._turn}"

    def _limited(self, settings: ModelSettings | None) -> ModelSettings | None:
        if self.max_output_tokens is None:
            return settings
        return limited(self.wrapped, settings, self.max_output_tokens)

    @property
    def _single_tier(self) -> Tier:
        """The tier of a request that is made by itself."""
        return Tier.STANDARD if self.tier is Tier.BATCH else self.tier

    async def _begin(
        self,
        tier: Tier,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> Running:
        input_tokens = input_worst_case(messages, parameters)
        price = worst_price(self.wrapped, tier, input_tokens)
        call = Call(
            phase=self.phase,
            model=self.model_name,
            usage=Usage(),
            context=self.context,
            tier=tier,
            query_id=self.query_id,
            job_id=self.job_id,
            key=self._key,
            outcome=RUNNING,
            reserved=worst_case(input_tokens, merge_model_settings(self.settings, settings), price),
        )
        if tier is Tier.BATCH:
            # A provider goes on with a batch whatever becomes of us: asked for again, it is the same call.
            call = replace(call, id=f"{self.job_id}.{call.key}")
        await self.ledger.begin(call)
        return Running(call, self.wrapped, self.ledger)
