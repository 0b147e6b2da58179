"""Processes that change contexts, take wake-ups and die: run as ``python -m tests.support.wakes WHAT ARGUMENT...``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.context import Context, Part
from sleeptime.core.job import NewJob
from sleeptime.core.query import Query
from sleeptime.store import job_rows, wake_rows
from sleeptime.store.store import Store
from sleeptime.store.wake_rows import Due


async def make_job(connection: AsyncConnection, due: Due) -> None:
    """Queue the job of a wake-up."""
    new = NewJob(
        context_version=due.head.version, settings=due.policy.overrides, drafts=1, trigger=due.trigger, priority=10
    )
    _, is_new = await job_rows.add_job(connection, due.tenant, due.head, new, now=datetime.now(UTC))
    assert is_new, "a wake-up is handed out only when no job is under way"


async def make_job_and_die(connection: AsyncConnection, due: Due) -> None:
    """Die when the job is queued and the transaction is not yet over."""
    await make_job(connection, due)
    _die()


async def claim(store: Store, at: datetime, *, limit: int = 100, make: wake_rows.MakeJob = make_job) -> tuple[Due, ...]:
    """Take what is due at a moment."""

    async def operation(connection: AsyncConnection) -> tuple[Due, ...]:
        return await wake_rows.claim_due(connection, at, limit, make)

    return await store._database.write(operation)


async def claim_all(url: str, limit: str, day_later: str) -> None:
    """Take everything that is due, a few at a time, until nothing is; print the names."""
    now = datetime.now(UTC) + timedelta(days=int(day_later))
    async with await Store.open(url) as store:
        _begin_together()
        idle = 0
        while idle < 20:  # others may hold what is left, and die
            taken = await claim(store, now, limit=int(limit))
            for due in taken:
                print(due.head.name, flush=True)
            idle = 0 if taken else idle + 1
            await asyncio.sleep(0.02)


async def change_and_die(url: str, name: str, text: str) -> None:
    """Change a context, and die as soon as that is accepted."""
    async with await Store.open(url) as store:
        await store.add_context(Context(name, (Part("part", text),)))
        _die()


async def ask_and_die(url: str, name: str, _text: str) -> None:
    """Ask about a context, and die as soon as that is accepted."""
    async with await Store.open(url) as store:
        await store.record_query(Query(context=name, text="?", route="full", budget="v0", answer="!"))
        _die()


async def claim_and_die(url: str, limit: str, day_later: str) -> None:
    """Die in the middle of taking what is due."""
    async with await Store.open(url) as store:
        _begin_together()
        await claim(store, datetime.now(UTC) + timedelta(days=int(day_later)), limit=int(limit), make=make_job_and_die)


def _begin_together() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    acts = {act.__name__.replace("_", "-"): act for act in (claim_all, change_and_die, ask_and_die, claim_and_die)}
    asyncio.run(acts[sys.argv[1]](*sys.argv[2:]))
