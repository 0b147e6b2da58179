"""What grows with the number of contexts: 1,000, 10,000 and 100,000 of them, each in databases of their own.

``python -m bench.scale [SIZE...] [--engine SQLite|PostgreSQL]`` measures other sizes, such as ``1000 1000000``, against
the first of them. Databases of all sizes are measured in turn, so that whatever else the machine does slows all alike.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import uuid4

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.figure import Figure
from sleeptime.core.call import OK, RUNNING, Call, Phase
from sleeptime.core.usage import Usage
from sleeptime.jobs.snapshot import new_job
from sleeptime.settings import Settings
from sleeptime.store import job_rows
from sleeptime.store.store import Store
from sleeptime.store.tables import WakeUpRow
from sleeptime.store.wake_rows import Due
from tests.support.crowd import QUARANTINED, a_context, fill, notes_of
from tests.support.postgresql import new_database, running_server

SIZES = (1_000, 10_000, 100_000)
ENGINES = ("SQLite", "PostgreSQL")
REPEATS = 60
DUE = 10
"""Wake-ups that are taken at once."""
BIGGEST_TABLES = 6


class _Crowd:
    """A database with so many contexts, and what is done with it. Contexts that are changed are changed once."""

    def __init__(self, store: Store, size: int) -> None:
        self.store, self.size = store, size
        self._chosen = random.Random(0)
        numbers = (number for number in range(1, size) if number % QUARANTINED)
        self._fresh = iter(self._chosen.sample([*numbers], (REPEATS + 1) * (DUE + 1)))
        self._added = 0

    def _name(self) -> str:
        return a_context(self._chosen.randrange(self.size)).name

    async def prepare(self) -> None:
        """Let `DUE` wake-ups be due; not measured."""
        ids = [next(self._fresh) + 1 for _ in range(DUE)]

        async def operation(connection: AsyncConnection) -> None:
            due = update(WakeUpRow).where(WakeUpRow.context_id.in_(ids)).values(due_at=datetime.now(UTC))
            await connection.execute(due)

        await self.store._database.write(operation)

    async def claim(self) -> None:
        """Make jobs of the wake-ups that are due."""
        settings = Settings(model="nano")

        async def make_job(connection: AsyncConnection, due: Due) -> None:
            job = new_job(due.head.version, settings, trigger=due.trigger, priority=1)
            await job_rows.add_job(connection, due.tenant, due.head, job, now=datetime.now(UTC))

        assert len(await self.store.work.claim_due(2 * DUE, make_job)) == DUE

    async def add(self) -> None:
        """Add a context that was not there."""
        self._added += 1
        assert (await self.store.add_context(a_context(self.size + self._added)))[1]

    async def commit(self) -> None:
        """Let a context have new notes."""
        learned = notes_of(a_context(next(self._fresh)))
        await self.store.commit_sleep(learned, job_id=uuid4().hex)

    async def call(self) -> None:
        """Keep that a call begins, and that it has ended."""
        call = Call(phase=Phase.SLEEP, model="m", usage=Usage(9), context=self._name(), outcome=RUNNING)
        await self.store.ledger.begin(call)
        await self.store.ledger.end(replace(call, outcome=OK))

    async def ask(self) -> None:
        """Look up what a query is answered from."""
        assert (await self.store.serving(self._name())).learned is not None

    async def look(self) -> None:
        """What a worker looks at five times a second."""
        await self.store.work.has_something()

    async def status(self) -> None:
        """What `sleeptime status` shows."""
        assert (await self.store.overviews.load()).wake_ups.count

    async def ledger(self) -> None:
        """What `sleeptime ledger` shows."""
        assert (await self.store.ledger.sums()).rows

    @property
    def steps(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """By name, in the order in which they are measured."""
        return {
            "look-up of an ask": self.ask,
            "status": self.status,
            "ledger": self.ledger,
            "a turn with nothing due": self.look,
            f"a turn with {DUE} due": self.claim,
            "add a context": self.add,
            "commit of a sleep": self.commit,
            "a call, begun and ended": self.call,
        }


async def measure(sizes: Sequence[int] = SIZES, engines: Sequence[str] = ENGINES) -> list[Figure]:
    """Ratios to the smallest size, and bytes per context."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        if "SQLite" in engines:
            urls = {size: f"sqlite:///{Path(folder) / f'{size}.db'}" for size in sizes}
            figures += await _measured("SQLite", urls)
    if "PostgreSQL" in engines:
        with running_server(f"scale-{os.getpid()}") as server:
            figures += await _measured("PostgreSQL", {size: new_database(server, f"of_{size}") for size in sizes})
    return figures


async def _measured(engine: str, urls: dict[int, str]) -> list[Figure]:
    figures = []
    async with AsyncExitStack() as stack:
        crowds = []
        for size, url in urls.items():
            store = await stack.enter_async_context(await Store.open(url))
            empty = await _bytes(store)
            began = time.monotonic()
            await fill(store, size)
            each = (await _bytes(store) - empty) / size
            how = f"made in {time.monotonic() - began:,.0f} s, seed 0"
            figures.append(Figure(f"bytes per context, {engine}, {size:,} contexts", each, "bytes", how))
            crowds.append(_Crowd(store, size))
        if engine == "PostgreSQL":
            figures += await _by_table(crowds[-1])
        took_ms = await _timed(crowds)
    first = crowds[0].size
    for step in crowds[0].steps:
        base = median(took_ms[first, step])
        for crowd in crowds[1:]:
            here = median(took_ms[crowd.size, step])
            how = f"medians of {REPEATS}: {here:.2f} ms, {base:.2f} ms at {first:,}"
            figures.append(Figure(f"{step}, {engine}, {crowd.size:,} contexts", here / base, "times as long", how))
    return figures


async def _timed(crowds: Sequence[_Crowd]) -> dict[tuple[int, str], list[float]]:
    """Milliseconds of each step at each size; the first round is not counted."""
    took_ms: dict[tuple[int, str], list[float]] = {}
    for turn in range(REPEATS + 1):
        for crowd in crowds:
            await crowd.prepare()
        for step in crowds[0].steps:
            for crowd in crowds:
                began = time.perf_counter()
                await crowd.steps[step]()
                if turn:
                    took_ms.setdefault((crowd.size, step), []).append(1e3 * (time.perf_counter() - began))
    return took_ms


async def _bytes(store: Store) -> int:
    async with store._database.reading() as connection:
        if connection.dialect.name == "sqlite":
            sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        else:
            sql = "SELECT pg_database_size(current_database())"
        return int((await connection.execute(text(sql))).scalar_one())


async def _by_table(crowd: _Crowd) -> list[Figure]:
    """The largest tables, with their indexes."""
    sql = "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables ORDER BY 2 DESC LIMIT :limit"
    async with crowd.store._database.reading() as connection:
        rows = (await connection.execute(text(sql), {"limit": BIGGEST_TABLES})).all()
    where = f"PostgreSQL, {crowd.size:,} contexts"
    return [
        Figure(f"table {name}, {where}", size / crowd.size, "bytes", "per context, with indexes") for name, size in rows
    ]


def _main() -> None:
    import asyncio

    from bench.__main__ import show

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", metavar="SIZE", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--engine", choices=ENGINES, action="append")
    chosen = parser.parse_args()
    needed = 20_000 * sum(chosen.sizes)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed > free:
        parser.error(f"about {needed / 1e9:.0f} GB are needed in {tempfile.gettempdir()}, {free / 1e9:.0f} GB are free")
    show(asyncio.run(measure(chosen.sizes, chosen.engine or ENGINES)))


if __name__ == "__main__":
    _main()
