"""Background: when a context is slept on without being asked, and what keeps it waiting; as `policy` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from sleeptime.core.errors import InputError
from sleeptime.core.policy import Policy
from sleeptime.core.trigger import Rest, Unslept, WakeUp
from sleeptime.settings import Settings, changed_settings

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from sleeptime.store.wake_rows import Standing


class PolicyChanges(TypedDict, total=False):
    """Values of a policy (docs/cli.md), as text or as they are; None leaves one as it is, ``"none"`` takes it away."""

    on_change: str | None
    idle: str | None
    every: int | str | None
    window: str | None
    cool_down: str | None
    max_tokens_per_job: int | str | None
    max_usd_per_job: float | str | None
    max_tokens_per_day: int | str | None
    max_usd_per_day: float | str | None
    approve: bool | str | None
    keep_versions: int | str | None
    keep_days: float | str | None
    strategy: str | None
    drafts: int | str | None
    combine: str | None
    effort: str | None
    tier: str | None
    is_on: bool | None


@dataclass(frozen=True, slots=True)
class Background:
    """How a context stands with sleeping in the background.

    Args:
        context: its name.
        policy: its policy; ``None`` when it has none.
        wake_ups: every trigger that is set, the one that is due first before the others; none while nothing is to be
            slept on.
        unslept: what no sleep has taken up yet; ``None`` when that is nothing, or a job has taken it up.
        rest: how long it rests.
        is_slept: whether the last sleep had read the version it stands at.
        is_busy: whether its triggers wait for the end of a job: one that is under way, or that a user paused.
        is_paused: whether a user paused one.
    """

    context: str
    policy: Policy | None
    wake_ups: tuple[WakeUp, ...]
    unslept: Unslept | None
    rest: Rest
    is_slept: bool
    is_busy: bool
    is_paused: bool


def background(standing: Standing, now: datetime) -> Background:
    """What is kept of a context, and what follows from it at this moment."""
    return Background(
        context=standing.head.name,
        policy=standing.policy,
        wake_ups=standing.wake_ups(now),
        unslept=standing.unslept,
        rest=standing.rest,
        is_slept=standing.is_slept,
        is_busy=standing.is_busy,
        is_paused=standing.is_paused,
    )


def checked_policy(policy: Policy, settings: Settings) -> Settings:
    """The settings that hold for a context with this policy.

    Raises:
        InputError: the policy puts a value in the place of one that is not allowed.
    """
    return changed_settings(settings, **policy.overrides, **policy.limits)


def check_model(settings: Settings, model: Model) -> None:
    """Refuse a policy that this model cannot be held to.

    Args:
        settings: that hold for its context, `checked_policy`.
        model: that would be called.

    Raises:
        InputError: the model has no such tier, or its price is unknown and a cap in USD stands alone.
    """
    from sleeptime.models.prices import price_of
    from sleeptime.models.tiers import tier_settings

    tier_settings(model, settings.tier)
    if price_of(model.model_name, model.system, settings.tier, base_url=model.base_url) is not None:
        return
    for of, cap in (("job", settings.caps.job), ("day", settings.caps.context_day)):
        if cap.max_usd is not None and cap.max_tokens is None:
            raise InputError(
                f"the price of {model.model_name!r} is unknown, so max_usd_per_{of} cannot hold; "
                f"add a cap in tokens beside it: max_tokens_per_{of}"
            )


def needs_model(policy: Policy) -> bool:
    """Whether `check_model` could refuse this policy."""
    is_in_doubt = (
        policy.max_usd_per_job is not None and policy.max_tokens_per_job is None,
        policy.max_usd_per_day is not None and policy.max_tokens_per_day is None,
    )
    return policy.tier is not None or any(is_in_doubt)
