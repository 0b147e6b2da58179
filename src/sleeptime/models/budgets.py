"""Budgets on models: each budget onto the control that a family of models has for it (arXiv:2504.13171, appendix A).

Knows nothing of prompts: a verbosity comes back as a level, and the caller's prompt says it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, cast, get_args

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.budget import Budget, Effort, EffortLevel, Forced, Thinking, Verbosity
from sleeptime.core.errors import UnsupportedBudget
from sleeptime.models.resolve import model_family

ANTHROPIC_LEAST_THINKING_TOKENS: Final = 1024
"""The smallest ``budget_tokens`` that the Anthropic API accepts."""

_FORCIBLE: Final = frozenset({"openai-compatible", "scripted"})
"""Families whose thinking can be cut and continued: the last message may be the beginning of the model's own reply."""

_NO_CLAUDE_THINKING: Final = ("claude-3-5", "claude-3-haiku", "claude-3-opus", "claude-3-sonnet", "claude-2")


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """How one request follows a budget.

    Args:
        settings: model settings to add to the request.
        verbosity: prompt level 0 to 4, when the budget is followed by the prompt.
        force: the budget to force, when it is followed by cutting and continuing the thinking.
    """

    settings: ModelSettings = field(default_factory=ModelSettings)
    verbosity: int | None = None
    force: Forced | None = None

    def apply(self, model: Model) -> Model:
        """The model to send the request to: ``model`` itself, or wrapped so that its thinking is forced."""
        if self.force is None:
            return model
        from sleeptime.models.forced import ForcedModel

        return ForcedModel(model, self.force)


def budget_request(model: Model, budget: Budget) -> BudgetPlan:
    """Plan how ``model`` follows ``budget``.

    Verbosity is a prompt, so every model follows it; models that take a temperature get 0, as in the paper. Effort and
    thinking tokens go to the provider's own control. ``force:N`` cuts and continues the thinking (arXiv:2501.19393).

    Raises:
        UnsupportedBudget: the model has no control for it; the message says which budgets it can follow.
    """
    match budget:
        case Verbosity(level):
            return BudgetPlan(settings=_greedy(model), verbosity=level)
        case Effort(level) if level in _efforts(model):
            return BudgetPlan(settings=ModelSettings(thinking=level))
        case Thinking(tokens):
            settings = _thinking_settings(model, tokens)
            if settings is not None:
                return BudgetPlan(settings=settings)
        case Forced() if model_family(model) in _FORCIBLE:
            return BudgetPlan(force=budget)
    followed = ", ".join(_followed(model))
    raise UnsupportedBudget(f"{model.model_name} cannot follow the budget {budget}; it follows {followed}")


def sleep_effort(model: Model, level: EffortLevel) -> ModelSettings:
    """The settings that scale a sleep by effort; none for a model without such a control (a prompt tells nano)."""
    return ModelSettings(thinking=level) if level in _efforts(model) else ModelSettings()


def sleep_temperature(model: Model, level: EffortLevel, temperature: float | None) -> float | None:
    """The temperature of drafts, or ``None`` for a model that refuses one because it thinks by itself."""
    # What a model does at verbosity 0 tells whether it takes one.
    takes_one = "temperature" in budget_request(model, Verbosity(0)).settings
    return temperature if takes_one and not sleep_effort(model, level) else None


def _efforts(model: Model) -> tuple[EffortLevel, ...]:
    """The reasoning efforts that the model tells apart."""
    profile = cast(dict[str, Any], model.profile)
    family = model_family(model)
    if family in ("nano", "scripted") or not profile.get("supports_thinking", False):
        return ()
    if family == "anthropic" and model.model_name.startswith(_NO_CLAUDE_THINKING):
        return ()
    accepted = profile.get("openai_reasoning_efforts")
    if accepted is None and (levels := profile.get("google_thinking_levels")) is not None:
        accepted = {level.lower() for level in levels}
    return tuple(level for level in get_args(EffortLevel) if accepted is None or level in accepted)


def _thinking_settings(model: Model, tokens: int) -> ModelSettings | None:
    """The provider's own limit on thinking tokens, or ``None`` where it has none (or does not accept this one)."""
    if not _takes_thinking_tokens(model):
        return None
    if model_family(model) == "anthropic":
        if tokens < ANTHROPIC_LEAST_THINKING_TOKENS:
            return None
        thinking: dict[str, Any] = {"anthropic_thinking": {"type": "enabled", "budget_tokens": tokens}}
    else:
        thinking = {"google_thinking_config": {"include_thoughts": True, "thinking_budget": tokens}}
    return cast(ModelSettings, thinking)


def _takes_thinking_tokens(model: Model) -> bool:
    profile = cast(dict[str, Any], model.profile)
    family = model_family(model)
    if family == "anthropic":
        has_budget = not profile.get("anthropic_disallows_budget_thinking", False)
        return has_budget and not model.model_name.startswith(_NO_CLAUDE_THINKING)
    has_budget = not profile.get("google_supports_thinking_level", True)
    return family == "google" and has_budget and bool(profile.get("supports_thinking", False))


def _greedy(model: Model) -> ModelSettings:
    """Temperature 0 (the paper's setting for verbosity), except where the model refuses sampling settings."""
    profile = cast(dict[str, Any], model.profile)
    refuses = profile.get("openai_supports_reasoning", False) or profile.get(
        "anthropic_disallows_sampling_settings", False
    )
    return ModelSettings() if refuses else ModelSettings(temperature=0.0)


def _followed(model: Model) -> list[str]:
    forms = ["v0 to v4"]
    if efforts := _efforts(model):
        forms.append(f"effort:{'|'.join(efforts)}")
    if _takes_thinking_tokens(model):
        is_claude = model_family(model) == "anthropic"
        forms.append(f"think:N (N at least {ANTHROPIC_LEAST_THINKING_TOKENS})" if is_claude else "think:N")
    if model_family(model) in _FORCIBLE:
        forms.append("force:N")
    return forms
