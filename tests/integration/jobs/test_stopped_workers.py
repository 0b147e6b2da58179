"""Workers that are stopped in order or asleep for a while, and sleeps by hand that are killed: real processes."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from sleeptime.core.job import JobState
from sleeptime.store.store import Store
from tests.support.jobs import (
    CALLS_PER_DRAFT,
    asked_for,
    check_books,
    known_as,
    opened,
    sleep_settings,
    sleeper,
    until,
    until_over,
    workers,
)

DRAFTS = 2


async def test_a_worker_that_is_told_to_stop_ends_its_calls_and_hands_its_jobs_over(
    database_url: str, tmp_path: Path
) -> None:
    with sleeper(lambda: 0.5) as model, workers(tmp_path, database_url) as start:
        async with opened(database_url, "ada") as (store,):
            settings = sleep_settings(database_url, model.name)
            for n in range(3):
                await store.add_context(known_as(f"ada-{n}"))
                await store.jobs.add(f"ada-{n}", asked_for(known_as(f"ada-{n}"), settings))
            first = start(concurrency=2)
            await until(lambda: len(model.asked) >= 2, "two calls were made", first)
            first.send(signal.SIGTERM)
            assert await first.ended() == 0, first.log.read_text()
            jobs = await store.jobs.list()
            assert {job.state for job in jobs} == {JobState.QUEUED}
            assert await store.work.workers() == ()
            calls = [call for job in jobs for call in await store.ledger.of_job(job.id)]
            assert {call.outcome for call in calls} == {"ok"}, "what was under way has ended"
            begun = sum(job.run > 1 for job in jobs)
            assert begun == 2
            second = start(concurrency=2)
            await until_over([store], 3)
            outcomes = await check_books(store, await store.jobs.list(), model.asked)
            assert outcomes == {"ok": 3 * CALLS_PER_DRAFT}, "nothing ran twice"
            second.send(signal.SIGINT)
            assert await second.ended() == 0, second.log.read_text()


async def test_a_worker_that_was_taken_for_dead_does_no_harm_when_it_comes_back(
    database_url: str, tmp_path: Path
) -> None:
    dead_after_s = 3.0
    with sleeper(lambda: 0.4) as model, workers(tmp_path, database_url) as start:
        async with opened(database_url, "ada") as (store,):
            settings = sleep_settings(database_url, model.name, drafts=DRAFTS)
            for n in range(2):
                await store.add_context(known_as(f"ada-{n}"))
                await store.jobs.add(f"ada-{n}", asked_for(known_as(f"ada-{n}"), settings))
            stalled = start(dead_after_s=dead_after_s)
            await until(lambda: len(model.asked) >= 4, "calls were made", stalled)
            stalled.send(signal.SIGSTOP)
            other = start(dead_after_s=dead_after_s)
            await until_over([store], 2)
            before = await store.jobs.list()
            assert {job.worker for job in before} == {worker.id for worker in await store.work.workers()}
            stalled.send(signal.SIGCONT)
            await until(lambda: _is_known(store, 2), "the worker is known again", stalled, other)
            assert await store.jobs.list() == before
            outcomes = await check_books(store, before, model.asked)
            assert outcomes["ok"] - 2 * DRAFTS * CALLS_PER_DRAFT + outcomes["lost"] <= 4, "of calls under way"
            for worker in (stalled, other):
                worker.send(signal.SIGTERM)
                assert await worker.ended() == 0, worker.log.read_text()


async def _is_known(store: Store, num_workers: int) -> bool:
    return len(await store.work.workers()) == num_workers


async def test_a_sleep_by_hand_that_was_killed_is_gone_on_with(database_url: str, tmp_path: Path) -> None:
    with sleeper(lambda: 0.3) as model:
        async with opened(database_url, "default") as (store,):
            await store.add_context(known_as("ada-0"))
            command = [sys.executable, "-W", "error", "-m", "sleeptime", "sleep", "ada-0", "--strategy", "rethink"]
            command += ["--combine", "concat", "--model", model.name, "--database", database_url, "--json"]
            killed = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=tmp_path)
            await until(lambda: len(model.asked) == 3, "the third call is under way")
            killed.kill()
            await killed.communicate()
            again = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=tmp_path)
            result, remarks = await again.communicate()
            assert again.returncode == 0, remarks.decode()
            (job,) = await store.jobs.list()
            told = json.loads(result)
            assert (told["outcome"], told["version"], told["job_id"], job.run) == ("wrote", 1, job.id, 2)
            assert await check_books(store, (job,), model.asked) == {"ok": CALLS_PER_DRAFT, "lost": 1}
            assert await store.work.workers() == ()


async def test_a_worker_that_is_told_twice_to_stop_does_so_at_once(database_url: str, tmp_path: Path) -> None:
    with sleeper(lambda: 600) as model, workers(tmp_path, database_url) as start:
        async with opened(database_url, "ada") as (store,):
            await store.add_context(known_as("ada-0"))
            await store.jobs.add("ada-0", asked_for(known_as("ada-0"), sleep_settings(database_url, model.name)))
            worker = start()
            await until(lambda: len(model.asked) == 1, "a call is under way", worker)
            worker.send(signal.SIGTERM)
            await until(lambda: "once more stops it at once" in worker.log.read_text(), "it heard of it")
            worker.send(signal.SIGTERM)
            assert await worker.ended() == -signal.SIGTERM
            assert "Traceback" not in worker.log.read_text()


async def test_a_second_interrupt_of_a_sleep_by_hand_does_not_disturb_its_end(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sleeptime.db'}"
    with sleeper(lambda: 600) as model:
        async with opened(url, "default") as (store,):
            await store.add_context(known_as("ada-0"))
            command = [sys.executable, "-W", "error", "-m", "sleeptime", "sleep", "ada-0", "--strategy", "rethink"]
            command += ["--model", model.name, "--database", url, "--json"]
            sleeping = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=tmp_path)
            await until(lambda: len(model.asked) == 1, "a call is under way")
            blocking = sqlite3.connect(tmp_path / "sleeptime.db", isolation_level=None)
            blocking.execute("BEGIN IMMEDIATE")  # it cannot write its end yet
            sleeping.send_signal(signal.SIGINT)
            await asyncio.sleep(0.5)
            sleeping.send_signal(signal.SIGINT)
            assert sleeping.stderr is not None
            assert await sleeping.stderr.readline() == b"stopping; once more stops it at once\n"
            blocking.close()
            _, remarks = await sleeping.communicate()
            assert sleeping.returncode == 130, remarks.decode()
            assert b"Traceback" not in remarks
            (job,) = await store.jobs.list()
            assert job.state is JobState.PAUSED, "it had come to its end"
