"""Resources: what a Sleeptime has open, each opened by the call that needs it first."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from sleeptime.core.call import CallLedger, Phase
from sleeptime.gate.caps import UnderWay
from sleeptime.settings import Settings

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from sleeptime.models.traffic import Traffic
    from sleeptime.store.store import Store
    from sleeptime.telemetry.telemetry import Telemetry


class Resources:
    """The store, the model, and the traffic to its provider.

    Args:
        settings: say which.
        given_model: the model, when it was given as it is and not by its name.
        rng: draws the jitter of retries.
    """

    def __init__(self, settings: Settings, given_model: Model | None, rng: random.Random) -> None:
        self.settings = settings
        self.given_model = given_model
        self.rng = rng
        self.under_way = UnderWay()
        self._store: Store | None = None
        self._model: Model | None = None
        self._traffic: Traffic | None = None
        self._open = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close what is open; the next call opens it again."""
        self._store, self._model, self._traffic = None, None, None
        await self._open.aclose()

    async def store(self) -> Store:
        """The store.

        Raises:
            StoreError: it cannot be opened.
        """
        from sleeptime.store.store import Store

        async with self._opening:
            if self._store is None:
                store = await Store.open(self.settings.database_url, tenant=self.settings.tenant)
                self._store = await self._open.enter_async_context(store)
            return self._store

    async def model(self) -> Model:
        """The model.

        Raises:
            InputError: it is not known, or something that it needs is missing.
        """
        from sleeptime.models.resolve import resolve_model

        async with self._opening:
            if self._model is None:
                settings = self.settings
                model = self.given_model or resolve_model(settings.model, timeout_s=settings.model_timeout_s)
                self._model = await self._open.enter_async_context(model)
            return self._model

    def traffic(self, store: Store) -> Traffic:
        """What this process sends to providers, in sleep and for queries."""
        from sleeptime.models.traffic import Traffic

        if self._traffic is None:
            self._traffic = Traffic(store.rates, store.breakers, self.settings.pace, self.settings.breaker)
        return self._traffic

    def telemetry(self) -> Telemetry:
        """What this process tells of its work.

        Raises:
            InputError: the settings ask for telemetry, and its extra is not installed.
        """
        from sleeptime.telemetry.start import start_telemetry

        return start_telemetry(self.settings.exporters)

    def metered(self, model: Model, ledger: CallLedger, phase: Phase, context: str, **given: Any) -> Model:
        """The model with each attempt in the ledger, and its failures retried and mapped."""
        from sleeptime.models.metered import MeteredModel
        from sleeptime.models.retry import RetryModel

        telemetry = self.telemetry()
        seen, counted = telemetry.instrumented(model), telemetry.led(ledger, model)
        return RetryModel(MeteredModel(seen, counted, phase=phase, context=context, **given), rng=self.rng)
