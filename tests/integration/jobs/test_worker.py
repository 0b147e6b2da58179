"""A worker in this process: what it takes, in which order, and how its jobs are steered."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sleeptime.core.job import BY_HAND, BY_TRIGGER, Job, JobState
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.jobs.engine import queue_url
from sleeptime.jobs.snapshot import new_job
from sleeptime.jobs.worker import run_worker
from sleeptime.settings import Settings
from sleeptime.store.entry import Status
from sleeptime.store.store import Store
from tests.support.jobs import (
    CALLS_PER_DRAFT,
    Sleeper,
    asked_for,
    check_books,
    known_as,
    opened,
    sleep_settings,
    sleeper,
    until,
    until_over,
)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[str]:
    """A worker, until the block ends; its id."""
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    worker = asyncio.create_task(run_worker(settings, stop, rng=random.Random(0), started=started.set_result))
    await asyncio.wait({worker, started}, return_when=asyncio.FIRST_COMPLETED)
    assert not worker.done(), worker.exception()
    try:
        yield started.result()
    finally:
        stop.set()
        await worker


async def queued(store: Store, model: Sleeper, *names: str, priority: int = BY_HAND, **given: object) -> list[Job]:
    """A job on each of these contexts, which are made."""
    settings = sleep_settings("sqlite:///unused.db", model.name, **given)  # type: ignore[arg-type]
    jobs = []
    for name in names:
        context = known_as(name)
        await store.add_context(context)
        new = new_job(context.version, settings, trigger="hand", priority=priority)
        jobs.append((await store.jobs.add(name, new))[0])
    return jobs


async def order_of(*stores: Store) -> list[str]:
    """Names of the contexts in the order in which their jobs began."""
    jobs = [job for store in stores for job in await store.jobs.list()]
    begun = [(job.started_at, job.context) for job in jobs if job.started_at is not None]
    return [name for _, name in sorted(begun)]


async def test_a_worker_runs_no_more_jobs_at_once_than_it_is_told(database_url: str) -> None:
    with sleeper(lambda: 0.05) as model:
        async with opened(database_url, "ada") as (store,):
            await queued(store, model, *(f"ada-{n}" for n in range(6)))
            async with working(sleep_settings(database_url, model.name, worker_concurrency=2)):
                await until_over([store], 6)
            assert model.at_once == 2
            assert await check_books(store, await store.jobs.list(), model.asked) == {"ok": 6 * CALLS_PER_DRAFT}


async def test_what_a_user_asked_for_goes_before_what_a_trigger_called_for(database_url: str) -> None:
    with sleeper() as model:
        async with opened(database_url, "ada") as (store,):
            called = [f"called-{n}" for n in range(3)]
            asked = [f"asked-{n}" for n in range(3)]
            await queued(store, model, *called, priority=BY_TRIGGER)
            await queued(store, model, *asked, priority=BY_HAND)
            async with working(sleep_settings(database_url, model.name, worker_concurrency=1)):
                await until_over([store], 6)
            assert set((await order_of(store))[:3]) == set(asked)


async def test_a_tenant_with_many_jobs_does_not_keep_out_one_with_a_single_job(database_url: str) -> None:
    """Each free place goes to a tenant at random: the single job comes after 13 others in one of 2 ** 13 runs."""
    with sleeper() as model:
        async with opened(database_url, "many", "single") as (many, single):
            await queued(many, model, *(f"many-{n}" for n in range(16)))
            await queued(single, model, "single-0")
            async with working(sleep_settings(database_url, model.name, worker_concurrency=1)):
                await until_over([many, single], 17)
            assert (await order_of(many, single)).index("single-0") <= 13


async def test_a_paused_job_makes_no_further_call_and_goes_on_where_it_stopped(database_url: str) -> None:
    with sleeper(lambda: 0.2) as model:
        async with opened(database_url, "ada") as (store,):
            (job,) = await queued(store, model, "ada-0", drafts=2)
            async with working(sleep_settings(database_url, model.name)):
                await until(lambda: model.asked.total() >= 2, "both drafts have begun")
                await store.jobs.pause(job.id)
                await until(lambda: _is(store, job, JobState.PAUSED), "it is paused")
                made = model.asked.copy()
                assert {call.outcome for call in await store.ledger.of_job(job.id)} == {"ok"}, (
                    "calls under way have ended"
                )
                await asyncio.sleep(0.5)
                assert model.asked == made
                await store.jobs.resume("ada-0")
                await until_over([store], 1)
            assert await check_books(store, await store.jobs.list(), model.asked) == {"ok": 2 * CALLS_PER_DRAFT}


async def test_a_cancelled_job_ends_before_its_next_call(database_url: str) -> None:
    with sleeper(lambda: 0.2) as model:
        async with opened(database_url, "ada") as (store,):
            (job,) = await queued(store, model, "ada-0")
            async with working(sleep_settings(database_url, model.name)):
                await until(lambda: model.asked.total() == 1, "it has begun")
                await store.jobs.cancel("ada-0")
                await until_over([store], 1)
            over = await store.jobs.job(job.id)
            assert (over.outcome, over.reason, over.learned) == (Outcome.SKIPPED, "cancelled", None)
            assert model.asked.total() == 1
            assert await store.learned_versions("ada-0") == ()


async def test_a_rollback_while_a_job_runs_stands(database_url: str) -> None:
    with sleeper(lambda: 0.2) as model:
        async with opened(database_url, "ada") as (store,):
            (first,) = await queued(store, model, "ada-0")
            async with working(sleep_settings(database_url, model.name)):
                await until_over([store], 1)
                context = known_as("ada-0")
                other = LearnedContext("ada-0", context.version, (Note(NoteKind.TEXT, "wrong"),), "rethink", "other")
                assert (await store.commit_sleep(other)).number == 2
                made = model.asked.total()
                (job,) = await queued(store, model, "ada-0", seed=7)
                await until(lambda: model.asked.total() > made, "it has begun")
                await store.rollback("ada-0", 1)
                await until_over([store], 2)
            over = await store.jobs.job(job.id)
            assert (over.outcome, over.learned) == (Outcome.SKIPPED, None)
            assert (await store.jobs.sleep_state("ada-0")).rests_until is None
            assert "sleeptime notes ada-0 --approve 3" in over.reason
            versions = await store.learned_versions("ada-0")
            assert [(entry.status, entry.job_id) for entry in versions] == [
                (Status.LIVE, first.id),
                (Status.RETIRED, None),
                (Status.STAGED, job.id),
            ]


async def test_a_job_that_fails_says_why_and_does_not_disturb_the_others(database_url: str) -> None:
    with sleeper() as model:
        async with opened(database_url, "ada") as (store,):
            (good,) = await queued(store, model, "ada-0")
            settings = sleep_settings(database_url, model.name.replace("/v1#", "/nowhere#"))
            await store.add_context(known_as("ada-1"))
            bad, _ = await store.jobs.add("ada-1", replace(asked_for(known_as("ada-1"), settings), trigger="change"))
            async with working(sleep_settings(database_url, model.name)):
                await until_over([store], 2)
            assert (await store.jobs.job(good.id)).outcome is Outcome.WROTE
            failed = await store.jobs.job(bad.id)
            assert failed.outcome is Outcome.FAILED
            assert "501" in failed.reason
            state = await store.jobs.sleep_state("ada-1")
            assert (state.failures, state.last_error) == (1, failed.reason)
            assert state.rests_until is not None


async def commanded(url: str, folder: Path, *arguments: str) -> str:
    """What a command prints."""
    environment = {**os.environ, "SLEEPTIME_DATABASE_URL": url, "SLEEPTIME_TENANT": "ada"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "sleeptime", *arguments),
        env=environment,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_a_job_whose_provider_is_down_says_until_when_it_waits_and_why_and_can_be_cancelled(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'sleeptime.db'}"
    settings = sleep_settings(url, "openai-compatible:http://127.0.0.1:9/v1#nobody", breaker_pause_s=1800.0)
    async with opened(url, "ada") as (store,):
        await store.add_context(known_as("ada-0"))
        job, _ = await store.jobs.add("ada-0", asked_for(known_as("ada-0"), settings))
        async with working(settings):
            await until(lambda: _is(store, job, JobState.WAITING), "it waits")
            (shown,) = json.loads(await commanded(url, tmp_path, "jobs", "--json"))["jobs"]
            why = "nobody failed 3 times in a row (ProviderDown), and is left alone for a while"
            assert (shown["id"], shown["state"], shown["outcome"]) == (job.id, "waiting", None)
            assert why in shown["reason"]
            due = datetime.fromisoformat(shown["due_at"])
            assert due > datetime.now(UTC) + timedelta(minutes=20)
            for command in ("jobs", "status"):
                (row,) = [row for row in (await commanded(url, tmp_path, command)).splitlines() if job.id in row]
                assert f"until {due:%F %T} UTC: " in row
                assert why in row
            (breaker,) = json.loads(await commanded(url, tmp_path, "status", "--json"))["breakers"]["items"]
            assert (breaker["failures"], datetime.fromisoformat(breaker["open_until"])) == (3, due)
            await commanded(url, tmp_path, "jobs", "cancel", job.id)
            over = await store.jobs.job(job.id)
            assert (over.state, over.outcome, over.reason) == (JobState.OVER, Outcome.SKIPPED, "cancelled")


async def test_jobs_that_the_queue_has_forgotten_are_queued_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sleeptime.db'}"
    with sleeper() as model:
        async with opened(url, "ada") as (store,):
            jobs = await queued(store, model, *(f"ada-{n}" for n in range(3)))
            await store.work.assign("gone", 10)
            await store.work.hand_over("gone", [job.id for job in jobs])
            assert not Path(str(queue_url(url).database)).exists()
            async with working(sleep_settings(url, model.name)):
                await until_over([store], 3)
            await check_books(store, await store.jobs.list(), model.asked)


async def test_a_worker_that_has_ended_leaves_nothing_behind_and_another_can_follow(database_url: str) -> None:
    with sleeper() as model:
        async with opened(database_url, "ada") as (store,):
            for n in range(2):
                await queued(store, model, f"ada-{n}")
                async with working(sleep_settings(database_url, model.name)):
                    assert len(await store.work.workers()) == 1
                    await until_over([store], n + 1)
                assert await store.work.workers() == ()


async def test_triggers_are_heard(database_url: str) -> None:
    with sleeper() as model:
        async with opened(database_url, "ada") as (store,):
            await store.add_context(known_as("ada-0"))
            await store.policies.change("ada-0", lambda policy: policy.changed({"on_change": "0s"}))
            async with working(sleep_settings(database_url, model.name)):
                await until_over([store], 1)
            (job,) = await store.jobs.list()
            assert (job.trigger, job.priority, job.outcome) == ("change", BY_TRIGGER, Outcome.WROTE)


async def _is(store: Store, job: Job, state: JobState) -> bool:
    return (await store.jobs.job(job.id)).state is state
