"""Sleeps in batches, as real processes that are killed: what a provider has is found again, read once and paid once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sleeptime.core.price import Tier
from sleeptime.models.scripted import ToolCall
from sleeptime.store.store import Store
from tests.support.batch_server import BatchServer, Json, batch_server
from tests.support.jobs import PATIENCE_S, known_as, until

MODELS = {"openai": "openai:gpt-4o-mini", "anthropic": "anthropic:claude-sonnet-4-6"}
NOTE = {"kind": "fact", "text": "This one is known as shop.", "subject": "shop", "value": "known"}
DRAFTS = 3


def write_notes(_: Json) -> ToolCall:
    return ToolCall("write_notes", {"notes": [NOTE]})


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with batch_server(write_notes) as served:
        yield served


class Command:
    """`sleeptime sleep shop --tier batch` as a process."""

    def __init__(self, folder: Path, url: str, server: BatchServer, provider: str, *given: str) -> None:
        self.log = folder / f"sleep-{len(list(folder.glob('sleep-*')))}.log"
        environment = {
            **os.environ,
            **server.environment(),
            "SLEEPTIME_DATABASE_URL": url,
            "SLEEPTIME_MODEL": MODELS[provider],
            "SLEEPTIME_BATCH_POLL_S": "0.3",
        }
        command = [sys.executable, "-W", "error", "-m", "sleeptime", *given]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.log.read_text()

    async def says(self, text: str) -> None:
        """Wait until it prints a text."""
        await until(lambda: text in self.said or self.process.poll() is not None, f"a sleep says {text!r}")
        assert text in self.said, self.said

    async def ended(self) -> int:
        """Wait until it has ended; its exit code."""
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), PATIENCE_S)

    async def end_by(self, number: signal.Signals) -> int:
        """Send it a signal, and wait until it has ended; its exit code."""
        self.process.send_signal(number)
        return await self.ended()


class Shell:
    """Starts commands, which end with the test."""

    def __init__(self, folder: Path, url: str, server: BatchServer) -> None:
        self.commands: list[Command] = []
        self._given = (folder, url, server)

    def sleep(self, provider: str) -> Command:
        """`sleeptime sleep shop --tier batch`."""
        return self.run(provider, "sleep", "shop", "--tier", "batch", "--drafts", str(DRAFTS))

    def run(self, provider: str, *given: str) -> Command:
        """Any command."""
        self.commands.append(Command(*self._given, provider, *given))
        return self.commands[-1]


@pytest.fixture
def shell(tmp_path: Path, database_url: str, server: BatchServer) -> Iterator[Shell]:
    started = Shell(tmp_path, database_url, server)
    yield started
    for command in started.commands:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait()


@pytest.fixture
async def shop(store: Store) -> Store:
    """A store with a context."""
    await store.add_context(known_as("shop"))
    return store


async def check_paid_once(store: Store, server: BatchServer) -> None:
    """The job wrote, and each of its calls was sent, answered and billed once, in a batch."""
    (job,) = await store.jobs.list()
    assert (job.outcome, job.learned) == ("wrote", 1)
    calls = await store.ledger.of_job(job.id)
    assert sorted((call.key, call.outcome, call.tier) for call in calls) == [
        (f"{draft}.0", "ok", Tier.BATCH) for draft in range(DRAFTS)
    ]
    assert all(call.cost_usd and not call.reserved.tokens for call in calls)
    assert sum(len(batch.requests) for batch in server.batches.values()) == DRAFTS
    assert server.singles == []


@pytest.mark.parametrize("provider", MODELS)
async def test_killed_between_sending_and_the_handle_it_finds_its_batch(
    shell: Shell, shop: Store, server: BatchServer, provider: str
) -> None:
    server.keeps_replies = True
    first = shell.sleep(provider)
    await until(lambda: server.created.is_set() or first.process.poll() is not None, "a batch is created")
    await first.end_by(signal.SIGKILL)
    server.keeps_replies = False
    server.finish()
    again = shell.sleep(provider)
    assert await again.ended() == 0, again.said
    await check_paid_once(shop, server)


async def test_killed_while_its_batch_runs_it_reads_it_later(shell: Shell, shop: Store, server: BatchServer) -> None:
    first = shell.sleep("anthropic")
    await first.says("waits for batch")
    await first.end_by(signal.SIGKILL)
    second = shell.sleep("anthropic")
    await second.says("in progress")
    await second.end_by(signal.SIGKILL)
    server.finish()
    last = shell.sleep("anthropic")
    assert await last.ended() == 0, last.said
    await check_paid_once(shop, server)


async def test_stopped_by_the_user_it_is_gone_on_with_by_the_same_command(
    shell: Shell, shop: Store, server: BatchServer
) -> None:
    first = shell.sleep("openai")
    await first.says("waits for batch")
    assert await first.end_by(signal.SIGINT) == 130
    assert "Traceback" not in first.said
    server.finish()
    again = shell.sleep("openai")
    assert await again.ended() == 0, again.said
    await check_paid_once(shop, server)


async def test_a_sleep_that_is_cancelled_cancels_its_batch(shell: Shell, shop: Store, server: BatchServer) -> None:
    first = shell.sleep("openai")
    await first.says("waits for batch")
    await first.end_by(signal.SIGKILL)
    cancel = shell.run("openai", "jobs", "cancel", "shop")
    assert await cancel.ended() == 0, cancel.said
    assert [batch.status for batch in server.batches.values()] == ["cancelling"]
    (job,) = await shop.jobs.list()
    assert (job.outcome, job.reason) == ("skipped", "cancelled")
    calls = await shop.ledger.of_job(job.id)
    assert {call.outcome for call in calls} == {"lost"}, "what it cost is in doubt"
    assert all(call.reserved.tokens for call in calls)


async def test_a_worker_that_is_killed_leaves_its_batch_to_another(
    shell: Shell, shop: Store, server: BatchServer
) -> None:
    asking = shell.run("openai", "sleep", "shop", "--tier", "batch", "--drafts", str(DRAFTS), "--background")
    assert await asking.ended() == 0, asking.said
    worker = shell.run("openai", "worker")

    async def waits() -> bool:
        (job,) = await shop.jobs.list()
        return job.state == "waiting" and "waits for batch" in job.reason

    await until(waits, "the job waits for its batch")
    await worker.end_by(signal.SIGKILL)
    server.finish()
    shell.run("openai", "worker")

    async def is_over() -> bool:
        (job,) = await shop.jobs.list()
        return job.is_over

    await until(is_over, "the job is over")
    await check_paid_once(shop, server)
