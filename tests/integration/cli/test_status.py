"""`sleeptime status`: how sleep stands in words and as JSON, and drawn again until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff
from sleeptime.core.breaker import BreakerPolicy
from sleeptime.core.job import Ending, NewJob
from sleeptime.core.outcome import Outcome
from sleeptime.core.worker import WorkerState
from sleeptime.store.store import Store
from sleeptime.store.tables import WorkerRow
from tests.support.commands import Cli, add, note, script, writes

PATIENCE_S = 120.0


def kept(act: Callable[[Store], Awaitable[object]]) -> None:
    """Do something to the store of the command."""

    async def work() -> None:
        async with await Store.open(os.environ["SLEEPTIME_DATABASE_URL"]) as store:
            await act(store)

    asyncio.run(work())


def new_job(seed: int = 0, *, drafts: int = 1) -> NewJob:
    """A sleep of its own."""
    return NewJob(context_version="0" * 16, settings={"seed": seed, "model": "m"}, drafts=drafts, trigger="hand")


def rows(out: str, beginning: str) -> list[str]:
    """The lines of what was printed that begin so, with their cells apart by two blanks."""
    lines = ["  ".join(cell.strip() for cell in line.strip().split("  ") if cell.strip()) for line in out.splitlines()]
    return [line for line in lines if line.startswith(beginning)]


def test_with_nothing_to_do_it_says_so_and_shows_what_was_spent(cli: Cli) -> None:
    add(cli)
    done = cli("status")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:2] == [
        "jobs: 0 queued, 0 running, 0 waiting, 0 paused",
        "no worker is alive; start one with: sleeptime worker",
    ]
    script(writes(note("Tom has 3 apples.")))
    assert cli("sleep", "c").code == 0
    shown = cli("status", "--json").json
    assert (shown["today"]["sleep"], shown["day"]) == (
        cli("ledger", "--json").json["today"]["sleep"],
        cli("ledger", "--json").json["day"],
    )
    assert shown["today"]["sleep"]["calls"] > 0
    assert rows(cli("status").out, "sleep  ")[0].startswith(f"sleep  {shown['today']['sleep']['calls']}  ")


def test_a_running_job_shows_its_progress_and_a_waiting_one_why(cli: Cli) -> None:
    add(cli)

    async def act(store: Store) -> None:
        job, _ = await store.jobs.begin("c", new_job(drafts=5), "w1")
        await store.work.progress(job, 3, 5)
        waiting, _ = await store.jobs.begin("c", new_job(1), "w1")
        await store.work.wait(waiting, datetime.now(UTC) + timedelta(hours=1), "the batch is not done")

    kept(act)
    out = cli("status").out
    assert "0 queued, 1 running, 1 waiting, 0 paused" in out
    assert any("  c  running  3/5  1  " in row for row in rows(out, ""))
    assert "UTC: the batch is not done" in out
    (running,) = cli("status", "--json").json["jobs"]["running"]["items"]
    assert (running["context"], running["drafts_done"], running["drafts"], running["worker"]) == ("c", 3, 5, "w1")


def test_what_stands_still_comes_with_the_command_that_releases_it(cli: Cli) -> None:
    add(cli)
    ids: list[str] = []

    async def act(store: Store) -> None:
        failing, _ = await store.jobs.begin("c", replace(new_job(), trigger="change"), "w1")
        await store.work.finish(failing, Ending(Outcome.FAILED, "the key is refused"), BackOff(max_failures=1))
        paused, _ = await store.jobs.add("c", new_job(1))
        await store.jobs.pause(paused.id)
        ids.append(paused.id)

    kept(act)
    out = cli("status", "c").out
    assert "1 failure in a row: the key is refused" in out
    for command in ("release c", f"resume {ids[0]}"):
        assert f"sleeptime jobs {command}" in out
        assert cli("jobs", *command.split()).code == 0
    after = cli("status", "c", "--json").json
    assert (after["quarantines"]["count"], after["jobs"]["paused"]["count"], after["jobs"]["queued"]["count"]) == (
        0,
        0,
        1,
    )


def test_workers_breakers_and_wake_ups_are_shown(cli: Cli) -> None:
    add(cli)
    assert cli("policy", "c", "--idle", "10m").code == 0

    async def act(store: Store) -> None:
        await store.work.beat("silent", "host", 7, WorkerState.WORKING)

        async def let_pass(connection: AsyncConnection) -> None:
            await connection.execute(update(WorkerRow).values(heartbeat_at=datetime.now(UTC) - timedelta(hours=2)))

        await store._database.write(let_pass)
        await store.work.beat("alive", "host", 8, WorkerState.DRAINING)
        await store.breakers.fail("openai:gone", "ServerError", BreakerPolicy(errors=1), now=datetime.now(UTC))

    kept(act)
    out = cli("status").out
    assert rows(out, "silent")[0].startswith("silent  host  7  silent, taken for dead  2h 0m")
    assert rows(out, "alive")[0].startswith("alive  host  8  draining")
    assert rows(out, "openai:gone  open")[0].endswith("1  ServerError")
    assert rows(out, "c  ")[0].endswith("idle")
    shown = cli("status", "--json").json
    assert [(each["id"], each["is_silent"]) for each in shown["workers"]["items"]] == [
        ("silent", True),
        ("alive", False),
    ]
    assert shown["breakers"]["items"][0]["state"] == "open"
    assert [(each["context"], each["trigger"]) for each in shown["wake_ups"]["items"]] == [("c", "idle")]


def test_long_lists_are_cut_and_say_so(cli: Cli) -> None:
    add(cli)

    async def act(store: Store) -> None:
        for seed in range(5):
            await store.jobs.begin("c", new_job(seed), "w1")

    kept(act)
    out = cli("status", "--limit", "2").out
    assert len([line for line in out.splitlines() if " running  " in line]) == 2
    assert "and 3 more" in out
    running = cli("status", "--limit", "2", "--json").json["jobs"]["running"]
    assert (running["count"], running["is_exact"], len(running["items"])) == (5, True, 2)


def test_a_context_that_is_not_there_is_an_error(cli: Cli) -> None:
    done = cli("status", "nowhere")
    assert (done.code, done.out) == (1, "")
    assert "there is no context named 'nowhere'" in done.err


def test_watching_needs_a_terminal(cli: Cli) -> None:
    for arguments in ((), ("--json",)):
        done = cli("status", "--watch", *arguments)
        assert (done.code, done.out) == (2, "")
        assert "draws on a terminal" in done.err


def test_a_watched_status_is_drawn_again_and_ends_in_order_on_ctrl_c(cli: Cli, tmp_path: Path) -> None:
    add(cli)
    ours, its = pty.openpty()
    command = [sys.executable, "-W", "error", "-m", "sleeptime", "status", "--watch"]
    with (tmp_path / "err").open("wb") as err:
        watching = subprocess.Popen(command, stdout=its, stderr=err, env={**os.environ, "TERM": "xterm"})
    os.close(its)
    try:
        drawn = seen_until(ours, b"0 queued")
        kept(lambda store: store.jobs.add("c", new_job()))
        drawn += seen_until(ours, b"1 queued")
        watching.send_signal(signal.SIGINT)
        drawn += seen_until(ours, b"\x1b[?25h")  # the cursor is shown again
        assert watching.wait(PATIENCE_S) == 0
    finally:
        watching.kill()
        watching.wait()
        os.close(ours)
    assert (tmp_path / "err").read_bytes() == b""
    assert b"\x1b[?25l" in drawn


def seen_until(terminal: int, text: bytes) -> bytes:
    """What is drawn until a text appears."""
    seen, deadline = b"", time.monotonic() + PATIENCE_S
    while text not in seen:
        left = deadline - time.monotonic()
        assert left > 0, f"{text!r} never came: {seen!r}"
        if select.select([terminal], [], [], left)[0]:
            seen += os.read(terminal, 65536)
    return seen
