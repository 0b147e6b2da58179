"""Tiers: the provider's own setting for each price and speed class of a single request."""

from __future__ import annotations

from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings, ServiceTier

from sleeptime.core.errors import InputError
from sleeptime.core.price import Tier

_SERVICE_TIERS: Final[dict[str, dict[Tier, ServiceTier]]] = {
    "openai": {Tier.STANDARD: "default", Tier.PRIORITY: "priority", Tier.FLEX: "flex"},
    # Anthropic serves "auto" from priority capacity where the account has bought some; the reply says what it got.
    "anthropic": {Tier.STANDARD: "default", Tier.PRIORITY: "auto"},
    "google": {Tier.STANDARD: "default", Tier.PRIORITY: "priority", Tier.FLEX: "flex"},
}


def tier_settings(model: Model, tier: Tier) -> ModelSettings:
    """The settings that ask ``model`` for a tier; none where standard is all there is.

    Raises:
        InputError: the model has no such tier, or only its batch API has; the message names the tiers it has.
    """
    offered = _SERVICE_TIERS.get(model.system, {})
    if tier in offered:
        return ModelSettings(service_tier=offered[tier])
    if tier is Tier.STANDARD:
        return ModelSettings()
    names = ", ".join(offered) or Tier.STANDARD.value
    why = "a batch is a file of requests, answered within a day" if tier is Tier.BATCH else "its provider offers none"
    raise InputError(f"{model.model_name} has no tier {tier.value} for a single request ({why}); allowed: {names}")
