"""Migrating from nothing gives exactly the tables, on both engines, and opening is safe to repeat."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from sleeptime.core.context import Context
from sleeptime.core.errors import StoreError
from sleeptime.store.database import Database
from sleeptime.store.migrations import HEAD, VERSION_TABLE, alembic_config, migrate
from sleeptime.store.store import Store
from sleeptime.store.tables import Table

SQLITE_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name <> 'sleeptime_migration'"
POSTGRESQL_SCHEMA = """
SELECT 'column', table_name::text, column_name::text, concat_ws(' ', data_type, character_maximum_length, is_nullable,
       column_default)
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'sleeptime_migration'
UNION ALL
SELECT 'index', tablename::text, indexname::text, indexdef FROM pg_indexes
 WHERE schemaname = 'public' AND tablename <> 'sleeptime_migration'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'sleeptime_migration'
"""


def schema(connection: Connection) -> set[tuple[str, ...]]:
    """Everything the engine itself says about our tables, whatever the white space and the order of a table's items."""
    query = SQLITE_SCHEMA if connection.dialect.name == "sqlite" else POSTGRESQL_SCHEMA
    found = set()
    for *names, definition in connection.execute(text(query)):
        head, _, rest = " ".join(str(definition).split()).partition("(")
        items, _, tail = rest.rpartition(")")
        found.add((*map(str, names), head, *sorted(item.strip() for item in items.split(",")), tail))
    return found


async def schema_after(url: str, make: Callable[[Connection], None] | None) -> set[tuple[str, ...]]:
    database = await Database.connect(url)
    try:
        if make is None:
            await migrate(database)
        else:
            await database.write(lambda connection: connection.run_sync(make))
        async with database.reading() as connection:
            return await connection.run_sync(schema)
    finally:
        await database.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_migrating_from_nothing_equals_the_tables(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if engine == "sqlite":
        urls = [f"sqlite:///{tmp_path / name}" for name in ("migrated.db", "made.db")]
    else:
        new = request.getfixturevalue("new_postgresql")
        urls = [new("template0"), new("template0")]
    migrated = await schema_after(urls[0], None)
    made = await schema_after(urls[1], Table.metadata.create_all)
    assert migrated == made
    assert len(migrated) > len(Table.metadata.tables)


async def test_alembic_finds_nothing_left_to_do(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return list(compare_metadata(context, Table.metadata))

    database = await Database.connect(database_url)
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()


def test_head_is_the_newest_file_and_files_form_one_line() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_heads() == [HEAD]
    numbers = sorted(path.name[:4] for path in Path(scripts.versions).glob("[0-9]*.py"))
    assert numbers == [f"{n:04}" for n in range(1, len(numbers) + 1)]
    assert numbers[-1] == HEAD


async def test_opening_an_up_to_date_store_loads_no_migration_machinery(database_url: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from sleeptime.store.store import Store\n"
        "async def main():\n"
        f"    await (await Store.open({database_url!r})).close()\n"
        "asyncio.run(main())\n"
        "assert 'alembic' not in sys.modules, 'alembic was loaded'\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def test_many_openings_at_once_make_the_tables_once(empty_database_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(empty_database_url) for _ in range(5)))
    assert (await stores[0].add_context(Context("a", ())))[1]
    assert [entry.name for entry in await stores[4].contexts()] == ["a"]
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(database_url: str) -> None:
    database = await Database.connect(database_url)
    newer = text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    await database.write(lambda connection: connection.execute(newer))
    await database.close()
    with pytest.raises(StoreError, match="migration '9999', which this version does not know"):
        await Store.open(database_url)


async def test_a_failed_migration_leaves_no_half_made_tables(tmp_path: Path) -> None:
    path = tmp_path / "taken.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE note (mine TEXT)")  # in the way of the first migration
    connection.close()
    with pytest.raises(StoreError, match="note"):
        await Store.open(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert tables == {"note"}
