"""Price lists of real models, to see how far a bill depends on whose it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from sleeptime.core.price import Price
from sleeptime.lab.experiments.experiment import Study
from sleeptime.models.prices import price_of

AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""Prices change by date; results should not."""
MODELS: Final = (
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-5-mini"),
    ("anthropic", "claude-sonnet-4-5"),
    ("google", "gemini-2.5-flash"),
)
"""The paper's, and three with other relations of output to input and of cached to fresh."""


def price_lists(study: Study) -> Iterator[tuple[str, Price]]:
    """That of the study, then the others whose prices are known."""
    yield study.price_model, study.price
    for provider, name in MODELS:
        price = price_of(name, provider, at=AT)
        if price is not None and price != study.price:
            yield f"{provider}:{name}", price


def relations(price: Price) -> str:
    """What sets a list apart: ``"output 4.0, cached 0.50, written 1.00"``, all over fresh input."""
    base = price.input or 1.0
    return (
        f"output {price.output / base:.1f}, cached {price.cached_input / base:.2f}, "
        f"written {price.cache_write / base:.2f}"
    )


PriceRow = Callable[[Price], tuple[str, ...]]


def price_rows(study: Study, row: PriceRow) -> tuple[tuple[str, ...], ...]:
    """One row per list, with its name and relations in front."""
    return tuple((name, relations(price), *row(price)) for name, price in price_lists(study))
