"""A database that is away while calls are under way: the job waits for it, and what it writes is whole."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from sleeptime.core.call import LOST, OK
from tests.integration.jobs.test_worker import working
from tests.support.jobs import PATIENCE_S, asked_for, check_books, known_as, opened, sleep_settings, sleeper, until_over


class Outage:
    """Of one PostgreSQL database: who is connected is thrown out, and nobody comes in."""

    def __init__(self, server_url: str, url: str) -> None:
        self._server_url = server_url
        self.is_over = threading.Event()
        self._name = url.removeprefix("postgresql://").partition("/")[2].partition("?")[0]

    def begin(self) -> None:
        self._do(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        self._do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'")

    def end(self) -> None:
        self._do(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")
        self.is_over.set()

    def _do(self, statement: str) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(statement.encode())


async def test_an_outage_fails_no_draft(
    postgresql_server: str,
    postgresql_template: str,
    new_postgresql: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sleeptime.store.outage.WAITS_S", (0.0, 0.0))
    monkeypatch.setattr("sleeptime.sleep.drafts.AWAY", timedelta(seconds=1))
    url = new_postgresql(postgresql_template)
    outage, delays_s = Outage(postgresql_server, url), iter([1.0, 4.0])

    def delay_s() -> float:
        """The third call brings the outage, and is answered in it; the fourth is answered after it."""
        delay_s = next(delays_s, None) if len(model.server.requests) > 2 else None
        if delay_s == 1.0:
            outage.begin()
            threading.Timer(2.5, outage.end).start()
        return delay_s or 0.0

    with sleeper(delay_s) as model:
        async with opened(url, "ours") as [store]:
            context = known_as("ada")
            await store.add_context(context)
            await store.jobs.add("ada", asked_for(context, sleep_settings(url, model.name, drafts=2, tenant="ours")))
            async with working(sleep_settings(url, model.name)):
                assert await asyncio.to_thread(outage.is_over.wait, PATIENCE_S)
                await until_over([store], 1)
            calls = await check_books(store, await store.jobs.list(), model.asked)
    assert calls[OK] >= 8
    assert calls[LOST] <= 2, "only what was answered while the database was away was asked again"
