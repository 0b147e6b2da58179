"""Traffic: what one process sends to providers, kept within their limits and away from models that fail."""

from __future__ import annotations

from pydantic_ai.models import Model

from sleeptime.core.breaker import BreakerPolicy, Breakers
from sleeptime.core.call import CallLedger
from sleeptime.core.pace import Pace, Rates
from sleeptime.models.breaker import GuardedCalls
from sleeptime.models.pace import PacedCalls, Pacer
from sleeptime.models.prices import LOCAL_PROVIDERS
from sleeptime.models.provider import provider_of, served_model


class Traffic:
    """The calls of all jobs and queries of a process. Use from one event loop.

    Args:
        rates, breakers: what all workers share.
        pace: of each provider.
        breaker: of each model.
    """

    def __init__(self, rates: Rates, breakers: Breakers, pace: Pace, breaker: BreakerPolicy) -> None:
        self._rates = rates
        self._breakers = breakers
        self._pace = pace
        self._breaker = breaker
        self._pacers: dict[str, Pacer] = {}

    def led(self, ledger: CallLedger, model: Model) -> CallLedger:
        """The ledger of calls to a model, which lets them begin when they may; one that runs in this process always."""
        if model.system in LOCAL_PROVIDERS:
            return ledger
        provider = provider_of(model)
        pacer = self._pacers.get(provider)
        if pacer is None:
            pacer = self._pacers[provider] = Pacer(provider, self._pace, self._rates)
        return PacedCalls(GuardedCalls(ledger, self._breakers, served_model(model), self._breaker), pacer)
