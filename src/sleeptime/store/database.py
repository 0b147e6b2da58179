"""Database: one engine, transactions that read and transactions that write, and the errors of both.

Knows nothing of tables. Writers on SQLite queue (``BEGIN IMMEDIATE``, WAL, a busy timeout), so two processes on one
file take turns; on both engines a writer that loses a race for a unique index starts its transaction again.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from sleeptime.core.errors import InputError, NotText, StoreAway, StoreError
from sleeptime.core.text import unkeepable
from sleeptime.store.outage import is_away
from sleeptime.store.turns import Turns

URL_FORMS: Final = "sqlite:///relative.db, sqlite:////absolute.db or postgresql://user:password@host:port/database"

BUSY_TIMEOUT_S: Final = 30
"""How long a SQLite writer waits for its turn."""

HURRY_S: Final = 0.001
"""How often a SQLite writer that a user waits for looks whether it is its turn; others look ever more rarely."""

GAP_S: Final = 0.002
"""What a process that nobody waits for leaves between two writes to SQLite, so that another process gets its turn."""

MAX_ATTEMPTS: Final = 8
"""Attempts of a writing transaction that keeps losing a race."""

_RACES: Final = frozenset({"23505", "40001", "40P01"})
"""PostgreSQL: unique violation, serialization failure, deadlock (manual, appendix A)."""
_SQLITE_RACES: Final = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_BUSY_SNAPSHOT"})

_IMMEDIATE: Final = "sleeptime_immediate"
_HURRIED: Final = "sleeptime_hurried"

T = TypeVar("T")


def parse_url(url: str) -> URL:
    """The URL with the driver that we use.

    Raises:
        InputError: not a URL, an engine we do not know, or SQLite without a file.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise InputError(f"the database URL cannot be read; allowed: {URL_FORMS}") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise InputError(f"a database of kind {backend!r} is not known; allowed: {URL_FORMS}")
    if parsed.database in (None, "", ":memory:") or str(parsed.database).startswith("file:"):
        raise InputError(f"SQLite needs a file, so that a second process can open it too; allowed: {URL_FORMS}")
    if parsed.query:
        option = next(iter(parsed.query))
        raise InputError(f"a SQLite URL ends with its file and takes no ?{option}=; allowed: {URL_FORMS}")
    return parsed.set(drivername="sqlite+aiosqlite")


