"""Every further model that pydantic-ai knows by a name such as ``deepseek:deepseek-chat``, with settings of ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse, infer_model
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers import infer_provider_class
from pydantic_ai.settings import ModelSettings, merge_model_settings

from sleeptime.core.errors import InputError


def inferred_model(name: str, settings: ModelSettings) -> Model | None:
    """The model that pydantic-ai makes of a name; ``None`` when it knows no such provider.

    Raises:
        InputError: the provider's package, its key or another of its variables is missing; the message names it.
    """
    try:
        infer_provider_class(name.partition(":")[0])
    except ValueError:
        return None
    except ImportError as error:
        raise InputError(f"the model {name!r} needs a package that is not installed: {error}") from error
    try:
        return _WithSettings(infer_model(name), settings)
    except (UserError, ImportError) as error:
        raise InputError(f"the model {name!r} cannot be set up: {error}") from error


class _WithSettings(WrapperModel):
    """Sends settings with every request; those of the request win."""

    def __init__(self, wrapped: Model, settings: ModelSettings) -> None:
        super().__init__(wrapped)
        self._added = settings

    @property
    def settings(self) -> ModelSettings | None:
        return merge_model_settings(self.wrapped.settings, self._added)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        settings = merge_model_settings(self._added, model_settings)
        return await self.wrapped.request(messages, settings, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        settings = merge_model_settings(self._added, model_settings)
        async with self.wrapped.request_stream(messages, settings, model_request_parameters, run_context) as stream:
            yield stream
