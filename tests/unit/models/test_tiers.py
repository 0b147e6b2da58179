"""models.tiers: each tier onto the provider's own setting, or a refusal."""

from __future__ import annotations

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.price import Tier
from sleeptime.models.scripted import ScriptedModel
from sleeptime.models.tiers import tier_settings


@pytest.mark.parametrize(
    ("system", "tier", "settings"),
    [
        ("openai", Tier.STANDARD, {"service_tier": "default"}),
        ("openai", Tier.PRIORITY, {"service_tier": "priority"}),
        ("openai", Tier.FLEX, {"service_tier": "flex"}),
        ("google", Tier.FLEX, {"service_tier": "flex"}),
        ("anthropic", Tier.STANDARD, {"service_tier": "default"}),
        ("anthropic", Tier.PRIORITY, {"service_tier": "auto"}),
        ("openai-compatible", Tier.STANDARD, {}),
        ("nano", Tier.STANDARD, {}),
    ],
)
def test_a_tier_maps_onto_the_providers_setting(system: str, tier: Tier, settings: dict[str, str]) -> None:
    assert tier_settings(ScriptedModel([], system=system), tier) == settings


@pytest.mark.parametrize(
    ("system", "tier", "said"),
    [
        ("openai", Tier.BATCH, r"no tier batch for a single request \(a batch .*\); allowed: standard, priority, flex"),
        ("anthropic", Tier.FLEX, r"no tier flex .*; allowed: standard, priority"),
        ("openai-compatible", Tier.PRIORITY, r"no tier priority .*\(its provider offers none\); allowed: standard"),
        ("nano", Tier.FLEX, r"no tier flex .*; allowed: standard"),
    ],
)
def test_a_tier_that_the_provider_lacks_is_refused(system: str, tier: Tier, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tier_settings(ScriptedModel([], system=system), tier)