class Database:
    """An engine and its transactions. Use from one event loop."""

    def __init__(self, url: URL, engine: AsyncEngine, *, gives_way: bool = False) -> None:
        self.url = url
        self._gives_way = gives_way
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._engine = engine
        self._turns = Turns()
        self._jitter = random.Random()

    @classmethod
    async def connect(cls, url: str, *, gives_way: bool = False) -> Database:
        """Connect; on SQLite the folder and the file are made when missing.

        Args:
            url: one of `URL_FORMS`.
            gives_way: whether other processes that write to the same SQLite file go first.

        Raises:
            InputError: the URL is none of `URL_FORMS`.
            StoreError: the database cannot be opened.
        """
        parsed = parse_url(url)
        if parsed.get_backend_name() == "sqlite":
            database = cls(parsed, _sqlite_engine(parsed), gives_way=gives_way)
        else:
            database = cls(parsed, create_async_engine(parsed, pool_pre_ping=True))
        try:
            await database._prepare()
        except BaseException:
            await database.close()
            raise
        return database

    async def _prepare(self) -> None:
        """Prove that the database answers, and switch SQLite to WAL, which every later connection then finds."""
        if not self.is_sqlite:
            async with self.reading():
                return
        # Two processes that switch at once can meet "database is locked" in spite of the busy timeout.
        for attempt in range(MAX_ATTEMPTS):
            try:
                async with self._mapped_errors(), self._engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
            except StoreError as error:
                if "locked" not in str(error) or attempt == MAX_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(self._jitter.uniform(0, 0.02 * 2**attempt))

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads: all its statements see the database as it is at the first of them.

        Raises:
            StoreError: the database refused.
        """
        async with self._mapped_errors(), self._engine.connect() as connection:
            if not self.is_sqlite:  # which gives one moment to every transaction
                await connection.execution_options(isolation_level="REPEATABLE READ")
            async with connection.begin():
                yield connection

    async def write(self, operation: Callable[[AsyncConnection], Awaitable[T]], *, in_a_hurry: bool = False) -> T:
        """Run ``operation`` in one transaction: all of it is kept, or nothing.

        Args:
            operation: runs statements on the connection it is given. May be run again after a lost race, so it must
                read what it relies on inside itself and have no effect elsewhere.
            in_a_hurry: whether a user waits for it: on SQLite it goes before the other writers.

        Raises:
            StoreError: the database refused, or the race was lost `MAX_ATTEMPTS` times.
        """
        async with self._mapped_errors():
            for attempt in range(1, MAX_ATTEMPTS + 1):
                try:
                    return await self._write_once(operation, in_a_hurry=in_a_hurry)
                except DBAPIError as error:
                    if attempt == MAX_ATTEMPTS or not _is_race(error):
                        raise
                    await asyncio.sleep(self._jitter.uniform(0, 0.005 * 2**attempt))
        raise AssertionError("the last attempt returns or raises")

    async def _write_once(self, operation: Callable[[AsyncConnection], Awaitable[T]], *, in_a_hurry: bool) -> T:
        if not self.is_sqlite:
            async with self._engine.begin() as connection:
                return await operation(connection)
        # One writer of this process at a time: waiting here is fair and free, waiting in SQLite is polling.
        async with self._turns.take(in_a_hurry=in_a_hurry):
            done = await _to_its_end(self._write_immediately(operation, in_a_hurry=in_a_hurry))
            if self._gives_way:
                await asyncio.sleep(GAP_S)
            return done

    async def _write_immediately(self, operation: Callable[[AsyncConnection], Awaitable[T]], *, in_a_hurry: bool) -> T:
        async with self._engine.connect() as connection:
            await connection.execution_options(**{_IMMEDIATE: True, _HURRIED: in_a_hurry})
            async with connection.begin():
                return await operation(connection)

    @asynccontextmanager
    async def _mapped_errors(self) -> AsyncIterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            where = self.url.render_as_string(hide_password=True)
            cause = getattr(error, "orig", None) or error
            kind = StoreAway if is_away(error) else StoreError
            said = str(cause).strip() or type(cause).__name__
            if getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
                said += "; its disk may be full, or fail"
            raise kind(f"the database {where} refused: {said}") from error
        except UnicodeEncodeError as error:  # of what was given, a name most often
            raise NotText(
                f"what was asked for holds {unkeepable(error.object)}, which is not text that can be kept, so nothing "
                "is known by it; give UTF-8 text"
            ) from error
        except ValueError as error:  # of the types that read a column
            where = self.url.render_as_string(hide_password=True)
            raise StoreError(f"the database {where} holds what we never wrote: {error}; restore a backup") from error
        except OverflowError as error:  # a count that no provider reports in earnest
            raise StoreError(f"a number is too large for the database: {error}") from error


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end, also when the caller is cancelled meanwhile.

    The driver runs statements in a thread, which a cancelled await leaves alone: a BEGIN that it carries out after its
    connection was given up would keep the database locked.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen, so that it is not reported as forgotten
        raise


def _is_race(error: DBAPIError) -> bool:
    """Whether another writer came first, so that the same transaction can succeed on a second try."""
    cause = error.orig
    if getattr(cause, "sqlite_errorname", None) in _SQLITE_RACES or getattr(cause, "sqlstate", None) in _RACES:
        return True
    return isinstance(error, IntegrityError) and "UNIQUE constraint failed" in str(cause)


def _sqlite_engine(url: URL) -> AsyncEngine:
    folder = Path(str(url.database)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {folder} for the database cannot be made: {error.strerror}") from error
    try:
        # The asynchronous driver leaves a thread behind when it cannot open the file.
        sqlite3.connect(str(url.database)).close()
    except sqlite3.Error as error:
        raise StoreError(f"the database file {url.database} cannot be opened: {error}") from error
    engine = create_async_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    # The driver's own transaction control begins late and never IMMEDIATE, so it is switched off and ours is used
    # (SQLAlchemy manual, "SQLite: Serializable isolation / Savepoints / Transactional DDL").
    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")  # an accepted context survives a power cut, not only a crash
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(_HURRIED):
            _begin_in_a_hurry(connection)
        elif options.get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_IMMEDIATE) else "BEGIN")

    return engine


def _begin_in_a_hurry(connection: Connection) -> None:
    """Begin a write as soon as no other process writes, looking more often than SQLite does by itself."""
    cursor = connection.connection.cursor()
    deadline_s = time.monotonic() + BUSY_TIMEOUT_S
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline_s:
                    raise
            await_only(asyncio.sleep(HURRY_S))
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {1000 * BUSY_TIMEOUT_S}")
        cursor.close()
