"""Sent batches: what a provider's batch API was given lately, for finding a batch whose handle was lost in a crash.

pydantic-ai sends, asks and reads batches; it does not list them, so the providers' own clients do. Loads no SDK.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic_ai.models import Model
from pydantic_ai.models.wrapper import WrapperModel

from sleeptime.core.errors import InputError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types.beta.messages import BetaMessageBatch
    from openai import AsyncOpenAI
    from openai.types import Batch

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch that a provider has.

    Args:
        handle: what the provider calls it.
        created_at: by the provider's clock.
        size: number of its requests; 0 while the provider has not counted them.
        custom_ids: reads the names of its requests; ``None`` when the provider does not tell them before it has ended.
    """

    handle: str
    created_at: datetime
    size: int
    custom_ids: Callable[[], Awaitable[frozenset[str] | None]]


def has_batches(model: Model) -> bool:
    """Whether requests to the model can go through a batch API, and be found there again."""
    return model.batch_max_requests is not None and model.system in _LISTS


def sent_batches(model: Model, since: datetime) -> AsyncIterator[SentBatch]:
    """Every batch that the model's provider got from this account since a moment, youngest first.

    Raises:
        InputError: the model has no batch API.
    """
    if not has_batches(model):
        raise InputError(f"{model.model_name} has no batch API that sleeptime knows")
    while isinstance(model, WrapperModel):
        model = model.wrapped
    return _LISTS[model.system](getattr(model, "client"), since)  # noqa: B009 - Model does not declare it


async def _openai(client: AsyncOpenAI, since: datetime) -> AsyncIterator[SentBatch]:
    async for batch in client.batches.list(limit=_PAGE):
        created_at = datetime.fromtimestamp(batch.created_at, UTC)
        if created_at < since:
            return
        size = batch.request_counts.total if batch.request_counts is not None else 0
        yield SentBatch(batch.id, created_at, size, partial(_openai_ids, client, batch))


async def _openai_ids(client: AsyncOpenAI, batch: Batch) -> frozenset[str]:
    from openai import NotFoundError

    try:
        lines = (await client.files.content(batch.input_file_id)).text.splitlines()
    except NotFoundError:  # who sent it has read its results, and tidied up
        return frozenset()
    return frozenset(json.loads(line)["custom_id"] for line in lines if line)


async def _anthropic(client: AsyncAnthropic, since: datetime) -> AsyncIterator[SentBatch]:
    async for batch in client.beta.messages.batches.list(limit=_PAGE):
        if batch.created_at < since:
            return
        counts = batch.request_counts
        size = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
        yield SentBatch(batch.id, batch.created_at, size, partial(_anthropic_ids, client, batch))


async def _anthropic_ids(client: AsyncAnthropic, batch: BetaMessageBatch) -> frozenset[str] | None:
    if batch.processing_status != "ended":
        return None
    return frozenset([item.custom_id async for item in await client.beta.messages.batches.results(batch.id)])


_LISTS: Final[dict[str, Callable[[Any, datetime], AsyncIterator[SentBatch]]]] = {
    "openai": _openai,
    "anthropic": _anthropic,
}
"""By the system of a model."""
