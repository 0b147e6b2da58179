"""Wording: figures as tables and sentences show them, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from sleeptime.lab.statistics import Estimate

NONE: Final = "-"
"""A figure that there is none of."""


def percent(found: Estimate | None) -> str:
    """An accuracy: ``"85.0 % (81.2 to 88.4)"``."""
    return _shown(found, ".1f", " %", 100)


def points(found: Estimate | None) -> str:
    """A difference of accuracies: ``"+3.2 points (+0.4 to +6.1)"``."""
    return _shown(found, "+.1f", " points", 100)


def times(found: Estimate | None) -> str:
    """A ratio: ``"7.6 times (6.8 to 8.5)"``."""
    return _shown(found, ".2f", " times")


def ratio(found: Estimate | None) -> str:
    """A ratio in a table that says so itself: ``"7.60 (6.80 to 8.50)"``."""
    return _shown(found, ".2f", "")


def tokens(found: Estimate | None) -> str:
    """Tokens, or another amount: ``"25.8 (25.1 to 26.4)"``."""
    return _shown(found, ",.1f", "")


def micro_usd(found: Estimate | None) -> str:
    """A cost in USD, shown per million of what it is the cost of: ``"21.8 (21.1 to 22.5)"``."""
    return _shown(found, ",.2f", "", 1e6)


def figures(found: Estimate | None) -> dict[str, Any] | None:
    """An estimate for JSON."""
    return None if found is None else asdict(found)


def plain(values: Mapping[str, Estimate | None]) -> dict[str, Any]:
    """Estimates by name for JSON."""
    return {name: figures(found) for name, found in values.items()}


def listed(names: list[str]) -> str:
    """``"a, b and c"``."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _shown(found: Estimate | None, form: str, unit: str, scale: float = 1) -> str:
    if found is None:
        return NONE
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f" ({found.low * scale:{form}} to {found.high * scale:{form}})"
    rare = f", undefined in {found.undefined:.0%} of the draws" if found.undefined > 0.05 else ""
    return f"{found.mean * scale:{form}}{unit}{interval}{rare}"
