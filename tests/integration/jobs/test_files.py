"""A SQLite file that is removed or replaced stops the workers that have it open."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sleeptime.core.errors import StoreError
from sleeptime.jobs.worker import run_worker
from tests.support.jobs import (
    PATIENCE_S,
    asked_for,
    check_books,
    known_as,
    opened,
    sleep_settings,
    sleeper,
    until_over,
    workers,
)


@pytest.mark.parametrize("name", ["sleeptime.db", "sleeptime-jobs.db"])
@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "removed"])
async def test_a_worker_whose_file_is_gone_stops_with_an_error(
    sqlite_template: Path, tmp_path: Path, name: str, is_replaced: bool
) -> None:
    path = tmp_path / "sleeptime.db"
    shutil.copy(sqlite_template, path)
    settings = sleep_settings(f"sqlite:///{path}", "nano", dead_after_s=0.6)
    started = asyncio.get_running_loop().create_future()
    worker = asyncio.create_task(
        run_worker(settings, asyncio.Event(), rng=random.Random(0), started=started.set_result)
    )
    await asyncio.wait_for(started, PATIENCE_S)
    with closing(sqlite3.connect(tmp_path / name)) as database:
        database.execute("VACUUM INTO ?", (str(tmp_path / "other.db"),))
    for end in ("-wal", "-shm"):  # left for a new file, SQLite would cut short what this process has mapped
        Path(f"{tmp_path / name}{end}").unlink(missing_ok=True)
    if is_replaced:
        (tmp_path / "other.db").replace(tmp_path / name)
    else:
        (tmp_path / name).unlink()
    with pytest.raises(StoreError, match=f"{name} was removed or replaced"):
        await asyncio.wait_for(worker, PATIENCE_S)


async def test_a_job_of_the_file_that_took_its_place_is_left_to_the_workers_of_that(
    sqlite_template: Path, tmp_path: Path
) -> None:
    path, url = tmp_path / "sleeptime.db", f"sqlite:///{tmp_path / 'sleeptime.db'}"
    shutil.copy(sqlite_template, path)
    with sleeper() as model, workers(tmp_path, url) as start:
        first = start(dead_after_s=3600)  # it does not say that it is alive, and look at its files, again
        await first.started()
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        shutil.copy(sqlite_template, path)
        second = start(dead_after_s=15)
        await second.started()
        async with opened(url, "ours") as [store]:
            for number in range(1, 100):
                context = known_as(f"c{number}")
                await store.add_context(context)
                await store.jobs.add(context.name, asked_for(context, sleep_settings(url, model.name, tenant="ours")))
                await until_over([store], number)
                if first.process.poll() is not None:  # it had taken this one, or one before
                    break
            await check_books(store, await store.jobs.list(limit=100), model.asked)
        assert await first.ended() == 1
        assert "was removed or replaced" in first.log.read_text()
