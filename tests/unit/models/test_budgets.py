"""models.budgets: each budget onto the family's own control, or a refusal that says what the model can follow."""

from __future__ import annotations

import re

import pytest
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.budget import Budget, Effort, EffortLevel, Forced, Thinking, Verbosity, parse_budget
from sleeptime.core.errors import UnsupportedBudget
from sleeptime.models.budgets import BudgetPlan, budget_request, sleep_effort
from sleeptime.models.forced import ForcedModel
from sleeptime.models.resolve import resolve_model
from sleeptime.models.scripted import ScriptedModel

COMPATIBLE = "openai-compatible:http://127.0.0.1:8000/v1#deepseek-r1"
SCRIPTED = "scripted"


def model_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Model:
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(key, "test")
    return ScriptedModel([]) if name == SCRIPTED else resolve_model(name)


def thinking(**settings: object) -> ModelSettings:
    return settings  # type: ignore[return-value]  # settings of one provider, which ModelSettings does not list


@pytest.mark.parametrize(
    ("name", "budget", "plan"),
    [
        ("openai:gpt-4o-mini", Verbosity(0), BudgetPlan({"temperature": 0.0}, verbosity=0)),
        ("openai:o3-mini", Verbosity(2), BudgetPlan(verbosity=2)),
        ("openai:o3-mini", Effort("low"), BudgetPlan({"thinking": "low"})),
        ("openai:gpt-5", Effort("high"), BudgetPlan({"thinking": "high"})),
        ("anthropic:claude-opus-4-7", Verbosity(1), BudgetPlan(verbosity=1)),
        ("anthropic:claude-opus-4-7", Effort("medium"), BudgetPlan({"thinking": "medium"})),
        ("anthropic:claude-3-7-sonnet-latest", Thinking(2048),
         BudgetPlan(thinking(anthropic_thinking={"type": "enabled", "budget_tokens": 2048}))),
        ("google:gemini-2.5-flash", Thinking(512),
         BudgetPlan(thinking(google_thinking_config={"include_thoughts": True, "thinking_budget": 512}))),
        ("google:gemini-3-pro-preview", Effort("high"), BudgetPlan({"thinking": "high"})),
        (COMPATIBLE, Verbosity(4), BudgetPlan({"temperature": 0.0}, verbosity=4)),
        (COMPATIBLE, Forced(256), BudgetPlan(force=Forced(256))),
        (SCRIPTED, Verbosity(3), BudgetPlan({"temperature": 0.0}, verbosity=3)),
        (SCRIPTED, Forced(16), BudgetPlan(force=Forced(16))),
    ],
)  # fmt: skip
def test_a_budget_maps_onto_the_models_own_control(
    name: str, budget: Budget, plan: BudgetPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert budget_request(model_of(name, monkeypatch), budget) == plan


@pytest.mark.parametrize(
    ("name", "budget", "followed"),
    [
        ("openai:gpt-4o-mini", "effort:low", "v0 to v4"),
        ("openai:gpt-4o-mini", "think:1024", "v0 to v4"),
        ("openai:o3-mini", "think:1024", "v0 to v4, effort:low|medium|high"),
        ("openai:o3-mini", "force:64", "v0 to v4, effort:low|medium|high"),
        ("openai:gpt-5-pro", "effort:low", "v0 to v4, effort:high"),
        ("anthropic:claude-3-5-haiku-latest", "think:2048", "v0 to v4"),
        ("anthropic:claude-sonnet-4-5", "think:1000",
         "v0 to v4, effort:low|medium|high, think:N (N at least 1024)"),
        ("anthropic:claude-opus-4-7", "think:2048", "v0 to v4, effort:low|medium|high"),
        ("google:gemini-3-pro-preview", "effort:medium", "v0 to v4, effort:low|high"),
        ("google:gemini-2.0-flash", "think:64", "v0 to v4"),
        (COMPATIBLE, "effort:high", "v0 to v4, force:N"),
        (SCRIPTED, "think:64", "v0 to v4, force:N"),
    ],
)  # fmt: skip
def test_a_budget_that_the_model_cannot_follow_is_refused_with_what_it_can(
    name: str, budget: str, followed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(name, monkeypatch)
    message = f"{model.model_name} cannot follow the budget {budget}; it follows {followed}"
    with pytest.raises(UnsupportedBudget, match=f"^{re.escape(message)}$"):
        budget_request(model, parse_budget(budget))


@pytest.mark.parametrize(
    ("name", "level", "settings"),
    [("openai:gpt-4o", "high", {}), ("openai:o3", "high", {"thinking": "high"}), (SCRIPTED, "low", {}),
     ("openai:gpt-5-pro", "low", {})],
)  # fmt: skip
def test_a_sleep_scales_by_effort_where_the_model_has_it(
    name: str, level: EffortLevel, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sleep_effort(model_of(name, monkeypatch), level) == settings


def test_a_plan_wraps_the_model_only_to_force_it() -> None:
    model = ScriptedModel([])
    assert budget_request(model, Verbosity(0)).apply(model) is model
    forced = budget_request(model, Forced(8)).apply(model)
    assert isinstance(forced, ForcedModel)
    assert forced.budget == Forced(8)
