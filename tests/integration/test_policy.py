"""Policies as a library, and kept by a worker: a change is slept on without anybody asking, on both databases."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sleeptime import Part, ScriptedModel, Sleeptime
from sleeptime.core.back_off import BackOff
from sleeptime.core.errors import InputError, NotFound
from sleeptime.core.job import Job, JobState
from sleeptime.core.outcome import Outcome
from sleeptime.core.policy import Policy
from sleeptime.core.trigger import Trigger
from sleeptime.jobs.snapshot import new_job
from sleeptime.jobs.worker import run_worker
from sleeptime.settings import load_settings
from sleeptime.store.store import Store
from tests.support.repositories import History

APPLES = Part("apples", "Tom has 3 bags of 24 apples.")
PEARS = Part("pears", "Tom has 2 pears.")
WRITES = {"tool": "write_notes", "args": {"notes": [{"kind": "fact", "text": "Tom has fruit."}]}}


@pytest.fixture
def model(tmp_path: Path) -> str:
    """Name of a model that always writes the same note."""
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"rules": [{"replies": [WRITES]}]}))
    return f"scripted:{path}"


@asynccontextmanager
async def working(database_url: str, model: str) -> AsyncIterator[None]:
    """A worker, while the body runs."""
    stop, settings = asyncio.Event(), load_settings(database_url=database_url, model=model)
    worker = asyncio.create_task(run_worker(settings, stop, rng=random.Random(0)))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(worker, 120)


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(120):
        while not await question():  # noqa: ASYNC110  # another process could be at it
            await asyncio.sleep(0.1)


async def test_a_policy_is_set_changed_and_shown(database_url: str) -> None:
    async with Sleeptime(ScriptedModel(["unused"]), database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        assert (await sleeptime.policy("apples")).policy is None
        shown = await sleeptime.policy("apples", on_change="30s", every=20, max_usd_per_day=0.5)
        assert shown.policy == Policy(on_change=timedelta(seconds=30), every=20, max_usd_per_day=0.5)
        assert [wake_up.trigger for wake_up in shown.wake_ups] == [Trigger.CHANGE, Trigger.COUNT]
        assert (await sleeptime.policy("apples", every="none")).policy == Policy(
            on_change=timedelta(seconds=30), max_usd_per_day=0.5
        )
        (entry,) = await sleeptime.policies()
        assert (entry.context, entry.trigger) == ("apples", Trigger.CHANGE)
        with pytest.raises(NotFound):
            await sleeptime.policy("nowhere", idle="10m")
        with pytest.raises(InputError, match="no 'on_moon'"):
            await sleeptime.policy("apples", on_moon="full")  # type: ignore[call-arg]  # wrong on purpose


def test_the_blocking_shell_has_it_too(database_url: str) -> None:
    with Sleeptime.sync(ScriptedModel(["unused"]), database_url) as sleeptime:
        sleeptime.add("apples", APPLES)
        assert sleeptime.policy("apples", idle="10m").policy == Policy(idle=timedelta(minutes=10))
        assert [entry.context for entry in sleeptime.policies()] == ["apples"]
        assert sleeptime.remove_policy("apples").policy is None


async def test_a_sleep_by_hand_is_made_as_the_policy_says_unless_it_says_otherwise(
    database_url: str, model: str
) -> None:
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("fruit", APPLES)
        await sleeptime.policy("fruit", drafts=2)
        async with await Store.open(database_url) as store:  # set where the model had a tier more
            await store.policies.change("fruit", lambda policy: policy.changed({"tier": "batch"}))
        assert (await sleeptime.plan("fruit")).drafts == 2
        slept = await sleeptime.sleep("fruit")
        assert slept.outcome is Outcome.WROTE
        assert (await sleeptime.queue("fruit", drafts=3)).drafts == 3
        jobs = {job.id: job for job in await sleeptime.jobs("fruit")}
        assert (jobs[slept.job_id].drafts, jobs[slept.job_id].settings["tier"]) == (2, "standard")


async def test_changes_at_once_all_hold(database_url: str) -> None:
    async with Sleeptime(ScriptedModel(["unused"]), database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        await asyncio.gather(
            sleeptime.policy("apples", on_change="30s"),
            sleeptime.policy("apples", idle="10m"),
            sleeptime.policy("apples", every=3),
        )
        assert (await sleeptime.policy("apples")).policy == Policy(
            on_change=timedelta(seconds=30), idle=timedelta(minutes=10), every=3
        )


async def test_a_policy_that_is_removed_leaves_nothing_due_and_can_be_set_again(database_url: str) -> None:
    async with (
        Sleeptime(ScriptedModel(["unused"]), database_url) as sleeptime,
        await Store.open(database_url) as store,
    ):
        await sleeptime.add("apples", APPLES)
        await sleeptime.policy("apples", on_change="30s", max_usd_per_day=0.5)
        assert await store.work.next_due() is not None
        removed = await sleeptime.remove_policy("apples")
        assert (removed.policy, removed.wake_ups, removed.is_busy) == (None, (), False)
        assert await store.work.next_due() is None
        await sleeptime.add("apples", PEARS)
        assert await store.work.next_due() is None
        assert await sleeptime.policies() == ()
        assert (await sleeptime.remove_policy("apples")).policy is None
        again = await sleeptime.policy("apples", on_change="30s")
        assert again.policy == Policy(on_change=timedelta(seconds=30))
        assert [wake_up.trigger for wake_up in again.wake_ups] == [Trigger.CHANGE]
        with pytest.raises(NotFound):
            await sleeptime.remove_policy("nowhere")


async def test_a_cap_on_a_job_holds_in_a_worker_that_has_none(database_url: str, model: str) -> None:
    async with Sleeptime(settings=load_settings(database_url=database_url, model=model)) as sleeptime:
        await sleeptime.add("apples", APPLES)
        capped = load_settings(database_url=database_url, model=model, max_tokens_per_job=10)
        async with Sleeptime(settings=capped) as asking:
            job = await asking.queue("apples")
        async with working(database_url, model):
            over = await until_over(sleeptime, job.id)
            assert (over.outcome, "raise max_tokens_per_job" in over.reason) == (Outcome.CAPPED, True)
            again = await until_over(sleeptime, (await sleeptime.queue("apples")).id)
            assert again.outcome is Outcome.WROTE


async def test_a_worker_sleeps_on_what_changes_and_on_nothing_else(database_url: str, model: str) -> None:
    async with Sleeptime(model, database_url) as sleeptime, working(database_url, model):
        await sleeptime.add("apples", APPLES)
        await sleeptime.add("left alone", APPLES)
        await sleeptime.policy("apples", on_change="0s", drafts=2)

        async def is_slept() -> bool:
            return (await sleeptime.policy("apples")).is_slept

        await until(is_slept)
        assert (await sleeptime.policy("apples")).wake_ups == ()
        await sleeptime.add("apples", PEARS, append=True)
        assert not await is_slept()
        await until(is_slept)

        async def jobs() -> tuple[Job, ...]:
            return await sleeptime.jobs()

        assert [(job.context, job.trigger, job.drafts) for job in await jobs()] == [("apples", "change", 2)] * 2
        assert (await sleeptime.notes("apples")).learned is not None
        assert (await sleeptime.notes("left alone")).learned is None


async def test_an_agent_sleeps_on_a_repository_whenever_a_commit_is_added(database_url: str, tmp_path: Path) -> None:
    def note(text: str) -> dict[str, object]:
        return {"tool": "rethink", "args": {"files": ["export.py", "formats.py"], "note": text}}

    finish = {"tool": "finish", "args": {}}
    rules = [{"contains": kind, "replies": [[note(f"for {kind}"), finish]]} for kind in ("csv", "json")]
    (tmp_path / "agent.json").write_text(json.dumps({"rules": rules}))
    model, history = f"scripted:{tmp_path / 'agent.json'}", History(tmp_path / "shop", is_bare=True)
    history.commit("begin", {"export.py": "rows = 1\n", "formats.py": "formats = 1\n"})
    async with Sleeptime(model, database_url) as sleeptime, working(database_url, model):

        async def is_slept() -> bool:
            return (await sleeptime.policy("shop")).is_slept

        for kind in ("csv", "json"):
            history.commit(f"add {kind}", {"export.py": f"rows = '{kind}'\n", "formats.py": f"at = '{kind}'\n"})
            await sleeptime.add("shop", str(history.path))
            await sleeptime.policy("shop", on_change="0s", strategy="repository")
            await until(is_slept)
            shown = await sleeptime.notes("shop")
            assert shown.learned is not None
            told = {item.text for item in shown.learned.notes if item.id in shown.in_service}
            assert f"for {kind}" in told
        assert [(job.context, job.trigger) for job in await sleeptime.jobs()] == [("shop", "change")] * 2


async def test_a_policy_that_a_worker_cannot_use_is_tried_again_after_a_rest(database_url: str, model: str) -> None:
    async with await Store.open(database_url) as store, working(database_url, model):
        async with Sleeptime(model, database_url) as sleeptime:
            await sleeptime.add("apples", APPLES)
        await store.policies.change("apples", lambda _: Policy(on_change=timedelta(0), drafts=10**6))

        async def has_failed() -> bool:
            return (await store.jobs.sleep_state("apples")).failures == 1

        await until(has_failed)
        state = await store.jobs.sleep_state("apples")
        assert "its policy cannot be used: setting drafts" in state.last_error
        assert await store.work.next_due() == state.rests_until
        assert state.slept_at is not None
        assert state.rests_until == state.slept_at + BackOff().failed
        assert await store.jobs.list() == ()


@asynccontextmanager
async def waiting_for_its_window(database_url: str, model: str) -> AsyncIterator[tuple[Sleeptime, str]]:
    """A context, and a worker with a job on it that waits for a window which opens in two hours; its id."""
    settings = load_settings(database_url=database_url, model=model)
    async with Sleeptime(settings=settings) as sleeptime, await Store.open(database_url) as store:
        added = await sleeptime.add("apples", APPLES)
        await sleeptime.policy("apples", on_change="1h", window=in_hours(2))
        called, _ = await store.jobs.add("apples", new_job(added.version, settings, trigger=Trigger.CHANGE))

        async def is_waiting() -> bool:
            return (await store.jobs.job(called.id)).state is JobState.WAITING

        async with working(database_url, model):
            await until(is_waiting)
            yield sleeptime, called.id


def in_hours(hours: int) -> str:
    """A window of an hour that opens in so many hours."""
    later = datetime.now(UTC) + timedelta(hours=hours)
    return f"{later:%H:%M}-{later + timedelta(hours=1):%H:%M}"


async def until_over(sleeptime: Sleeptime, job_id: str) -> Job:
    """Wait until a job is over; as it is then."""

    async def found() -> Job:
        (job,) = [job for job in await sleeptime.jobs() if job.id == job_id]
        return job

    async def is_over() -> bool:
        return (await found()).is_over

    await until(is_over)
    return await found()


@pytest.mark.parametrize("change", [{"window": "none"}, {"window": "00:00-24:00"}], ids=["gone", "open now"])
async def test_a_job_that_waits_for_a_window_goes_on_when_it_is_changed(
    database_url: str, model: str, change: dict[str, str]
) -> None:
    async with waiting_for_its_window(database_url, model) as (sleeptime, job_id):
        await sleeptime.policy("apples", **change)  # type: ignore[arg-type]  # checked when it is read
        over = await until_over(sleeptime, job_id)
        assert (over.outcome, over.trigger) == (Outcome.WROTE, Trigger.CHANGE)


async def test_a_job_that_waits_for_a_window_goes_on_when_its_policy_is_removed(database_url: str, model: str) -> None:
    async with waiting_for_its_window(database_url, model) as (sleeptime, job_id):
        assert (await sleeptime.remove_policy("apples")).is_busy
        assert (await until_over(sleeptime, job_id)).outcome is Outcome.WROTE


async def test_a_job_that_waits_for_a_window_waits_for_the_new_one_when_that_opens_later(
    database_url: str, model: str
) -> None:
    async with waiting_for_its_window(database_url, model) as (sleeptime, job_id):
        window = in_hours(4)
        await sleeptime.policy("apples", window=window)

        async def waits_for_it() -> bool:
            return [(job.id, job.reason) for job in await sleeptime.jobs()] == [(job_id, f"its window is {window}")]

        await until(waits_for_it)


async def test_a_sleep_by_hand_does_not_wait_for_the_window_of_the_same_job_that_a_trigger_called_for(
    database_url: str, model: str
) -> None:
    async with waiting_for_its_window(database_url, model) as (sleeptime, job_id):
        asked_for = await sleeptime.queue("apples")
        assert (asked_for.id, asked_for.trigger) == (job_id, Trigger.HAND)
        assert (await until_over(sleeptime, job_id)).outcome is Outcome.WROTE


async def test_a_job_that_had_begun_when_its_window_closed_goes_on(database_url: str, model: str) -> None:
    settings = load_settings(database_url=database_url, model=model)
    async with Sleeptime(settings=settings) as sleeptime, await Store.open(database_url) as store:
        added = await sleeptime.add("apples", APPLES)
        called, _ = await store.jobs.add("apples", new_job(added.version, settings, trigger=Trigger.CHANGE))
        begun = await store.work.take(called.id, called.run, "stopped")
        assert begun is not None
        assert await store.work.give_up(begun) is JobState.QUEUED
        await sleeptime.policy("apples", on_change="1h", window=in_hours(2))
        async with working(database_url, model):
            over = await until_over(sleeptime, called.id)
        assert (over.outcome, over.run) == (Outcome.WROTE, 2)


async def test_a_job_that_stood_in_the_queue_until_its_window_closed_waits_for_the_next(
    database_url: str, model: str
) -> None:
    settings = load_settings(database_url=database_url, model=model)
    later = datetime.now(UTC) + timedelta(hours=2)
    window = f"{later:%H:%M}-{later + timedelta(hours=1):%H:%M}"
    async with Sleeptime(settings=settings) as sleeptime, await Store.open(database_url) as store:
        added = await sleeptime.add("apples", APPLES)
        await sleeptime.policy("apples", on_change="30s", window=window)
        called, _ = await store.jobs.add("apples", new_job(added.version, settings, trigger=Trigger.CHANGE))

        async def is_waiting() -> bool:
            return (await store.jobs.job(called.id)).state is JobState.WAITING

        async with working(database_url, model):
            await until(is_waiting)
            job = await store.jobs.job(called.id)
            assert (job.due_at, job.reason) == (later.replace(second=0, microsecond=0), f"its window is {window}")
            assert (await store.ledger.calls()) == ()
            await store.jobs.cancel(called.id)
            by_hand, _ = await store.jobs.add("apples", new_job(added.version, settings, trigger=Trigger.HAND))

            async def is_over() -> bool:
                return (await store.jobs.job(by_hand.id)).is_over

            await until(is_over)
        assert (await store.jobs.job(by_hand.id)).outcome is Outcome.WROTE
