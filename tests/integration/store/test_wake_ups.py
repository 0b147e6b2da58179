"""Wake-ups: written with what causes them, put off by what delays them, and handed out once, on both engines."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from sqlalchemy import Connection, event, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff
from sleeptime.core.errors import StoreError
from sleeptime.core.job import Ending, Job, JobState, NewJob
from sleeptime.core.outcome import Outcome
from sleeptime.core.policy import Policy
from sleeptime.core.query import Query
from sleeptime.core.trigger import Rest, Trigger, Unslept
from sleeptime.core.window import parse_window
from sleeptime.core.worker import WorkerState
from sleeptime.store import context_rows, job_rows, policy_rows, query_rows, sleep_state_rows, wake_rows
from sleeptime.store.store import Store
from sleeptime.store.tables import PolicyRow, WakeUpRow
from sleeptime.store.wake_rows import PARKED, Due
from tests.integration.store.builders import context
from tests.integration.store.test_lookup import Statement, plans
from tests.support.triggers import may_sleep
from tests.support.wakes import claim, make_job

SOON = timedelta(seconds=29)
LATER = timedelta(seconds=31)


async def set_policy(store: Store, name: str = "shop", **changes: object) -> Policy:
    return await store.policies.change(name, lambda policy: policy.changed(changes))


@pytest.fixture
async def shop(store: Store) -> Store:
    """A store with a context of one part, which is slept on 30 seconds after a change."""
    await store.add_context(context(a="one"))
    await set_policy(store, on_change="30s")
    return store


async def row(store: Store) -> Any:
    async with store._database.reading() as connection:
        return (await connection.execute(select(*WakeUpRow.__table__.columns))).one_or_none()


async def make_job_again(connection: AsyncConnection, due: Due) -> None:
    """Ask for the job of a wake-up, which may be there."""
    new = NewJob(context_version=due.head.version, settings=due.policy.overrides, drafts=1, trigger=due.trigger)
    await job_rows.add_job(connection, due.tenant, due.head, new, now=datetime.now(UTC))


async def run_job(store: Store, outcome: Outcome = Outcome.WROTE) -> Job:
    """Run the one job that is queued, to this end."""
    (job,) = [job for job in await store.jobs.list() if job.state is JobState.QUEUED]
    await store.work.take(job.id, job.run, "w")
    ending = Ending(Outcome.WROTE, "", 1, "d") if outcome is Outcome.WROTE else Ending(outcome, "why")
    assert await store.work.finish(job, ending, BackOff())
    return job


def in_two_hours() -> str:
    """A window that opens then, for an hour."""
    hour = datetime.now(UTC).hour
    return f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00"


def names(due: Sequence[Due]) -> list[str]:
    return [each.head.name for each in due]


async def test_a_change_is_due_after_the_policys_time_and_once(shop: Store) -> None:
    now = datetime.now(UTC)
    assert await claim(shop, now + SOON) == ()
    (due,) = await claim(shop, now + LATER)
    assert (due.tenant, due.head.name, due.head.version) == ("default", "shop", context(a="one").version)
    assert (due.trigger, due.policy) == (Trigger.CHANGE, Policy(on_change=timedelta(seconds=30)))
    assert await claim(shop, now + timedelta(days=9)) == ()
    (job,) = await shop.jobs.list()
    assert (job.state, job.trigger, job.context_version) == (JobState.QUEUED, "change", due.head.version)


async def test_a_context_without_a_policy_costs_one_look_up_and_nothing_else(store: Store) -> None:
    await store.add_context(context(a="one"))
    statements: list[str] = []

    def keep(_conn: Connection, _cursor: object, sql: str, *_: object) -> None:
        if any(table in sql for table in ("policy", "wake_up", "sleep_state", "job")):
            statements.append(sql)

    engine = store._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    await store.add_context(context(a="two"))
    assert len(statements) == 1
    await store.record_query(Query(context="shop", text="?", route="full", budget="v0", answer="!"))
    await store.add_context(context(a="two"))
    assert len(statements) == 1
    event.remove(engine, "before_cursor_execute", keep)
    assert await row(store) is None


async def test_timers_outlive_the_process_that_set_them(database_url: str) -> None:
    async with await Store.open(database_url) as store:
        await store.add_context(context(a="one"))
        await set_policy(store, on_change="30s")
        before = await row(store)
    async with await Store.open(database_url) as store:
        assert await row(store) == before
        assert await store.work.next_due() == before.due_at
        assert names(await claim(store, before.due_at)) == ["shop"]


async def test_each_change_starts_the_time_again_but_not_for_ever(shop: Store) -> None:
    first = await row(shop)
    await shop.add_context(context(a="two"))
    second = await row(shop)
    assert second.first_change_at == first.first_change_at
    assert second.due_at > first.due_at
    long_ago = second.first_change_at - timedelta(minutes=10)
    async with shop._database._engine.begin() as connection:
        await connection.execute(update(WakeUpRow).values(first_change_at=long_ago))
    await shop.add_context(context(a="three"))
    third = await row(shop)
    assert third.due_at == third.last_change_at
    assert names(await claim(shop, third.due_at)) == ["shop"]


async def test_adding_the_same_again_is_no_change(shop: Store) -> None:
    before = await row(shop)
    await shop.add_context(context(a="one"))
    assert await row(shop) == before


async def test_a_failed_add_calls_for_no_sleep(shop: Store) -> None:
    before = await row(shop)

    def refuse(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE wake_up"):
            raise OSError("no space left on device")

    engine = shop._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", refuse)
    with pytest.raises(StoreError, match="no space left on device"):
        await shop.add_context(context(a="changed"))
    event.remove(engine, "before_cursor_execute", refuse)
    assert await row(shop) == before
    assert await shop.context("shop") == context(a="one")


async def test_a_query_puts_idle_off_without_writing_a_wake_up(store: Store) -> None:
    await store.add_context(context(a="one"))
    await set_policy(store, idle="10m")
    before = await row(store)
    asked_at = before.due_at - timedelta(minutes=1)
    await store.record_query(Query(context="shop", text="?", route="full", budget="v0", answer="!", at=asked_at))
    assert await row(store) == before
    assert await claim(store, before.due_at) == ()
    assert await store.work.next_due() == asked_at + timedelta(minutes=10)
    assert await claim(store, asked_at + timedelta(minutes=10, seconds=-1)) == ()
    (due,) = await claim(store, asked_at + timedelta(minutes=10))
    assert due.trigger is Trigger.IDLE


async def test_new_parts_are_counted_by_their_text(store: Store) -> None:
    await store.add_context(context(a="one"))
    await set_policy(store, every="3")
    assert (await row(store)).new_parts == 1  # nothing of it was ever slept on
    await store.add_context(context(a="one", b="two", c="two"))
    (due,) = await claim(store, datetime.now(UTC))
    assert due.trigger is Trigger.COUNT
    await run_job(store)
    for changed, new_parts in (
        (context(renamed="one", c="two", b="two"), 0),
        (context(a="one"), 0),
        (context(a="one", b="two", c="two", d="two"), 1),
        (context(a="1", b="2"), 2),
    ):
        await store.add_context(changed)
        assert (await row(store)).new_parts == new_parts
        assert await claim(store, datetime.now(UTC) + timedelta(days=9)) == ()
    await store.add_context(context(a="1", b="2", c="3"))
    assert names(await claim(store, datetime.now(UTC))) == ["shop"]


async def test_a_context_that_stands_as_it_was_slept_on_is_left_alone(shop: Store) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    await run_job(shop)
    assert await row(shop) is None
    await shop.add_context(context(a="two"))
    assert await row(shop) is not None
    await shop.add_context(context(a="one"))  # back again
    assert await row(shop) is None


async def test_a_sleep_by_hand_leaves_nothing_to_a_trigger(shop: Store) -> None:
    (due,) = await claim(shop, datetime.now(UTC) + LATER)
    await run_job(shop, Outcome.FAILED)
    assert await row(shop) is not None
    async with shop._database._engine.begin() as connection:
        await make_job(connection, replace(due, trigger=Trigger.HAND))
    await run_job(shop)
    assert await row(shop) is None


async def test_what_changes_while_a_job_is_under_way_waits_for_its_end(shop: Store) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    await shop.add_context(context(a="two"))
    now = datetime.now(UTC) + timedelta(hours=1)
    assert await claim(shop, now) == ()
    assert await shop.work.next_due() == now + PARKED
    await run_job(shop)
    due_at = await shop.work.next_due()
    assert due_at is not None
    assert due_at < now
    (due,) = await claim(shop, due_at)
    assert due.head.version == context(a="two").version


async def test_a_job_that_stands_still_though_no_user_paused_it_keeps_no_trigger_waiting(shop: Store) -> None:
    (due,) = await claim(shop, datetime.now(UTC) + LATER)
    (job,) = await shop.jobs.list()
    running = await shop.work.take(job.id, job.run, "w")
    assert running is not None
    await shop.work.give_up(running, is_interrupted=True, reason="Ctrl-C")
    await shop.add_context(context(a="two"))
    (changed,) = await claim(shop, datetime.now(UTC) + LATER)
    assert changed.head.version == context(a="two").version
    await run_job(shop)
    await shop.add_context(context(a="one"))
    assert await claim(shop, datetime.now(UTC) + LATER, make=make_job_again) == (replace(due, head=ANY),)
    again = await shop.jobs.job(job.id)
    assert (again.state, again.run) == (JobState.QUEUED, 2), "a trigger that asks for the same goes on with it"


@pytest.mark.parametrize("when", ["queued", "running", "interrupted"])
async def test_a_job_that_a_user_paused_keeps_triggers_waiting(shop: Store, when: str) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    (job,) = await shop.jobs.list()
    running = None if when == "queued" else await shop.work.take(job.id, job.run, "w")
    if when == "interrupted":
        assert running is not None
        await shop.work.give_up(running, is_interrupted=True, reason="Ctrl-C")
    await shop.jobs.pause(job.id)
    if when == "running":
        assert running is not None
        await shop.work.give_up(running, is_interrupted=True, reason="Ctrl-C")
    await shop.add_context(context(a="two"))
    standing = await shop.policies.standing("shop")
    assert (standing.is_busy, standing.is_paused) == (True, True)
    assert await claim(shop, datetime.now(UTC) + LATER) == ()
    await shop.jobs.resume(job.id)
    standing = await shop.policies.standing("shop")
    assert (standing.is_busy, standing.is_paused) == (True, False)
    await run_job(shop)
    assert names(await claim(shop, datetime.now(UTC) + LATER)) == ["shop"]


async def test_what_a_job_that_was_cancelled_had_taken_up_is_not_called_for_again(shop: Store) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    await run_job(shop, Outcome.SKIPPED)
    assert await row(shop) is None
    await shop.add_context(context(a="two"))
    assert await row(shop) is not None


@pytest.mark.parametrize("end", ["cancel", "give up", "leave", "reap", "Ctrl-C"])
async def test_what_changed_while_a_job_was_under_way_waits_no_longer_when_that_is_cancelled(
    shop: Store, end: str
) -> None:
    await shop.work.beat("w", "here", 1, WorkerState.WORKING)
    await claim(shop, datetime.now(UTC) + LATER)
    (job,) = await shop.jobs.list()
    if end != "cancel":
        assert await shop.work.take(job.id, job.run, "w") is not None
    await shop.add_context(context(a="two"))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await claim(shop, later) == ()
    assert await shop.work.next_due() == later + PARKED
    if end != "Ctrl-C":
        await shop.jobs.cancel(job.id)
    match end:
        case "give up":
            await shop.work.give_up(job)
        case "leave":
            await shop.work.leave("w")
        case "reap":
            (worker,) = await shop.work.workers()
            assert await shop.work.reap(worker) is not None
        case "Ctrl-C":
            await shop.work.give_up(job, is_interrupted=True, reason=end)
    due_at = await shop.work.next_due()
    assert due_at is not None
    assert due_at < later
    (due,) = await claim(shop, due_at)
    assert due.head.version == context(a="two").version


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CAPPED])
async def test_what_a_job_could_not_do_is_called_for_again_after_its_rest(shop: Store, outcome: Outcome) -> None:
    await set_policy(shop, every="2", on_change="none")
    await shop.add_context(context(a="one", b="two"))
    assert names(await claim(shop, datetime.now(UTC))) == ["shop"]
    await run_job(shop, outcome)
    rests_until = (await shop.jobs.sleep_state("shop")).rests_until
    assert rests_until is not None
    assert await shop.work.next_due() == rests_until
    assert await claim(shop, rests_until - timedelta(seconds=1)) == ()
    (due,) = await claim(shop, rests_until)
    assert due.trigger is Trigger.COUNT


async def test_a_trigger_within_a_cool_down_is_due_at_its_end(shop: Store) -> None:
    await set_policy(shop, cool_down="2h")
    await claim(shop, datetime.now(UTC) + LATER)
    await run_job(shop)
    await shop.add_context(context(a="two"))
    slept_at = (await shop.jobs.sleep_state("shop")).slept_at
    assert slept_at is not None
    assert await shop.work.next_due() == slept_at + timedelta(hours=2)


async def test_quarantine_silences_every_trigger_until_it_is_lifted(shop: Store) -> None:
    for _ in range(BackOff().max_failures):
        due_at = await shop.work.next_due()
        assert due_at is not None
        assert names(await claim(shop, due_at)) == ["shop"]
        await run_job(shop, Outcome.FAILED)
    assert await shop.work.next_due() is None
    await shop.add_context(context(a="two"))
    assert await claim(shop, datetime.now(UTC) + timedelta(days=99)) == ()
    await shop.jobs.release("shop")
    assert names(await claim(shop, datetime.now(UTC) + LATER)) == ["shop"]


async def test_a_window_that_closed_while_nobody_looked_is_waited_for_again(shop: Store) -> None:
    await set_policy(shop, window="22:00-06:00")
    due_at = await shop.work.next_due()
    assert due_at is not None
    noon = due_at.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=3)
    assert await claim(shop, noon) == ()
    assert await shop.work.next_due() == noon.replace(hour=22)
    assert names(await claim(shop, noon.replace(hour=23))) == ["shop"]


async def test_a_job_that_waits_for_its_window_reads_the_context_as_it_stands_when_that_opens(shop: Store) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    (job,) = await shop.jobs.list()
    await set_policy(shop, window=in_two_hours())
    assert await shop.work.take(job.id, job.run, "w") is None
    held = await shop.jobs.job(job.id)
    assert (held.state, held.reason) == (JobState.WAITING, f"its window is {in_two_hours()}")
    assert (held.started_at, held.due_at) == (None, parse_window(in_two_hours()).next_opening(datetime.now(UTC)))
    await shop.add_context(context(a="two"))
    await set_policy(shop, window="00:00-24:00")
    opened = await shop.jobs.job(job.id)
    assert opened.state is JobState.QUEUED
    taken = await shop.work.take(job.id, opened.run, "w")
    assert taken is not None
    assert taken.context_version == context(a="two").version
    assert await shop.work.finish(taken, Ending(Outcome.WROTE, "", 1, "d"), BackOff())
    assert await row(shop) is None, "there is nothing left for a second job"


async def test_a_job_that_has_begun_goes_on_when_its_window_has_closed(shop: Store) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    (job,) = await shop.jobs.list()
    running = await shop.work.take(job.id, job.run, "w")
    assert running is not None
    assert await shop.work.give_up(running) is JobState.QUEUED
    await set_policy(shop, window=in_two_hours())
    again = await shop.work.take(job.id, job.run + 1, "w")
    assert again is not None
    assert (again.state, again.context_version) == (JobState.RUNNING, job.context_version)


async def test_a_job_whose_policy_only_a_newer_version_can_read_waits_for_that(shop: Store) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    (job,) = await shop.jobs.list()
    async with shop._database._engine.begin() as connection:
        await connection.execute(update(PolicyRow).values(body={"moon": "full"}))
    assert await shop.work.take(job.id, job.run, "w") is None
    held = await shop.jobs.job(job.id)
    assert (held.state, "a newer version of sleeptime wrote" in held.reason) == (JobState.WAITING, True)


async def test_another_policy_is_heard_at_once(shop: Store) -> None:
    first = await row(shop)
    await set_policy(shop, on_change="1h")
    assert (await row(shop)).due_at == first.last_change_at + timedelta(hours=1)
    await set_policy(shop, is_on=False)
    assert await row(shop) is None
    await shop.add_context(context(a="two"))
    assert await row(shop) is None
    await set_policy(shop, is_on=True)
    assert names(await claim(shop, datetime.now(UTC) + timedelta(hours=2))) == ["shop"]


async def test_a_policy_of_a_newer_version_stops_nobody_else(shop: Store, caplog: pytest.LogCaptureFixture) -> None:
    await shop.add_context(context("other", a="one"))
    await set_policy(shop, "other", on_change="30s")
    async with shop._database._engine.begin() as connection:
        newer = update(PolicyRow).where(PolicyRow.body["on_change"].as_string() == "30s")
        await connection.execute(newer.where(PolicyRow.context_id == 1).values(body={"on_full_moon": True}))
    await shop.add_context(context(a="two"))
    now = datetime.now(UTC) + LATER
    assert names(await claim(shop, now)) == ["other"]
    assert "on_full_moon" in caplog.text
    assert await shop.work.next_due() == now + PARKED
    with pytest.raises(StoreError, match=r"newer version of sleeptime wrote a policy.*no 'on_full_moon'"):
        await shop.policies.standing("shop")


async def test_a_job_that_cannot_be_made_loses_no_wake_up(shop: Store) -> None:
    async def refuse(connection: AsyncConnection, due: Due) -> None:
        await make_job(connection, due)
        raise StoreError("no")

    before = await row(shop)
    with pytest.raises(StoreError):
        await claim(shop, datetime.now(UTC) + LATER, make=refuse)
    assert await row(shop) == before
    assert await shop.jobs.list() == ()
    assert names(await claim(shop, datetime.now(UTC) + LATER)) == ["shop"]


async def test_what_is_due_longest_goes_first_and_no_more_than_asked_for(store: Store) -> None:
    for number in range(7):
        await store.add_context(context(f"c{number}", a="one"))
        await set_policy(store, f"c{number}", on_change=f"{70 - 10 * number}s")
    later = datetime.now(UTC) + timedelta(hours=1)
    assert names(await claim(store, later, limit=3)) == ["c6", "c5", "c4"]
    assert names(await claim(store, later, limit=3)) == ["c3", "c2", "c1"]
    assert names(await claim(store, later, limit=3)) == ["c0"]


async def test_a_tenant_sees_its_own_policies_and_wake_ups_alone(store: Store) -> None:
    other = store.for_tenant("other")
    for each, name in ((store, "b"), (store, "a"), (other, "c")):
        await each.add_context(context(name, a="one"))
        await set_policy(each, name, on_change="30s")
    await set_policy(store, "b", on_change="0s")
    assert [entry.context for entry in await store.policies.list()] == ["a", "b"]
    assert [entry.context for entry in await store.policies.list(after="a")] == ["b"]
    assert [entry.context for entry in await store.policies.list(limit=1)] == ["a"]
    assert [name for name, _, _ in await store.policies.wake_ups()] == ["b", "a"]
    assert [name for name, _, _ in await other.policies.wake_ups()] == ["c"]
    due = await claim(store, datetime.now(UTC) + LATER)
    assert [(each.tenant, each.head.name) for each in due] == [("default", "b"), ("default", "a"), ("other", "c")]


@pytest.mark.parametrize("step", ["claim", "settle", "next due", "wake-ups", "standing"])
async def test_no_step_of_a_wake_up_reads_a_whole_table(shop: Store, step: str) -> None:
    await claim(shop, datetime.now(UTC) + LATER)
    await run_job(shop)
    await set_policy(shop, every="1", idle="10m", window="00:00-24:00")
    await shop.add_context(context(a="two", b="three"))
    statements: list[Statement] = []

    def keep(_conn: Connection, _cursor: object, sql: str, parameters: object, *_: object) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.append((sql, parameters))

    engine = shop._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    if step == "claim":
        assert names(await claim(shop, datetime.now(UTC) + timedelta(days=2))) == ["shop"]
    elif step == "settle":
        await set_policy(shop, every="2")
    elif step == "next due":
        assert await shop.work.next_due() is not None
    elif step == "wake-ups":
        assert len(await shop.policies.wake_ups()) == 1
    else:
        assert (await shop.policies.standing("shop")).unslept is not None
    event.remove(engine, "before_cursor_execute", keep)

    assert statements
    async with shop._database.reading() as connection:
        for plan in await plans(connection, statements):
            of_tables = plan.replace("SCAN CONSTANT ROW", "").replace("SCAN anon", "")
            assert "SCAN" not in of_tables, plan
            assert "Seq Scan" not in plan


class Life:
    """One context, lived through by a clock of our own, and what the store must not do to it."""

    def __init__(self, store: Store, rng: random.Random) -> None:
        self.store, self.rng = store, rng
        self.now = datetime(2026, 3, 28, 12, tzinfo=UTC)
        self.unslept: Unslept | None = Unslept(self.now, self.now, 1)
        self.last_query_at: datetime | None = None
        self.slept_at: datetime | None = None
        self.claims = 0
        self.texts = 0

    async def write(self, act: str) -> None:
        async def operation(connection: AsyncConnection) -> None:
            head = await context_rows.lock_head(connection, "default", "shop")
            if act == "change":
                changed = context(a=f"text {self.texts}")
                await context_rows.add_context(connection, "default", changed)
                await wake_rows.settle(connection, head.id, self.now, has_changed=True)
            else:
                query = Query(context="shop", text="?", route="full", budget="v0", answer="!", at=self.now)
                await query_rows.add_query(connection, "default", head, query)

        await self.store._database.write(operation)

    async def change(self) -> None:
        self.texts += 1
        await self.write("change")
        self.unslept = Unslept(self.unslept.first_change_at if self.unslept else self.now, self.now, 1)

    async def ask(self) -> None:
        await self.write("ask")
        self.last_query_at = self.now

    async def look(self) -> None:
        """As a worker does; a job runs to its end before the next event half of the time."""
        due = await claim(self.store, self.now)
        if not due:
            return
        self.claims += 1
        policy = (await self.store.policies.standing("shop")).policy
        assert policy is not None
        assert self.unslept is not None, "nothing was to be slept on"
        unslept = replace(self.unslept, last_query_at=self.last_query_at)
        assert may_sleep(policy, unslept, Rest(self.slept_at), self.now), "too early"
        self.unslept = None
        (job,) = [job for job in await self.store.jobs.list() if not job.is_over]

        async def begin(connection: AsyncConnection) -> None:
            assert await job_rows.take(connection, job.id, job.run, "w", now=self.now) is not None

        await self.store._database.write(begin)

    async def finish(self) -> None:
        for job in [job for job in await self.store.jobs.list() if not job.is_over]:

            async def operation(connection: AsyncConnection, job: Job = job) -> None:
                context_id = await job_rows.finish(
                    connection, job.id, job.run, Ending(Outcome.WROTE, "", 1, "d"), now=self.now
                )
                assert context_id is not None
                await sleep_state_rows.change_sleep_state(
                    connection,
                    context_id,
                    lambda state: BackOff().after(state, Outcome.WROTE, job.context_version, "", self.now),
                )
                await wake_rows.settle(connection, context_id, self.now)

            await self.store._database.write(operation)
            self.slept_at = self.now

    async def live(self, events: int) -> None:
        for _ in range(events):
            self.now += timedelta(seconds=self.rng.choice([0, 1, 20, 40, 600, 4_000]))
            await getattr(self, self.rng.choice(["change", "change", "ask", "look", "look", "finish"]))()
        await self.finish()
        while (due_at := await self.store.work.next_due()) is not None:
            self.now = max(self.now, due_at)
            await self.look()
            await self.finish()


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_life_loses_no_change_and_begins_no_sleep_early(store: Store, seed: int) -> None:
    rng = random.Random(seed)
    await store.add_context(context(a="text 0"))
    life = Life(store, rng)
    changes = {"on_change": rng.choice(["0s", "30s", "10m"]), "cool_down": rng.choice(["none", "1h"])}
    changes |= {"idle": rng.choice(["none", "10m"]), "window": rng.choice(["none", "02:15-02:45 Europe/Paris"])}

    async def begin(connection: AsyncConnection) -> None:
        head = await context_rows.lock_head(connection, "default", "shop")
        await policy_rows.save_policy(connection, head.id, Policy().changed(changes), life.now)
        await wake_rows.settle(connection, head.id, life.now)

    await store._database.write(begin)
    await life.live(60)
    assert life.unslept is None, "lost"
    assert life.claims > 0
    state = await store.jobs.sleep_state("shop")
    assert state.slept_version == (await store.context("shop")).version
