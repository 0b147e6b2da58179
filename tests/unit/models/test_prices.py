"""models.prices: prices from the table that ships; what it lacks is unknown."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from sleeptime.core.price import Price, Tier
from sleeptime.models.prices import price_of

AT = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_known_model_has_a_price_for_each_class() -> None:
    assert price_of("gpt-4o-mini", "openai", at=AT) == Price(
        input=0.15, cached_input=0.075, cache_write=0.15, output=0.6
    )
    claude = price_of("claude-sonnet-4-5", "anthropic", at=AT)
    assert claude == Price(input=3.0, cached_input=0.3, cache_write=3.75, output=15.0)


def test_tiers_have_prices_of_their_own() -> None:
    standard, *others = (price_of("gpt-5", "openai", tier, at=AT) for tier in Tier)
    assert standard is not None
    ratios = [None if other is None else other.output / standard.output for other in others]
    assert ratios == [2.0, 0.5, 0.5], "priority, flex, batch"


def test_a_tier_that_the_model_does_not_have_is_unknown() -> None:
    assert price_of("claude-sonnet-4-5", "anthropic", Tier.FLEX, at=AT) is None
    assert price_of("gpt-5", "openai", Tier.FLEX, at=datetime(2026, 1, 1, tzinfo=UTC)) is None, "not yet recorded"


def test_long_requests_are_billed_at_the_price_past_the_threshold() -> None:
    at_threshold = price_of("claude-sonnet-4-5", "anthropic", input_tokens=200_000, at=AT)
    beyond = price_of("claude-sonnet-4-5", "anthropic", input_tokens=200_001, at=AT)
    assert at_threshold is not None
    assert beyond is not None
    assert (at_threshold.input, beyond.input) == (3.0, 6.0)
    assert (at_threshold.output, beyond.output) == (15.0, 22.5)


def test_prices_follow_the_date() -> None:
    before = price_of("o3", "openai", at=datetime(2025, 6, 1, tzinfo=UTC))
    after = price_of("o3", "openai", at=datetime(2025, 7, 1, tzinfo=UTC))
    assert before is not None
    assert after is not None
    assert (before.input, after.input) == (10.0, 2.0)


@pytest.mark.parametrize(
    ("model", "provider", "base_url"),
    [
        ("no-such-model", "openai", None),
        ("gpt-4o", "no-such-provider", None),
        ("gpt-4o", "openai-compatible", None),
        ("gpt-4o", "openai-compatible", "http://127.0.0.1:8000/v1"),
        ("text-embedding-3-small", "openai", None),
    ],
)
def test_what_the_table_lacks_is_unknown_and_not_free(model: str, provider: str, base_url: str | None) -> None:
    assert price_of(model, provider, base_url=base_url) is None


def test_a_compatible_endpoint_is_known_by_its_address() -> None:
    assert price_of("gpt-4o-mini", "openai-compatible", base_url="https://api.openai.com/v1", at=AT) == price_of(
        "gpt-4o-mini", "openai", at=AT
    )


@pytest.mark.parametrize("provider", ["nano", "scripted"])
def test_what_runs_here_is_free(provider: str) -> None:
    assert price_of(provider, provider, Tier.PRIORITY) == Price(0.0, 0.0, 0.0, 0.0)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a price look-up went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert price_of("gemini-2.5-flash", "google") is not None
