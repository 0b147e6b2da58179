"""Wake-ups with several processes and with processes that are killed: each is handed out once, none is lost."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sleeptime.core.job import JobState
from sleeptime.store.store import Store
from tests.integration.store.builders import context
from tests.support.wakes import claim

ROOT = Path(__file__).parents[3]
TOMORROW = timedelta(days=1)


@asynccontextmanager
async def start(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of `tests.support.wakes`; it does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "tests.support.wakes", *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 300) == b"ready\n", await process.communicate()


async def names(process: asyncio.subprocess.Process) -> list[str]:
    """Let it begin, and what it took by the time it ends well."""
    out, err = await asyncio.wait_for(process.communicate(b"go\n"), 300)
    assert process.returncode == 0, err.decode()
    return out.decode().split()


async def killed(*arguments: str) -> None:
    """A process of `tests.support.wakes` that kills itself."""
    async with start(*arguments) as process:
        _, err = await asyncio.wait_for(process.communicate(b"go\n"), 300)
    assert process.returncode == -signal.SIGKILL, err.decode()


async def add(store: Store, number: int, **changes: object) -> set[str]:
    """Contexts with a policy; their names."""
    made = {f"c{index}" for index in range(number)}
    for name in made:
        await store.add_context(context(name, part="one"))
        await store.policies.change(name, lambda policy: policy.changed(changes))
    return made


async def test_processes_that_claim_at_once_make_one_job_of_each_wake_up(database_url: str) -> None:
    async with await Store.open(database_url) as store, AsyncExitStack() as stack:
        made = await add(store, 60, on_change="30s")
        limits = ("1", "4", "7")
        claimers = [await stack.enter_async_context(start("claim-all", database_url, limit, "1")) for limit in limits]
        for each in claimers:
            await ready(each)
        taken = await asyncio.gather(*(names(each) for each in claimers))
        assert Counter(name for each in taken for name in each) == Counter(made)
        jobs = await store.jobs.list(limit=1000)
        assert Counter(job.context for job in jobs) == Counter(made)
        assert await store.work.next_due() is None


async def test_a_change_that_was_accepted_before_a_kill_is_slept_on(database_url: str) -> None:
    async with await Store.open(database_url) as store:
        await add(store, 1, every=1)
        await claim(store, datetime.now(UTC) + TOMORROW)
        (job,) = await store.jobs.list()
        await store.jobs.cancel(job.id)
        assert await store.work.next_due() is None
        await killed("change-and-die", database_url, "c0", "two")
        (due,) = await claim(store, datetime.now(UTC))
        assert due.head.version == context("c0", part="two").version


async def test_a_query_that_was_accepted_before_a_kill_puts_idle_off(database_url: str) -> None:
    async with await Store.open(database_url) as store:
        await add(store, 1, idle="10m")
        before = await store.work.next_due()
        assert before is not None
        await killed("ask-and-die", database_url, "c0", "")
        assert await claim(store, before) == ()
        later = await store.work.next_due()
        assert later is not None
        assert later > before
        assert len(await claim(store, later)) == 1


async def test_a_process_that_is_killed_while_it_claims_takes_nothing(database_url: str) -> None:
    async with await Store.open(database_url) as store:
        made = await add(store, 3, on_change="30s")
        await killed("claim-and-die", database_url, "3", "1")
        assert await store.jobs.list() == ()
        assert {due.head.name for due in await claim(store, datetime.now(UTC) + TOMORROW)} == made


@pytest.mark.slow
async def test_kills_among_claimers_lose_and_double_nothing(database_url: str) -> None:
    async with await Store.open(database_url) as store, AsyncExitStack() as stack:
        made = await add(store, 60, on_change="30s")
        claimers = [await stack.enter_async_context(start("claim-all", database_url, "1", "1")) for _ in range(2)]
        dying = [await stack.enter_async_context(start("claim-and-die", database_url, "2", "1")) for _ in range(3)]
        for each in (*dying, *claimers):
            await ready(each)
        deaths = (asyncio.wait_for(each.communicate(b"go\n"), 300) for each in dying)
        await asyncio.gather(*deaths, *(names(each) for each in claimers))
        assert -signal.SIGKILL in {each.returncode for each in dying}
        while await claim(store, datetime.now(UTC) + TOMORROW):  # what a claimer left to one that died
            pass
        jobs = await store.jobs.list(limit=1000)
        assert Counter(job.context for job in jobs) == Counter(made)
        assert all(job.state is JobState.QUEUED for job in jobs)
