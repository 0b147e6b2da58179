"""Language models: names resolve to pydantic-ai Models, wrapped so that each call is retried, metered and budgeted.

Imports ``core`` and ``nano`` only. Names load when they are first used: importing this package loads no provider SDK.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sleeptime.models.budgets import BudgetPlan, budget_request, sleep_effort
    from sleeptime.models.forced import ForcedModel
    from sleeptime.models.metered import MeteredModel
    from sleeptime.models.prices import price_of
    from sleeptime.models.resolve import model_family, resolve_model
    from sleeptime.models.retry import RetryModel, RetryPolicy
    from sleeptime.models.scripted import ScriptedModel, ToolCall
    from sleeptime.models.tiers import tier_settings

__all__ = [
    "BudgetPlan",
    "ForcedModel",
    "MeteredModel",
    "RetryModel",
    "RetryPolicy",
    "ScriptedModel",
    "ToolCall",
    "budget_request",
    "model_family",
    "price_of",
    "resolve_model",
    "sleep_effort",
    "tier_settings",
]

_HOME = {
    "BudgetPlan": "budgets",
    "ForcedModel": "forced",
    "MeteredModel": "metered",
    "RetryModel": "retry",
    "RetryPolicy": "retry",
    "ScriptedModel": "scripted",
    "ToolCall": "scripted",
    "budget_request": "budgets",
    "model_family": "resolve",
    "price_of": "prices",
    "resolve_model": "resolve",
    "sleep_effort": "budgets",
    "tier_settings": "tiers",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
