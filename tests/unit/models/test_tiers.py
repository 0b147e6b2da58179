"""models.tiers: each tier onto the provider's own setting, or a refusal."""

from __future__ import annotations

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.price import Tier
from sleeptime.models.resolve import resolve_model
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
    ("name", "has_batches"),
    [
        ("openai:gpt-4o", True),
        ("anthropic:claude-sonnet-4-6", True),
        ("openai-chat:gpt-4o", False),
        ("google:gemini-2.5-flash", False),
    ],
)
def test_a_batch_needs_a_batch_api_that_can_be_searched(
    name: str, has_batches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(key, "test")
    model = resolve_model(name)
    if has_batches:
        assert tier_settings(model, Tier.BATCH) == {}
        return
    with pytest.raises(InputError, match=r"no tier batch; allowed: standard, priority, flex$"):
        tier_settings(model, Tier.BATCH)


@pytest.mark.parametrize(
    ("system", "tier", "said"),
    [
        ("openai", Tier.BATCH, r"no tier batch; allowed: standard, priority, flex$"),  # not the Responses model
        ("anthropic", Tier.FLEX, r"no tier flex; allowed: standard, priority$"),
        ("openai-compatible", Tier.PRIORITY, r"no tier priority; allowed: standard$"),
        ("nano", Tier.FLEX, r"no tier flex; allowed: standard$"),
    ],
)
def test_a_tier_that_the_provider_lacks_is_refused(system: str, tier: Tier, said: str) -> None:
    with pytest.raises(InputError, match=said):
        tier_settings(ScriptedModel([], system=system), tier)
