"""store.database: URLs, errors without secrets, and SQLite as we want it."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from sleeptime.core.call import Call, Phase
from sleeptime.core.errors import InputError, StoreAway, StoreError
from sleeptime.core.usage import Usage
from sleeptime.store.database import Database, parse_url
from sleeptime.store.store import Store
from tests.integration.store.builders import context, learned, note


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////tmp/a.db", "sqlite+aiosqlite"),
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg"),
    ],
)
def test_documented_urls_use_our_drivers(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize(
    "url", ["", "a.db", "mysql://u@h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///file:a?x", "sqlite:///a?mode=ro"]
)
def test_other_urls_are_refused_and_the_forms_are_named(url: str) -> None:
    with pytest.raises(InputError, match=r"sqlite:///relative\.db.*postgresql://user"):
        parse_url(url)


async def test_sqlite_makes_its_folder_and_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "sleeptime.db"
    async with await Store.open(f"sqlite:///{path}") as store:
        await store.add_context(context(a="one"))
        async with store._database.reading() as connection:
            for pragma, value in (
                ("journal_mode", "wal"),
                ("foreign_keys", 1),
                ("busy_timeout", 30_000),
                ("synchronous", 2),
            ):
                assert (await connection.execute(text(f"PRAGMA {pragma}"))).scalar_one() == value


async def test_a_database_that_cannot_be_opened_says_where_and_hides_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"the database postgresql\+psycopg://me:\*\*\*@127\.0\.0\.1:1/none refused"):
        await Store.open("postgresql://me:secret@127.0.0.1:1/none")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"folder .*file for the database cannot be made"):
        await Store.open(f"sqlite:///{tmp_path / 'file' / 'a.db'}")
    (tmp_path / "a.db").mkdir()
    with pytest.raises(StoreError, match="unable to open database file"):
        await Store.open(f"sqlite:///{tmp_path / 'a.db'}")
    (tmp_path / "text.db").write_text("this is no database, and long enough to be looked at " * 30)
    with pytest.raises(StoreError, match="file is not a database"):
        await Store.open(f"sqlite:///{tmp_path / 'text.db'}")


async def test_a_machine_without_file_descriptors_lets_the_database_be_away(tmp_path: Path) -> None:
    async with await Store.open(f"sqlite:///{tmp_path / 'a.db'}") as store, store._database.reading():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            with pytest.raises(StoreAway, match="unable to open database file"):
                await store.contexts()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert await store.contexts() == ()


async def test_a_file_that_another_keeps_to_itself_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleeptime.store.database.BUSY_TIMEOUT_S", 0)
    path = tmp_path / "a.db"
    async with await Store.open(f"sqlite:///{path}") as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreAway, match="locked"):
            await store.add_context(context(a="one"))
        other.close()


async def test_a_server_that_is_gone_is_away(tmp_path: Path) -> None:
    with pytest.raises(StoreAway):
        await Store.open("postgresql://me@127.0.0.1:1/none")


async def test_a_broken_statement_is_a_store_error_and_is_not_tried_again(database_url: str) -> None:
    database = await Database.connect(database_url)
    tries = []

    async def operation(connection: object) -> None:
        tries.append(connection)
        await connection.execute(text("SELECT * FROM nowhere"))  # type: ignore[attr-defined]  # an AsyncConnection

    with pytest.raises(StoreError, match="nowhere") as refused:
        await database.write(operation)
    assert not isinstance(refused.value, StoreAway)
    assert len(tries) == 1
    await database.close()


async def test_a_writer_waits_for_the_writer_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    async with await Store.open(f"sqlite:///{path}") as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        adding = asyncio.create_task(store.add_context(context(a="one")))
        await asyncio.sleep(0.05)
        assert not adding.done()
        assert await store.contexts() == ()  # readers do not wait
        other.execute("COMMIT")
        other.close()
        assert (await adding)[1]


async def test_a_value_that_we_never_wrote_is_a_store_error(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    async with await Store.open(url) as store:
        shop = context(a="one")
        await store.add_context(shop)
        await store.stage(learned(shop, note("a note")))
        async with store._database._engine.begin() as connection:
            await connection.execute(text("UPDATE note SET kind = 'odd', depends_on = '{'"))
        with pytest.raises(StoreError, match=r"a\.db holds what we never wrote"):
            await store.learned("shop", 1)


async def test_a_sqlite_file_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(StoreError, match="cannot be opened: unable to open database file"):
        await Store.open(f"sqlite:///{tmp_path}")
    assert threading.active_count() == before


async def test_a_number_too_large_is_a_store_error(database_url: str) -> None:
    async with await Store.open(database_url) as store:
        call = Call(phase=Phase.WAKE, model="m", usage=Usage(output_tokens=10**30))
        with pytest.raises(StoreError) as refused:
            await store.ledger.end(call)
        assert not isinstance(refused.value, StoreAway), "the same would be refused again"


async def test_a_transaction_that_reads_sees_one_moment(database_url: str) -> None:
    count = text("SELECT count(*) FROM context")
    async with await Store.open(database_url) as store, await Store.open(database_url) as other:
        async with store._database.reading() as connection:
            assert (await connection.execute(count)).scalar_one() == 0
            await other.add_context(context(a="one"))
            assert (await connection.execute(count)).scalar_one() == 0
        async with store._database.reading() as connection:
            assert (await connection.execute(count)).scalar_one() == 1
        await store.add_context(context(a="two"))  # what reads leaves no connection that cannot write
