"""Inserts that say what becomes of a row whose key is there already: the same on both engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.store.tables import Table


def insert_into(connection: AsyncConnection, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    """An insert that can say what happens on a conflict, in the engine's own dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


async def insert_unless_there(connection: AsyncConnection, table: type[Table], rows: Sequence[dict[str, Any]]) -> int:
    """``INSERT ... ON CONFLICT DO NOTHING``, so that what is recorded twice is kept once.

    Returns:
        How many rows were not there before.
    """
    if not rows:
        return 0
    statement = insert_into(connection, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return (await connection.execute(statement, rows)).rowcount
