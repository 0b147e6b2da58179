"""Snapshot: what decides what a job writes goes with it, and decides whether two jobs are the same work."""

from __future__ import annotations

import dataclasses

import pytest

from sleeptime.core.job import Job, JobState, NewJob, Wanted
from sleeptime.jobs.snapshot import KEPT, new_job, settings_of
from sleeptime.models.scripted import ScriptedModel
from sleeptime.settings import Settings
from tests.support.jobs import known_as


def asked_for(**given: object) -> NewJob:
    settings = Settings.model_validate({"database_url": "sqlite:///x.db", **given})
    return new_job("v1", settings, trigger="hand")


def taken(new: NewJob) -> Job:
    known = {field.name: None for field in dataclasses.fields(Job)}
    same = {name: getattr(new, name) for name in ("id", "settings", "drafts", "trigger", "priority", "work")}
    return Job(**{**known, **same, "state": JobState.RUNNING, "wanted": Wanted.RUN})


def test_the_same_settings_are_the_same_work() -> None:
    assert asked_for(drafts=3).work == asked_for(drafts=3).work
    assert asked_for(drafts=3).id != asked_for(drafts=3).id


@pytest.mark.parametrize(
    "other", [{"drafts": 2}, {"strategy": "rethink"}, {"model": "openai:gpt-5"}, {"seed": 1}, {"temperature": None}]
)
def test_other_settings_are_other_work(other: dict[str, object]) -> None:
    assert asked_for(**other).work != asked_for().work


def test_settings_that_decide_nothing_are_the_same_work() -> None:
    assert asked_for(concurrency=9, model_timeout_s=1.0, budget="v0").work == asked_for().work


def test_another_version_is_other_work() -> None:
    settings = Settings(database_url="sqlite:///x.db")
    works = {new_job(known_as(name).version, settings, trigger="hand").work for name in ("ada", "bob")}
    assert len(works) == 2


def test_a_worker_does_what_was_asked_for_and_keeps_its_own_for_the_rest() -> None:
    job = taken(asked_for(drafts=3, temperature=None, tier="flex", model="openai:gpt-5", concurrency=9))
    own = Settings(database_url="sqlite:///own.db", drafts=1, concurrency=2, max_tokens_per_job=500)
    settings = settings_of(job, own)
    assert (settings.drafts, settings.temperature, settings.tier, settings.model) == (3, None, "flex", "openai:gpt-5")
    assert (settings.database_url, settings.concurrency, settings.max_tokens_per_job) == ("sqlite:///own.db", 2, 500)


@pytest.mark.parametrize(
    ("asked", "own", "held"), [(10, None, 10), (None, 20, 20), (10, 20, 10), (20, 10, 10), (None, None, None)]
)
def test_of_the_caps_where_it_is_asked_for_and_where_it_runs_the_tighter_one_holds(
    asked: int | None, own: int | None, held: int | None
) -> None:
    new = asked_for(max_tokens_per_job=asked, max_usd_per_job=asked)
    assert new.work == asked_for().work, "the same work under another cap is the same work"
    mine = Settings(database_url="sqlite:///own.db", max_tokens_per_job=own, max_usd_per_job=own)
    caps = settings_of(taken(new), mine).caps.job
    assert (caps.max_tokens, caps.max_usd) == (held, held)


def test_a_job_that_a_trigger_calls_for_brings_no_cap() -> None:
    new = new_job("v1", Settings(database_url="sqlite:///x.db", max_tokens_per_job=10), trigger="change")
    assert settings_of(taken(new), Settings(database_url="sqlite:///own.db")).max_tokens_per_job is None


def test_a_model_without_a_name_is_no_setting_of_a_worker() -> None:
    new = new_job("v1", Settings(database_url="sqlite:///x.db"), trigger="hand", given=ScriptedModel([]))
    assert new.settings["model"] is None
    assert settings_of(taken(new), Settings(database_url="sqlite:///x.db", model="nano")).model == "nano"


def test_what_is_kept_are_settings() -> None:
    assert set(KEPT) <= set(Settings.model_fields)
