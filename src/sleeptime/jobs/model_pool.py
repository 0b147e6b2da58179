"""ModelPool: the models of a process by name, each opened once and closed with the pool."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Self

from pydantic_ai.models import Model

from sleeptime.models.resolve import resolve_model
from sleeptime.settings import Settings


class ModelPool:
    """Opens models when they are asked for. Use from one event loop, in an ``async with``."""

    def __init__(self) -> None:
        self._resources = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._models: dict[tuple[str, float], Model] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._models.clear()
        await self._resources.aclose()

    async def opened(self, settings: Settings) -> Model:
        """The model that settings name.

        Raises:
            UnknownModel, InputError: as `resolve_model`.
        """
        name, timeout_s = settings.model, settings.model_timeout_s
        async with self._opening:
            model = self._models.get((name, timeout_s))
            if model is None:
                resolved = await asyncio.to_thread(resolve_model, name, timeout_s=timeout_s)  # may load an SDK
                model = self._models[name, timeout_s] = await self._resources.enter_async_context(resolved)
            return model
