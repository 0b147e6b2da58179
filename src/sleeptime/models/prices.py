"""Prices of models, from the table that ships with genai-prices. Never fetches; what the table lacks is unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sleeptime.core.price import Price, Tier

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ModelInfo, TieredPrices

LOCAL_PROVIDERS: Final = frozenset({"nano", "scripted"})
"""Providers that run in this process: their price is known, and it is 0."""

FREE: Final = Price(input=0.0, cached_input=0.0, cache_write=0.0, output=0.0)

_CONTEXT: Final = {
    Tier.PRIORITY: {"service_tier": "priority"},
    Tier.FLEX: {"service_tier": "flex"},
    Tier.BATCH: {"processing": "batch"},
}
"""How genai-prices names the tiers that have prices of their own."""


def price_of(
    model_name: str,
    provider: str,
    tier: Tier = Tier.STANDARD,
    *,
    base_url: str | None = None,
    input_tokens: int = 0,
    at: datetime | None = None,
) -> Price | None:
    """Look up the price of a model, in USD per million tokens.

    A class without a price of its own is billed as fresh input, as providers do. Above a threshold of input tokens
    some providers bill the whole request at a higher price; ``input_tokens`` picks it.

    Args:
        model_name: the provider's name of the model, such as ``gpt-4o-mini``.
        provider: ``openai``, ``anthropic``, ``google``, ``nano``...; where the table lacks it, ``base_url`` decides.
        tier: price and speed class.
        base_url: where the model is served; tells which provider an OpenAI-compatible endpoint is.
        input_tokens: all input tokens of the request, cached ones included.
        at: when the request is made; ``None`` is now. Prices change by date.

    Returns:
        The price, or ``None`` when it is unknown: unknown model, provider, or tier of this model.
    """
    if provider in LOCAL_PROVIDERS:
        return FREE
    model = _find_model(model_name, provider, base_url)
    if model is None:
        return None
    at = at or datetime.now(UTC)
    context = _CONTEXT.get(tier)
    if context is not None and not _has_variant(model, context, at):
        return None
    prices = model.get_prices(at, context)
    fresh, output = _usd(prices.input_mtok, input_tokens), _usd(prices.output_mtok, input_tokens)
    if fresh is None or output is None:
        return None
    cached = _usd(prices.cache_read_mtok, input_tokens)
    written = _usd(prices.cache_write_mtok, input_tokens)
    return Price(
        input=fresh,
        cached_input=fresh if cached is None else cached,
        cache_write=fresh if written is None else written,
        output=output,
    )


def _find_model(model_name: str, provider: str, base_url: str | None) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    # genai-prices also matches provider names by substring: "openai-compatible" would be priced as OpenAI.
    is_known = any(known.id == provider for known in snapshot.providers)
    if not is_known and base_url is None:
        return None
    try:
        _, model = snapshot.find_provider_model(
            model_name, None, provider if is_known else None, None if is_known else base_url
        )
    except LookupError:
        return None
    return model


def _has_variant(model: ModelInfo, context: dict[str, str], at: datetime) -> bool:
    return any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(at))
        for variant in model.price_variants or ()
    )


def _usd(price: Decimal | TieredPrices | None, input_tokens: int) -> float | None:
    """The price of one class as a float; past a threshold the whole request is billed at that threshold's price."""
    from genai_prices.types import TieredPrices

    if not isinstance(price, TieredPrices):
        return None if price is None else float(price)
    reached = [step.price for step in price.tiers if input_tokens > step.start]
    return float(reached[-1] if reached else price.base)
