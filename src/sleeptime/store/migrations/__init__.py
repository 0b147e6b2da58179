"""Migrations: the tables step by step, run by `migrate` whenever a store is opened.

The steps are numbered files in ``versions``; a released one is never edited. `HEAD` names the newest, so that opening a
database that is up to date loads no migration machinery at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.errors import StoreError
from sleeptime.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0003"
"""The newest migration; a test holds it to the newest file."""

VERSION_TABLE: Final = "sleeptime_migration"

_LOCK_KEY: Final = 0x736C656570  # "sleep"
"""Key of the PostgreSQL advisory lock that lets one process migrate at a time."""


def alembic_config() -> Config:
    """Configuration that finds the steps beside this file; nothing is read from the working folder."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def migrate(database: Database) -> None:
    """Bring the tables up to `HEAD`, in one transaction: a crash in the middle leaves what was there before.

    Raises:
        StoreError: the database is at a step that this version does not know.
    """
    async with database.reading() as connection:
        current = await connection.run_sync(_current)
    if current != HEAD:
        await database.write(_upgrade)


async def _upgrade(connection: AsyncConnection) -> None:
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    await connection.run_sync(_run)


def _current(connection: Connection) -> str | None:
    """The step a database is at; None when it has no tables of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config()
    current = _current(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            f"the database is at migration {current!r}, which this version does not know (its newest is {HEAD}); "
            "install the version of sleeptime that made it, or a newer one"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
