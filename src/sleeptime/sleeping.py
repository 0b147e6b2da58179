"""Sleeping: a sleep planned, run while someone waits, or asked for in the background."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from sleeptime.core.errors import InputError, UnknownModel
from sleeptime.core.job import BY_HAND, Job, NewJob
from sleeptime.core.outcome import Outcome
from sleeptime.core.totals import Totals
from sleeptime.core.trigger import Trigger
from sleeptime.jobs.by_hand import ByHand
from sleeptime.jobs.sleep_job import Means, Ran
from sleeptime.jobs.snapshot import new_job, sleep_settings
from sleeptime.jobs.study import study_of
from sleeptime.models.resolve import resolve_model
from sleeptime.models.tiers import tier_settings
from sleeptime.plan import SleepPlan, plan_sleep
from sleeptime.resources import Resources
from sleeptime.results import Slept
from sleeptime.settings import Settings, changed_settings
from sleeptime.store.store import Store
from sleeptime.store.wake_rows import Standing

if TYPE_CHECKING:
    from pydantic_ai.models import Model

log = logging.getLogger(__name__)


class SleepChanges(TypedDict, total=False):
    """Settings for one sleep alone (docs/settings.md); None leaves a setting as it is."""

    strategy: str | None
    drafts: int | None
    combine: str | None
    effort: str | None
    tier: str | None
    seed: int | None
    temperature: float | None
    max_rethinks: int | None
    max_note_tokens: int | None
    max_changes: int | None
    max_steps: int | None
    concurrency: int | None
    incremental: bool | None
    neighbours: int | None
    approve: bool | None
    max_learned_tokens: int | None
    max_lost_verified: float | None
    piece_tokens: int | None
    piece_parts: int | None


async def plan(resources: Resources, name: str, changes: SleepChanges) -> SleepPlan:
    """As `Sleeptime.plan`."""
    store = await resources.store()
    settings = _settings(resources.settings, await store.policies.standing(name), changes)
    unstudied = await store.unstudied(name)
    model = await resources.model()
    tier_settings(model, settings.tier)  # the same error as in the sleep itself
    agenda = (await study_of(store, model, unstudied, settings)).agenda
    return plan_sleep(model, unstudied.context, agenda, sleep_settings(model, settings), settings.tier)


async def sleep(
    resources: Resources,
    name: str,
    changes: SleepChanges,
    *,
    progress: Callable[[int, int], None] | None = None,
    waiting: Callable[[str], None] | None = None,
) -> Slept:
    """As `Sleeptime.sleep`."""
    store, model = await resources.store(), await resources.model()
    settings, new = await _new_job(resources, store, name, changes)
    tier_settings(model, settings.tier)  # refused before there is a job

    async def open_model(_: Settings) -> Model:
        return model

    means = Means(
        store,
        settings,
        open_model,
        resources.rng,
        under_way=resources.under_way,
        traffic=resources.traffic(store),
        telemetry=resources.telemetry(),
    )
    job, ran = await ByHand(store, means).sleep(name, new, progress=progress, waiting=waiting)
    if ran is not None and isinstance(ran.error, InputError):
        raise ran.error
    return await _slept(store, job, ran)


async def queue(resources: Resources, name: str, changes: SleepChanges) -> Job:
    """As `Sleeptime.queue`."""
    if resources.given_model is not None:
        raise InputError("a sleep in the background needs a model that a worker finds by its name; give a name")
    store = await resources.store()
    settings, new = await _new_job(resources, store, name, changes)
    try:
        model = resolve_model(settings.model, timeout_s=settings.model_timeout_s)
    except UnknownModel:
        raise
    except InputError:  # such as a key that is missing here, and that a worker may have
        log.info("model %r cannot be opened here", settings.model, exc_info=True)
    else:
        tier_settings(model, settings.tier)  # refused before there is a job
    return (await store.jobs.add(name, new))[0]


async def _new_job(resources: Resources, store: Store, name: str, changes: SleepChanges) -> tuple[Settings, NewJob]:
    """A sleep that a user asks for, and its settings."""
    standing = await store.policies.standing(name)
    settings = _settings(resources.settings, standing, changes)
    version, model = standing.head.version, resources.given_model
    return settings, new_job(version, settings, trigger=Trigger.HAND, priority=BY_HAND, given=model)


def _settings(settings: Settings, standing: Standing, changes: SleepChanges) -> Settings:
    """The settings of a sleep by hand: what it changes itself goes before the policy of its context.

    The policy's tier is for sleep that nobody waits for.
    """
    of_policy = {} if standing.policy is None else standing.policy.overrides
    of_policy.pop("tier", None)
    return changed_settings(changed_settings(settings, **of_policy), **changes)


async def _slept(store: Store, job: Job, ran: Ran | None) -> Slept:
    """How a job ended, with what was learned, whoever ran it."""
    totals = Totals.of(await store.ledger.of_job(job.id))
    result = None if ran is None else ran.result
    slept = Slept(
        context=job.context,
        context_version=job.context_version,
        outcome=job.outcome or Outcome.SKIPPED,
        reason=job.reason or ("" if job.is_over else f"paused; `sleeptime jobs resume {job.id}` goes on"),
        usage=totals.usage,
        cost_usd=totals.cost_usd,
        job_id=job.id,
        studied=0 if result is None else result.studied,
    )
    if ran is not None and ran.committed is not None and result is not None and result.learned is not None:
        return replace(slept, reason=result.reason).as_committed(ran.committed, result.learned, result.carried)
    if job.learned is None:
        return slept
    shown = await store.shown(job.context, job.learned)
    status = None if shown.entry is None else shown.entry.status
    notes = () if shown.learned is None else shown.learned.notes
    return replace(slept, version=job.learned, status=status, notes=notes, digest=job.digest)
