"""Store: what a sleep wrote is kept, judged and served in one transaction; a user has the last word, and a way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util import await_only

from sleeptime.core.errors import EmptyInput, InputError, NotFound, NotText
from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.query import Query
from sleeptime.store.context_rows import Head
from sleeptime.store.entry import Committed, Status
from sleeptime.store.store import DEFAULT_TENANT, Store
from sleeptime.store.tables import SleepStateRow
from tests.integration.store.builders import context, learned, note

SHOP = context(apples="24 apples a box", boxes="3 boxes")
APPLES, BOXES = SHOP.parts
CHANGED = context(apples="24 apples a box", boxes="4 boxes")
FIRST, SECOND, THIRD = (learned(SHOP, note(text, APPLES)) for text in ("first", "second", "third"))


async def states(store: Store) -> list[tuple[Status, str]]:
    return [(entry.status, entry.reason) for entry in await store.learned_versions("shop")]


async def live(store: Store) -> str | None:
    found = await store.live("shop")
    return None if found is None else found.notes[0].text


async def test_what_a_sleep_wrote_is_live_and_the_one_before_retired(store: Store) -> None:
    await store.add_context(SHOP)
    assert await store.commit_sleep(FIRST, job_id="a", prompt_digest="p") == Committed(1, Status.LIVE, "")
    assert await store.commit_sleep(SECOND) == Committed(2, Status.LIVE, "")
    assert await states(store) == [(Status.RETIRED, ""), (Status.LIVE, "")]
    assert await live(store) == "second"
    entry = (await store.learned_versions("shop"))[0]
    assert (entry.job_id, entry.prompt_digest) == ("a", "p")


async def test_a_refused_one_is_kept_with_its_reason_and_the_live_one_stays(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    committed = await store.commit_sleep(SECOND, check=lambda *_: "it is too short")
    assert committed == Committed(2, Status.REFUSED, "it is too short")
    assert await live(store) == "first"
    assert await store.learned("shop", 2) == SECOND
    assert await states(store) == [(Status.LIVE, ""), (Status.REFUSED, "it is too short")]


async def test_the_check_is_told_all_of_it_and_which_notes_hold_now(store: Store) -> None:
    told: list[tuple[LearnedContext, tuple[Note, ...], tuple[Note, ...]]] = []

    def check(new: LearnedContext, holding: tuple[Note, ...], served: tuple[Note, ...]) -> str:
        told.append((new, holding, served))
        return ""

    old = learned(SHOP, note("boxes", BOXES), note("apples", APPLES), note("whole"))
    new = learned(SHOP, note("new boxes", BOXES), note("new apples", APPLES), note("new whole"))
    await store.add_context(SHOP)
    await store.commit_sleep(old, check=check)
    await store.commit_sleep(new, check=check)
    await store.add_context(CHANGED)
    await store.commit_sleep(old, check=check)
    assert told == [
        (old, old.notes, ()),
        (new, new.notes, old.notes),
        (old, (old.notes[1],), (new.notes[1],)),
    ]


async def test_one_that_is_asked_approval_for_waits_until_a_user_approves(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    committed = await store.commit_sleep(SECOND, needs_approval=True)
    assert (committed.status, await live(store)) == (Status.WAITING, "first")
    await store.approve("shop", 2)
    assert await live(store) == "second"
    assert await states(store) == [(Status.RETIRED, ""), (Status.LIVE, "")]
    await store.approve("shop", 2)
    assert await live(store) == "second"


async def test_a_check_comes_before_approval(store: Store) -> None:
    await store.add_context(SHOP)
    committed = await store.commit_sleep(FIRST, check=lambda *_: "no", needs_approval=True)
    assert committed.status is Status.REFUSED


@pytest.mark.parametrize("needs_approval", [True, False])
async def test_a_newer_one_takes_the_place_of_one_that_waits(store: Store, needs_approval: bool) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST, needs_approval=True)
    newer = await store.commit_sleep(SECOND, needs_approval=needs_approval)
    replaced = (Status.REFUSED, "version 2 took its place")
    assert await states(store) == [replaced, (newer.status, newer.reason)]
    await store.approve("shop", 1)
    assert await live(store) == "first"
    state = Status.WAITING if needs_approval else Status.RETIRED
    assert [status for status, _ in await states(store)] == [Status.LIVE, state], "a newer one goes on waiting"


async def test_a_refused_one_leaves_the_waiting_one_alone(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST, needs_approval=True)
    await store.commit_sleep(SECOND, check=lambda *_: "no")
    assert [status for status, _ in await states(store)] == [Status.WAITING, Status.REFUSED]


async def test_every_state_that_a_user_brings_about_has_a_way_back(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    await store.commit_sleep(SECOND, needs_approval=True)
    await store.reject("shop", 2, "wrong numbers")  # waiting -> refused
    assert (await states(store))[1] == (Status.REFUSED, "wrong numbers")
    await store.approve("shop", 2)  # refused -> live
    await store.reject("shop", 2, "wrong after all")  # live -> refused
    assert await live(store) is None
    assert await states(store) == [(Status.RETIRED, ""), (Status.REFUSED, "wrong after all")]
    await store.rollback("shop", 1)  # retired -> live
    assert await live(store) == "first"
    await store.approve("shop", 2)
    assert await states(store) == [(Status.RETIRED, ""), (Status.LIVE, "")]


@pytest.mark.parametrize(
    ("change", "number", "message"),
    [
        ("approve", 1, "is retired; this needs one that is refused or staged or waiting; .*--rollback 1` serves it"),
        ("rollback", 3, "is waiting; this needs one that is retired; .*--approve 3` serves it"),
        ("reject", 1, "is retired; this needs one that is live or staged or waiting"),
    ],
)
async def test_only_the_written_transitions_are_allowed(store: Store, change: str, number: int, message: str) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    await store.commit_sleep(SECOND)
    await store.commit_sleep(THIRD, needs_approval=True)
    before = await states(store)
    arguments = ("shop", number, "why") if change == "reject" else ("shop", number)
    with pytest.raises(InputError, match=message):
        await getattr(store, change)(*arguments)
    assert await states(store) == before
    for name, missing, kind in (("shop", 9, "no learned context 9"), ("nowhere", 1, "no context named")):
        with pytest.raises(NotFound, match=kind):
            await getattr(store, change)(name, missing, *arguments[2:])


async def test_what_is_so_already_may_be_said_again(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    await store.commit_sleep(SECOND, needs_approval=True)
    await store.reject("shop", 2, "first reason")
    before = await states(store)
    await store.approve("shop", 1)
    await store.rollback("shop", 1)
    await store.reject("shop", 2, "second reason")
    assert await states(store) == before


async def test_a_reason_that_cannot_be_kept_changes_nothing(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    with pytest.raises(NotText, match="the reason"):
        await store.reject("shop", 1, "a\0b")
    assert await live(store) == "first"


async def test_one_of_a_former_version_stays_staged_when_the_live_one_is_of_the_present(store: Store) -> None:
    await store.add_context(SHOP)
    await store.add_context(CHANGED)
    await store.commit_sleep(learned(CHANGED, note("present", APPLES)))
    committed = await store.commit_sleep(FIRST, check=lambda *_: "never asked")
    assert committed.status is Status.STAGED
    assert "the context changed meanwhile" in committed.reason
    assert await live(store) == "present"
    await store.approve("shop", 2)
    assert await live(store) == "first"


async def test_one_of_a_former_version_whose_notes_all_fell_out_does_not_replace_notes_that_hold(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    await store.add_context(context(apples="24 apples a box", boxes="3 boxes", more="x"))
    await store.add_context(CHANGED)
    committed = await store.commit_sleep(learned(SHOP, note("boxes", BOXES)))
    assert (committed.status, await live(store)) == (Status.STAGED, "first")
    await store.reject("shop", 2, "of no use")
    assert (await states(store))[1] == (Status.REFUSED, "of no use")


async def test_one_of_a_former_version_is_live_when_nothing_better_is(store: Store) -> None:
    await store.add_context(SHOP)
    await store.add_context(CHANGED)
    assert (await store.commit_sleep(learned(SHOP, note("boxes", BOXES)))).status is Status.LIVE
    assert await live(store) is None, "its note does not hold"
    assert (await store.commit_sleep(FIRST)).status is Status.LIVE


async def test_a_job_that_commits_again_keeps_its_number_and_what_was_decided(store: Store) -> None:
    await store.add_context(SHOP)
    for status, asked in (
        (Status.LIVE, {}),
        (Status.WAITING, {"needs_approval": True}),
        (Status.REFUSED, {"check": lambda *_: "no"}),
    ):
        options: dict[str, Any] = {"job_id": status.value, **asked}
        first = await store.commit_sleep(FIRST, **options)
        assert first.status is status
        assert await store.commit_sleep(SECOND, **{**options, "check": None, "needs_approval": False}) == first
    await store.reject("shop", 1, "not good")
    assert await store.commit_sleep(FIRST, job_id="live") == Committed(1, Status.REFUSED, "not good")
    assert len(await store.learned_versions("shop")) == 3


async def test_a_job_that_only_staged_goes_on_where_it_was(store: Store) -> None:
    await store.add_context(SHOP)
    assert await store.stage(FIRST, job_id="a") == await store.stage(SECOND, job_id="a") == 1
    assert await store.commit_sleep(SECOND, job_id="a") == Committed(1, Status.LIVE, "")
    assert await live(store) == "first"


async def test_one_job_that_runs_twice_at_once_writes_one(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(4)]
    await stores[0].add_context(SHOP)
    committed = await asyncio.gather(*(each.commit_sleep(FIRST, job_id="a") for each in stores for _ in range(3)))
    assert set(committed) == {Committed(1, Status.LIVE, "")}
    assert len(await stores[0].learned_versions("shop")) == 1
    for each in stores:
        await each.close()


@pytest.mark.parametrize("at", range(1, 6))
async def test_what_is_decided_holds_for_the_context_as_it_is_by_then(database_url: str, at: int) -> None:
    """The context changes, and newer notes are live, before statement ``at`` of a commit: wherever they come first."""
    late, quick = await Store.open(database_url), await Store.open(database_url)
    await quick.add_context(SHOP)
    is_paused, may_go_on = asyncio.Event(), asyncio.Event()
    count = 0

    def pause(*_: object) -> None:
        nonlocal count
        count += 1
        if count == at:
            is_paused.set()
            await_only(may_go_on.wait())

    event.listen(late._database._engine.sync_engine, "before_cursor_execute", pause)
    committing = asyncio.create_task(late.commit_sleep(FIRST))
    await is_paused.wait()

    async def change() -> None:
        await quick.add_context(CHANGED)
        await quick.commit_sleep(learned(CHANGED, note("present", APPLES)))

    changing = asyncio.create_task(change())
    await asyncio.wait({changing}, timeout=1.0)  # it may have to wait for the commit
    may_go_on.set()
    await asyncio.gather(committing, changing)
    assert await live(quick) == "present"
    for each in (late, quick):
        await each.close()


async def _remember(connection: AsyncConnection, head: Head, committed: Committed) -> None:
    row = {"context_id": head.id, "nothing_new": committed.number, "failures": 0, "last_error": committed.status}
    await connection.execute(insert(SleepStateRow).values(tenant=DEFAULT_TENANT, **row))


async def _remembered(store: Store) -> list[tuple[int, str]]:
    async with store._database.reading() as connection:
        rows = await connection.execute(select(SleepStateRow.nothing_new, SleepStateRow.last_error))
        return [(row[0], row[1]) for row in rows]


async def test_further_statements_are_kept_with_it(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST, also=_remember, needs_approval=True)
    assert await _remembered(store) == [(1, "waiting")]


async def test_all_or_nothing_is_kept(store: Store) -> None:
    async def fail(connection: AsyncConnection, head: Head, committed: Committed) -> None:
        await _remember(connection, head, committed)
        raise InputError("stop")

    def refuse(*_: object) -> str:
        raise InputError("stop")

    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    for options in ({"also": fail}, {"check": refuse, "also": _remember}):
        with pytest.raises(InputError, match="stop"):
            await store.commit_sleep(SECOND, **options)
    with pytest.raises(EmptyInput):
        await store.commit_sleep(replace(SECOND, notes=()), also=_remember)
    assert await states(store) == [(Status.LIVE, "")]
    assert await _remembered(store) == []


async def test_a_query_is_recorded_while_a_commit_is_open(
    new_postgresql: Callable[[str], str], postgresql_template: str
) -> None:
    """On SQLite writers take turns, each of a few milliseconds; on PostgreSQL a query waits for no commit."""
    asked = Query(context="shop", text="q", route="notes", budget="v0", answer="a", learned=1)
    async with await Store.open(new_postgresql(postgresql_template)) as store:

        async def ask(connection: AsyncConnection, head: Head, committed: Committed) -> None:
            await asyncio.wait_for(store.record_query(asked), 60)

        await store.add_context(SHOP)
        await store.commit_sleep(FIRST)
        await store.commit_sleep(SECOND, also=ask)
        assert [query.learned for query in await store.queries("shop")] == [1]


async def test_all_that_is_shown_is_of_one_moment(store: Store) -> None:
    await store.add_context(SHOP)
    shown = await store.shown("shop")
    assert (shown.context, shown.versions, shown.entry, shown.learned) == (SHOP, (), None, None)
    await store.commit_sleep(FIRST)
    await store.commit_sleep(SECOND, needs_approval=True)
    shown = await store.shown("shop")
    assert shown.entry == shown.versions[0]
    assert shown.learned == FIRST
    assert (await store.shown("shop", 2)).learned == SECOND
    with pytest.raises(NotFound, match="no learned context 9"):
        await store.shown("shop", 9)
