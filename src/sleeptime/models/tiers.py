"""Tiers: the provider's own setting for each price and speed class of a request. A batch is another way to ask."""

from __future__ import annotations

from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings, ServiceTier

from sleeptime.core.errors import InputError
from sleeptime.core.price import Tier
from sleeptime.models.sent_batches import has_batches

_SERVICE_TIERS: Final[dict[str, dict[Tier, ServiceTier]]] = {
    "openai": {Tier.STANDARD: "default", Tier.PRIORITY: "priority", Tier.FLEX: "flex"},
    # Anthropic serves "auto" from priority capacity where the account has bought some; the reply says what it got.
    "anthropic": {Tier.STANDARD: "default", Tier.PRIORITY: "auto"},
    "google": {Tier.STANDARD: "default", Tier.PRIORITY: "priority", Tier.FLEX: "flex"},
}


def tier_settings(model: Model, tier: Tier) -> ModelSettings:
    """The settings that ask ``model`` for a tier; none where standard is all there is, and none for a batch.

    Raises:
        InputError: the model has no such tier; the message names the tiers it has.
    """
    offered = _SERVICE_TIERS.get(model.system, {})
    if tier in offered:
        return ModelSettings(service_tier=offered[tier])
    can_batch = has_batches(model)
    if tier is Tier.STANDARD or (tier is Tier.BATCH and can_batch):
        return ModelSettings()
    names = [*offered] or [Tier.STANDARD]
    names += [Tier.BATCH] * can_batch
    raise InputError(f"{model.model_name} has no tier {tier.value}; allowed: {', '.join(names)}")
