"""Store: contexts by parts that are kept once, versions, and nothing half stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import event, func, select

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import NotFound, NotText, StoreError
from sleeptime.store.store import Store
from sleeptime.store.tables import ContextRow, ContextVersionRow, PartRow, VersionPartRow
from tests.integration.store.builders import context


async def count(store: Store, table: type) -> int:
    async with store._database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_added_context_comes_back_as_it_was(store: Store) -> None:
    added = context(b="two\n  \u00e9\U0001f600 '\"\\", a="one", empty="", same="one")
    assert await store.add_context(added) == (added.version, True)
    assert await store.context("shop") == added


async def test_context_without_parts_can_be_kept(store: Store) -> None:
    await store.add_context(Context("nothing", ()))
    assert await store.context("nothing") == Context("nothing", ())
    assert (await store.contexts())[0].parts == 0


async def test_adding_the_same_again_changes_nothing(store: Store) -> None:
    await store.add_context(context(a="one"))
    assert await store.add_context(context(a="one")) == (context(a="one").version, False)
    assert await count(store, ContextVersionRow) == 1


async def test_an_unchanged_part_is_kept_once(store: Store) -> None:
    await store.add_context(context(a="one", b="two"))
    await store.add_context(context(renamed="one", b="changed"))
    await store.add_context(context("other", x="one", y="one"))
    assert await count(store, PartRow) == 3
    assert await count(store, VersionPartRow) == 6


async def test_a_context_can_go_back_to_an_earlier_version(store: Store) -> None:
    first, second = context(a="one"), context(a="two")
    assert [(await store.add_context(each))[1] for each in (first, second, first)] == [True, True, True]
    assert await store.context("shop") == first
    assert await count(store, ContextVersionRow) == 2


async def test_contexts_are_listed_by_name_with_their_size(store: Store) -> None:
    before = datetime.now(UTC)
    await store.add_context(context("b", x="\u00e9", y="ab"))
    await store.add_context(context("a", x="1"))
    entries = await store.contexts()
    assert [(e.name, e.parts, e.size_bytes, e.live) for e in entries] == [("a", 1, 1, None), ("b", 2, 4, None)]
    assert entries[1].version == context("b", x="\u00e9", y="ab").version
    assert before <= entries[1].created_at <= entries[0].created_at <= datetime.now(UTC)


async def test_more_parts_than_a_statement_may_bind_are_kept(store: Store) -> None:
    many = Context("many", tuple(Part(f"part {n}", f"text {n}") for n in range(1_250)))
    await store.add_context(many)
    assert await store.context("many") == many


async def test_an_unknown_context_is_not_found_and_the_message_says_what_to_do(store: Store) -> None:
    with pytest.raises(NotFound, match="no context named 'nowhere'; `sleeptime add nowhere SOURCE`"):
        await store.context("nowhere")


@pytest.mark.parametrize("bad", ["\0", "\ud800"])
async def test_text_that_cannot_be_kept_is_refused_before_storing_on_both_engines(store: Store, bad: str) -> None:
    with pytest.raises(NotText):
        await store.add_context(Context("shop", (Part("good", "fine"), Part("bad", f"text {bad}"))))
    assert await store.contexts() == ()
    assert await count(store, PartRow) == 0


@pytest.mark.parametrize("table", ["part", "context", "context_version", "version_part"])
async def test_a_failed_add_stores_nothing(store: Store, table: str) -> None:
    """The database refuses at each step in turn, as a full disk would."""
    await store.add_context(context(a="one"))
    before = [await count(store, each) for each in (PartRow, ContextRow, ContextVersionRow, VersionPartRow)]

    def refuse(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith((f"INSERT INTO {table} ", f"UPDATE {table} ")):
            raise OSError("no space left on device")

    engine = store._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", refuse)
    with pytest.raises(StoreError, match="no space left on device"):
        await store.add_context(context(a="changed", b="new"))
    event.remove(engine, "before_cursor_execute", refuse)

    after = [await count(store, each) for each in (PartRow, ContextRow, ContextVersionRow, VersionPartRow)]
    assert after == before
    assert await store.context("shop") == context(a="one")


async def test_contexts_outlive_the_store(database_url: str) -> None:
    async with await Store.open(database_url) as store:
        await store.add_context(context(a="one"))
    async with await Store.open(database_url) as store:
        assert await store.context("shop") == context(a="one")
