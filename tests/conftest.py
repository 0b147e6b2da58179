"""Real databases for tests: a SQLite file, and a PostgreSQL database on one server per test run.

A test that takes ``database_url`` or ``store`` runs on both engines, each time on a fresh database with its tables
made.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from sleeptime.store.store import Store
from tests.support.postgresql import running_server

ENGINES = ("sqlite", "postgresql")


async def _make_tables(url: str) -> None:
    await (await Store.open(url)).close()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """URL of a server's own database; the processes of one parallel run share the server."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid():x}")[:12]
    with running_server(run) as url:
        yield url


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
