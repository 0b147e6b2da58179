"""Store: a reader finds the old c' or the new one, whatever other processes do and wherever they are killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sleeptime.store.entry import Status
from sleeptime.store.store import Store
from tests.support.swaps import context_at, written_by

ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of `tests.support.swaps`; it does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "tests.support.swaps", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def printed(process: asyncio.subprocess.Process) -> list[Any]:
    """The JSON lines it printed, when it ended well."""
    out, err = await asyncio.wait_for(process.communicate(), 300)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


async def first_live(url: str) -> None:
    async with await Store.open(url) as store:
        await store.add_context(context_at("1"))
        await store.commit_sleep(written_by("old", "1"))


async def test_readers_find_the_old_or_the_new_while_others_write(database_url: str, tmp_path: Path) -> None:
    await first_live(database_url)
    async with (
        running("read", database_url, str(tmp_path), "one") as one,
        running("read", database_url, str(tmp_path), "two") as two,
    ):
        while len(list(tmp_path.glob("reads-*"))) < 2:
            assert (one.returncode, two.returncode) == (None, None), await printed(one) + await printed(two)
            await asyncio.sleep(0.05)
        async with (
            running("write", database_url, "left", "12") as left,
            running("write", database_url, "right", "12") as right,
            running("meddle", database_url, "0", "30") as meddler,
        ):
            assert [await printed(each) for each in (left, right, meddler)] == [[], [], []]
        (tmp_path / "done").touch()
        (seen_by_one,), (seen_by_two,) = await printed(one), await printed(two)
    assert len({*seen_by_one, *seen_by_two}) > 2, "they saw versions come and go"
    async with await Store.open(database_url) as store:
        entries = await store.learned_versions("shop")
    assert [entry.status for entry in entries].count(Status.LIVE) == 1
    assert entries[-1].number == 25, "one for each job, and the first"


@pytest.mark.parametrize(
    ("options", "served", "states"),
    [({}, 2, {"2": "live"}), ({"needs_approval": True}, 1, {"1": "live", "2": "waiting"})],
    ids=["live", "waiting"],
)
async def test_a_writer_that_is_killed_leaves_all_or_nothing_and_goes_on_when_it_runs_again(
    database_url: str, options: dict[str, Any], served: int, states: dict[str, str]
) -> None:
    await first_live(database_url)
    async with running("killed", database_url, json.dumps(options)) as process:
        told = await printed(process)
    before = {"served": 1, "states": {"1": "live"}, "remembered": []}
    after = {"served": served, "states": states, "remembered": [[2, states["2"]]]}
    kills = told.index(after)
    assert kills > 15, "one before each statement, and one before the commit"
    assert told == [before] * kills + [after, after], "killed after its commit it changes nothing when it runs again"
