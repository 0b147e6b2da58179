"""Store: appending writes what is new alone; versions share parts and lose none."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import InputError, StoreError, TooLarge
from sleeptime.store.database import Database
from sleeptime.store.migrations import migrate
from sleeptime.store.store import Store
from sleeptime.store.tables import ContextVersionRow, PartRow, VersionPartRow
from tests.integration.store.builders import context, learned, make_first_release, note


async def count(store: Store, table: type) -> int:
    async with store._database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_appended_parts_stand_behind_the_others_in_a_new_version(store: Store) -> None:
    await store.add_context(context(a="one"))
    appended = await store.append("shop", [Part("b", "two"), Part("c", "")])
    expected = context(a="one", b="two", c="")
    assert await store.context("shop") == expected
    assert appended.version == expected.version
    assert (appended.names, appended.num_parts, appended.num_bytes) == (("b", "c"), 3, 6)


async def test_messages_are_named_by_their_number_and_may_say_the_same(store: Store) -> None:
    await store.append("chat", ["hello"])
    await store.append("chat", [Part("message 3", "taken"), "hello", "hello"])
    parts = (await store.context("chat")).parts
    assert [(part.name, part.text) for part in parts] == [
        ("message 1", "hello"),
        ("message 3", "taken"),
        ("message 4", "hello"),
        ("message 5", "hello"),
    ]


async def test_appending_the_same_part_again_adds_nothing(store: Store) -> None:
    first = await store.append("chat", [Part("m1", "hello"), Part("m2", "you")])
    again = await store.append("chat", [Part("m2", "you")])
    assert (again.version, again.names, again.num_parts) == (first.version, (), 2)
    further = await store.append("chat", [Part("m2", "you"), Part("m3", "all")])
    assert further.names == ("m3",)


async def test_a_name_that_has_another_text_is_refused_and_nothing_is_kept(store: Store) -> None:
    await store.append("chat", [Part("m1", "hello")])
    with pytest.raises(InputError, match="'m1' with another text"):
        await store.append("chat", [Part("m2", "new"), Part("m1", "changed")])
    assert await store.context("chat") == Context("chat", (Part("m1", "hello"),))
    assert await count(store, PartRow) == 1


@pytest.mark.parametrize("limit", [{"max_parts": 2}, {"max_bytes": 6}])
async def test_limits_count_what_is_there(store: Store, limit: dict[str, int]) -> None:
    await store.append("chat", ["abc", "def"], **limit)
    with pytest.raises(TooLarge, match="'chat' would have"):
        await store.append("chat", ["g"], **limit)
    assert len((await store.context("chat")).parts) == 2


async def test_a_conversation_has_one_row_per_message_and_version(store: Store) -> None:
    for number in range(30):
        await store.append("chat", [f"text {number}"])
    assert await count(store, VersionPartRow) == 30
    assert await count(store, ContextVersionRow) == 30
    assert [part.text for part in (await store.context("chat")).parts] == [f"text {number}" for number in range(30)]


async def test_a_whole_context_that_grew_at_its_end_shares_its_parts_too(store: Store) -> None:
    parts = tuple(Part(f"p{i}", f"text {i}") for i in range(9))
    for length in (3, 9, 5, 7):
        await store.add_context(Context("shop", parts[:length]))
        assert await store.context("shop") == Context("shop", parts[:length])
    assert await count(store, VersionPartRow) == 9


async def test_a_version_that_goes_on_otherwise_leaves_the_parts_of_others_alone(store: Store) -> None:
    versions = [
        context(a="1", b="2", c="3"),
        context(a="1", b="2"),
        context(a="1", b="2", d="4"),
        context(a="1", b="2", c="3", e="5"),
        context(x="9", b="2"),
        context(),
        context(a="1"),
    ]
    for version in versions:
        await store.add_context(version)
    for version in [*versions, *versions[::-1]]:
        await store.add_context(version)
        assert await store.context("shop") == version
        assert (await store.contexts())[0].parts == len(version.parts)
        assert (await store.unstudied("shop", version.version)).context == version


async def test_the_number_of_statements_of_an_append_does_not_grow(store: Store) -> None:
    statements: list[str] = []
    engine = store._database._engine.sync_engine
    await store.add_context(Context("long", tuple(Part(f"p{i}", f"text {i}") for i in range(1_200))))
    event.listen(engine, "before_cursor_execute", lambda _c, _u, sql, *_: statements.append(sql))
    await store.append("long", ["one"])
    long = len(statements)
    await store.add_context(Context("short", (Part("p", "text"),)))
    statements.clear()
    await store.append("short", ["two"])
    assert long == len(statements) < 20


async def test_messages_appended_at_once_are_all_kept_each_under_its_name(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(3)]
    await asyncio.gather(*(stores[n % 3].append("chat", [f"text {n}"]) for n in range(12)))
    parts = (await stores[0].context("chat")).parts
    assert [part.name for part in parts] == [f"message {n}" for n in range(1, 13)]
    assert {part.text for part in parts} == {f"text {n}" for n in range(12)}
    for store in stores:
        await store.close()


@pytest.mark.parametrize("table", ["part", "context_version", "version_part", "context"])
async def test_a_failed_append_keeps_nothing(store: Store, table: str) -> None:
    await store.append("chat", ["one"])
    before = [await count(store, each) for each in (PartRow, ContextVersionRow, VersionPartRow)]

    def refuse(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith((f"INSERT INTO {table} ", f"UPDATE {table} ")):
            raise OSError("no space left on device")

    engine = store._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", refuse)
    with pytest.raises(StoreError, match="no space left on device"):
        await store.append("chat", ["two"])
    event.remove(engine, "before_cursor_execute", refuse)
    assert [await count(store, each) for each in (PartRow, ContextVersionRow, VersionPartRow)] == before
    assert [part.text for part in (await store.context("chat")).parts] == ["one"]


async def test_a_sleep_starts_from_the_live_notes_whole_and_the_parts_they_were_made_from(store: Store) -> None:
    first = context(a="one", b="two")
    await store.add_context(first)
    assert (await store.unstudied("shop")).base is None
    written = learned(first, note("x", first.parts[0]), note("y", first.parts[1]))
    number = await store.stage(written)
    await store.make_live("shop", number)
    await store.add_context(context(a="one", b="changed"))
    found = await store.unstudied("shop")
    assert found.context == context(a="one", b="changed")
    assert found.base == written, "with the note that does not hold"
    assert found.read == tuple(part.sha256 for part in first.parts)
    assert await store.unstudied("shop", first.version) == type(found)(first, None, ())
    assert (await store.unstudied("shop", first.version, number)).base == written


async def test_notes_keep_the_version_they_were_made_from_and_a_sleep_what_it_could_not_read(store: Store) -> None:
    first = context(a="one")
    await store.add_context(first)
    carried = replace(note("x", first.parts[0]), made_from="0123456789abcdef")
    written = replace(learned(first, carried, note("y")), unread=(first.parts[0].sha256,))
    number = await store.stage(written)
    kept = await store.learned("shop", number)
    assert [each.made_from for each in kept.notes] == ["0123456789abcdef", ""]
    assert kept == written


VERSIONS = [context(a="one", b="two"), context(a="one", b="two", c="three"), context(b="two"), context()]


async def test_contexts_of_the_first_release_come_through_migration_whole(empty_database_url: str) -> None:
    database = await Database.connect(empty_database_url)
    await database.write(lambda connection: connection.run_sync(make_first_release))
    await database.write(_keep_as_0001)
    await migrate(database)
    await database.close()
    async with await Store.open(empty_database_url) as store:
        for version in VERSIONS:
            assert (await store.unstudied("shop", version.version)).context == version
        assert await store.context("shop") == VERSIONS[1]
        assert (await store.contexts())[0].parts == 3
        await store.append("shop", ["four"])
        assert [part.text for part in (await store.context("shop")).parts] == ["one", "two", "three", "four"]
        assert (await store.unstudied("shop", VERSIONS[0].version)).context == VERSIONS[0]


async def _keep_as_0001(connection: AsyncConnection) -> None:
    """Rows of `VERSIONS` as 0001 kept them: each version with parts of its own. The context stands at the second."""

    async def insert(table: str, **values: object) -> None:
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        await connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)

    at = "2026-01-01 00:00:00+00:00"
    parts = {part.sha256: part.text for version in VERSIONS for part in version.parts}
    ids = {digest: number for number, digest in enumerate(parts, start=1)}
    for digest, said in parts.items():
        await insert("part", id=ids[digest], tenant="default", sha256=digest, text=said, size=len(said))
    await insert("context", id=1, tenant="default", name="shop", version=VERSIONS[1].version, created_at=at)
    for number, version in enumerate(VERSIONS, start=1):
        await insert("context_version", id=number, context_id=1, version=version.version, created_at=at)
        for position, part in enumerate(version.parts):
            part_id = ids[part.sha256]
            await insert("version_part", version_id=number, position=position, name=part.name, part_id=part_id)
    if connection.dialect.name == "postgresql":  # it numbers rows by a counter that these did not move
        for table in ("part", "context", "context_version"):
            await connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100)"))
