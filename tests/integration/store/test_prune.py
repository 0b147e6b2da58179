"""Store: old learned contexts are pruned in bounded steps, by index, and never what someone may still need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select, update

from sleeptime.core.back_off import BackOff
from sleeptime.core.errors import InputError, NotFound
from sleeptime.core.job import Ending, NewJob
from sleeptime.core.outcome import Outcome
from sleeptime.core.query import Query
from sleeptime.store.entry import Keep, Pruned, Status
from sleeptime.store.prune_rows import PAGE
from sleeptime.store.store import Store
from sleeptime.store.tables import LearnedRow, NoteRow
from tests.integration.store.builders import context, learned, note

SHOP = context(apples="24 apples a box")
AT_ONCE = Keep(last=1, days=0)


async def committed(store: Store, number: int, **options: Any) -> None:
    for n in range(number):
        await store.commit_sleep(learned(SHOP, note(f"{n}", *SHOP.parts)), **options)


async def asked(store: Store, number: int) -> None:
    await store.record_query(Query(context="shop", text="q", route="notes", budget="v0", answer="a", learned=number))


async def numbers(store: Store) -> list[int]:
    return [entry.number for entry in await store.learned_versions("shop")]


async def age(store: Store, days: float, *versions: int, made: bool = False) -> None:
    """Let it be so long since they came to their status, or were made and have not said since when they have it."""
    then = datetime.now(UTC) - timedelta(days=days)
    values = {"created_at": then, "status_at": None} if made else {"status_at": then}
    statement = update(LearnedRow).where(LearnedRow.number.in_(versions)).values(values)
    await store._database.write(lambda connection: connection.execute(statement))


async def num_notes(store: Store) -> int:
    async with store._database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(NoteRow))).scalar_one())


async def test_the_last_ones_are_kept(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 6)
    assert await store.prune("shop", Keep(last=4, days=0)) == Pruned("shop", (1, 2), 4)
    assert await numbers(store) == [3, 4, 5, 6]
    assert await num_notes(store) == 4
    assert (await store.prune("shop", Keep(last=4, days=0))).versions == ()
    with pytest.raises(NotFound, match="no learned context 1"):
        await store.learned("shop", 1)


async def test_a_number_is_never_given_twice(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 1)
    await committed(store, 2, check=lambda *_: "no")
    assert (await store.prune("shop", AT_ONCE)).versions == (2,), "1 is live, and 3 is the newest"
    await committed(store, 1)
    assert await numbers(store) == [1, 3, 4]


async def test_the_days_count_since_it_left_service(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 4)
    await age(store, 31, 1, 2)
    await store.rollback("shop", 2)
    await committed(store, 1)  # 2 was live until now
    assert (await store.prune("shop", Keep(last=1, days=30))).versions == (1,)


async def test_what_an_earlier_release_kept_counts_from_when_it_was_made(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 3)
    for number, days in ((1, 31), (2, 29)):
        await age(store, days, number, made=True)
    assert (await store.prune("shop", Keep(last=1, days=30))).versions == (1,)


async def test_the_live_one_and_one_that_waits_stay_however_old(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 2)
    await committed(store, 1, needs_approval=True)
    await committed(store, 2, check=lambda *_: "no")
    await age(store, 1000, 1, 2, 3, 4, 5)
    assert (await store.prune("shop", AT_ONCE)).versions == (1, 4)
    assert [entry.status for entry in await store.learned_versions("shop")] == [
        Status.LIVE,
        Status.WAITING,
        Status.REFUSED,
    ]


async def test_one_that_a_query_was_answered_from_stays_unless_asked(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 4)
    await asked(store, 2)
    assert (await store.prune("shop", AT_ONCE)).versions == (1, 3)
    assert (await store.prune("shop", Keep(last=1, days=0, queried=False))).versions == (2,)
    (query,) = await store.queries("shop")
    assert (query.answer, query.learned) == ("a", None), "the query itself stays"


async def test_one_that_an_unfinished_job_builds_on_stays(store: Store) -> None:
    new = NewJob(context_version=SHOP.version, settings={}, drafts=1, trigger="hand", priority=0)
    await store.add_context(SHOP)
    await committed(store, 2)
    job, _ = await store.jobs.begin("shop", new, "worker")
    assert job.base == 2
    await committed(store, 2)
    everything = Keep(last=1, days=0, queried=False)
    assert (await store.prune("shop", everything)).versions == (1, 3)
    assert await store.work.finish(job, Ending(Outcome.NOTHING_NEW, "none"), BackOff())
    assert (await store.prune("shop", everything)).versions == (2,)


async def test_a_dry_run_says_the_same_and_removes_nothing(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, PAGE + 4)
    await asked(store, 2)
    dry = await store.prune("shop", AT_ONCE, is_dry_run=True)
    assert len(await numbers(store)) == PAGE + 4
    assert await store.prune("shop", AT_ONCE) == dry
    assert await numbers(store) == [2, PAGE + 4]
    assert dry.kept == 2


async def test_a_query_of_a_pruned_one_is_recorded_all_the_same(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 2)
    await store.prune("shop", AT_ONCE)
    await asked(store, 1)
    assert [query.learned for query in await store.queries("shop")] == [None]


async def test_one_that_is_being_pointed_to_is_left_for_the_next_time(
    new_postgresql: Callable[[str], str], postgresql_template: str
) -> None:
    """On PostgreSQL alone a query can be recorded while a prune is under way."""
    async with await Store.open(new_postgresql(postgresql_template)) as store:
        await store.add_context(SHOP)
        await committed(store, 3)
        pointing = select(LearnedRow.id).where(LearnedRow.number == 1).with_for_update(read=True, key_share=True)
        async with store._database._engine.begin() as connection:
            await connection.execute(pointing)
            assert (await store.prune("shop", AT_ONCE)).versions == (2,)
        assert (await store.prune("shop", AT_ONCE)).versions == (1,)


async def test_each_commit_prunes_a_page_and_the_next_one_the_next(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 2 * PAGE + 5)
    left = [await numbers(store)]
    for _ in range(3):
        await committed(store, 1, keep=AT_ONCE)
        left.append(await numbers(store))
    removed = [len({*before} - {*after}) for before, after in pairwise(left)]
    assert all(1 <= number <= PAGE for number in removed)
    assert len(left[-1]) <= 2, "three commits looked at three pages; one was retired since"


async def test_pruning_many_goes_by_pages_of_bounded_transactions(store: Store) -> None:
    await store.add_context(SHOP)
    await committed(store, 3 * PAGE + 1)
    removed: list[int] = []

    def count(_conn: Connection, cursor: Any, sql: str, *_: object) -> None:
        if sql.startswith("DELETE"):
            removed.append(1)

    commits: list[int] = []
    engine = store._database._engine.sync_engine
    event.listen(engine, "after_cursor_execute", count)
    event.listen(engine, "commit", lambda _: commits.append(1))
    assert len((await store.prune("shop", AT_ONCE)).versions) == 3 * PAGE
    assert len(removed) == 3, "one statement for each page"
    assert len(commits) >= 4, "each in a transaction of its own, and a last look"


async def test_another_context_and_another_tenant_are_left_alone(store: Store) -> None:
    other = store.for_tenant("other")
    for each in (store, other):
        await each.add_context(SHOP)
        await committed(each, 3)
    await store.add_context(context("mall", a="x"))
    await store.commit_sleep(learned(context("mall", a="x"), note("y")))
    await store.prune("shop", AT_ONCE)
    assert (await numbers(store), await numbers(other)) == ([3], [1, 2, 3])
    assert len(await store.learned_versions("mall")) == 1
    with pytest.raises(NotFound):
        await other.prune("mall", AT_ONCE)


@pytest.mark.parametrize("values", [{"last": 0}, {"days": -1}, {"days": 1e9}, {"days": float("nan")}])
def test_rules_out_of_range_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"keep"):
        Keep(**values)
