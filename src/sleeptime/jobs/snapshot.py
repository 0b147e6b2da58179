"""Snapshot: the settings that decide what a job writes, kept with it, so that it does the same wherever it runs."""

from __future__ import annotations

from typing import Any, Final

from pydantic_ai.models import Model

from sleeptime.core.job import BY_TRIGGER, OWN_CAPS, Job, NewJob
from sleeptime.core.price import Tier
from sleeptime.core.trigger import Trigger
from sleeptime.models.budgets import sleep_temperature
from sleeptime.models.resolve import prompt_profile
from sleeptime.settings import Settings, restored_settings
from sleeptime.sleep.drafts import told_digest
from sleeptime.sleep.incremental import Agenda, all_parts, changed_parts
from sleeptime.sleep.settings import Combine, SleepSettings, Strategy
from sleeptime.store.entry import Unstudied

KEPT: Final = (
    "model",
    "tier",
    "strategy",
    "drafts",
    "combine",
    "effort",
    "seed",
    "temperature",
    "max_rethinks",
    "max_note_tokens",
    "max_changes",
    "max_steps",
    "incremental",
    "neighbours",
    "piece_tokens",
    "piece_parts",
    "approve",
    "max_learned_tokens",
    "max_lost_verified",
)
"""Settings that go with a job. All others are those of the worker: where it keeps, how it waits, what it may spend on a
day. A sleep by hand brings `OWN_CAPS` beside these."""

_PROMPT: Final = "prompt"
_TOGETHER: Final = 10_000
"""More drafts than a sleep makes."""


def new_job(
    context_version: str, settings: Settings, *, trigger: str, priority: int = BY_TRIGGER, given: Model | None = None
) -> NewJob:
    """A job that sleeps on a version of a context with these settings.

    Args:
        context_version: what it reads, unless the context has changed when it begins.
        settings: as they are now.
        trigger: what called for it.
        priority: lower numbers go first.
        given: a model that has no name by which another process could find it; the setting `model` by default.
    """
    values = settings.model_dump(mode="json", include=set(KEPT))
    profile = ("nano" if settings.model == "nano" else "default") if given is None else prompt_profile(given)
    if given is not None:
        values |= {"model": None, "given": f"{given.system} {given.model_name}"}
    told = SleepSettings(strategy=Strategy(settings.strategy), profile=profile)
    if trigger == Trigger.HAND:
        values |= settings.model_dump(mode="json", include=set(OWN_CAPS))
    values[_PROMPT] = [told_digest(told), told_digest(told, is_rewriting=True)]
    return NewJob(
        context_version=context_version,
        settings=values,
        drafts=settings.drafts,
        trigger=trigger,
        priority=priority,
    )


def settings_of(job: Job, settings: Settings) -> Settings:
    """The settings of a worker with those that the job was asked for with; of the caps on a job the tighter ones.

    Raises:
        InputError: a newer version asked for it, with a value that is not known here.
    """
    kept: dict[str, Any] = {name: job.settings[name] for name in KEPT if name in job.settings}
    if kept.get("model") is None:
        kept.pop("model", None)
    for name in OWN_CAPS:
        caps = [cap for cap in (job.settings.get(name), getattr(settings, name)) if cap is not None]
        kept[name] = min(caps, default=None)
    return restored_settings(settings, **kept)


def sleep_settings(model: Model, settings: Settings) -> SleepSettings:
    """How a model is to sleep with these settings."""
    return SleepSettings(
        strategy=Strategy(settings.strategy),
        drafts=settings.drafts,
        combine=Combine(settings.combine),
        effort=settings.effort,
        temperature=sleep_temperature(model, settings.effort, settings.temperature),
        seed=settings.seed,
        max_rethinks=settings.max_rethinks,
        max_note_tokens=settings.max_note_tokens,
        max_changes=settings.max_changes,
        max_steps=settings.max_steps,
        # In a batch all drafts wait together.
        concurrency=settings.concurrency if settings.tier is not Tier.BATCH else _TOGETHER,
        profile=prompt_profile(model),
        piece_tokens=settings.piece_tokens,
        piece_parts=settings.piece_parts,
        neighbours=settings.neighbours,
    )


def agenda_of(model: Model, unstudied: Unstudied, settings: Settings) -> Agenda:
    """What a sleep is to read; the same whenever it is asked with the same."""
    how = sleep_settings(model, settings)
    if not settings.incremental:
        return all_parts(unstudied.context, how)
    return changed_parts(unstudied.context, how, unstudied.base, unstudied.read, model_name=model.model_name)
