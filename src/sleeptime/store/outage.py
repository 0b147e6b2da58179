"""Outage: which errors say that the database is away; and what was paid for is written again when it is back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from sleeptime.core.errors import StoreError

WAITS_S: Final = (0.5, 4.0)
"""Waits before a write is tried once more: a PostgreSQL server that restarts is back within them."""

_SQLITE_AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Primary codes: another has the file, or the machine lacks descriptors, room or memory."""

_AWAY_CLASSES: Final = ("08", "40", "53", "57", "58")
"""PostgreSQL: connection, a race that was lost too often, resources, shutdown, system (manual, appendix A)."""

T = TypeVar("T")


def is_away(error: Exception) -> bool:
    """Whether the database is away, and not at odds with what it was asked: the same may succeed later."""
    if isinstance(error, OSError | TimeoutError):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(cause, "sqlstate", None)
    if state is None:  # the driver's own word, and not the server's
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return str(state).startswith(_AWAY_CLASSES)


async def outlast(write: Callable[[], Awaitable[T]]) -> T:
    """Do ``write``, again after each of `WAITS_S`; it must be safe to repeat.

    Raises:
        StoreError: of the last try.
    """
    for wait_s in WAITS_S:
        try:
            return await write()
        except StoreError:
            await asyncio.sleep(wait_s)
    return await write()
