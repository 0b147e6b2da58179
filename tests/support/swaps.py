"""Processes that commit, read, meddle and die: run as ``python -m tests.support.swaps WHAT ARGUMENT...``.

Every learned context says in each note who wrote it, so that a mix of two is seen. Half of its notes rest on a part
that never changes, and hold for ever; half on one that changes, and say what it says.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, event, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import InputError, NotFound
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.store.context_rows import Head
from sleeptime.store.entry import Committed, Keep, Serving, Status
from sleeptime.store.store import DEFAULT_TENANT, Store
from sleeptime.store.tables import SleepStateRow

NAME: Final = "shop"
HALF: Final = 10
STABLE: Final = Part("stable", "It never changes.")
KEEP_ONE: Final = Keep(last=1, days=0, queried=False)


def context_at(version: str) -> Context:
    """The context whose changing part says ``version``."""
    return Context(NAME, (STABLE, Part("changing", version)))


def written_by(who: str, version: str) -> LearnedContext:
    """What ``who`` learned from that version."""
    of = context_at(version)
    stable, changing = of.parts
    notes = [Note(NoteKind.FACT, f"{who}|{n}", depends_on=(stable.sha256,)) for n in range(HALF)]
    notes += [Note(NoteKind.FACT, f"{who}|{version}|{n}", depends_on=(changing.sha256,)) for n in range(HALF)]
    return LearnedContext(NAME, of.version, tuple(notes), "notes", "scripted")


def check(serving: Serving) -> int:
    """The number served; fails when it is a mix of two, stale, or not all there."""
    assert serving.learned is not None, "nothing is served"
    assert serving.number is not None
    said = [note.text.split("|") for note in serving.learned.notes]
    assert len({who for who, *_ in said}) == 1, f"a mix: {said}"
    assert sum(len(words) == 2 for words in said) == HALF, f"not all that holds: {said}"
    stale = {words[1] for words in said if len(words) == 3} - {serving.context.parts[1].text}
    assert not stale, f"stale: {stale}"
    return serving.number


async def read(url: str, folder: str, who: str) -> None:
    """Read until there is a file ``done``; print the numbers that were served."""
    seen = set()
    async with await Store.open(url) as store:
        while not Path(folder, "done").exists():
            seen.add(check(await store.serving(NAME)))
            shown = await store.shown(NAME)
            assert shown.learned is not None, "nothing is live"
            assert len(shown.learned.notes) == 2 * HALF
            assert [entry.status for entry in shown.versions].count(Status.LIVE) == 1
            Path(folder, f"reads-{who}").touch()
            await asyncio.sleep(0.002)
    print(json.dumps(sorted(seen)))


async def write(url: str, who: str, times: str) -> None:
    """Change the context, and commit what was learned of it, again and again."""
    async with await Store.open(url) as store:
        for n in range(int(times)):
            version = f"{who} {n}"
            await store.add_context(context_at(version))
            check(await store.serving(NAME))
            await store.commit_sleep(written_by(version, version), job_id=version, keep=Keep(last=3, days=0))


async def meddle(url: str, seed: str, times: str) -> None:
    """Roll back, approve and prune at random; what is not possible just now is passed over."""
    rng = random.Random(seed)
    async with await Store.open(url) as store:
        for _ in range(int(times)):
            number = rng.choice([entry.number for entry in await store.learned_versions(NAME)])
            change = rng.choice((store.rollback, store.approve, None))
            with suppress(InputError, NotFound):
                await (store.prune(NAME, Keep(last=2, days=0)) if change is None else change(NAME, number))


async def remember(connection: AsyncConnection, head: Head, committed: Committed) -> None:
    """What a job would keep in the same transaction."""
    await connection.execute(delete(SleepStateRow).where(SleepStateRow.context_id == head.id))
    row = {"context_id": head.id, "nothing_new": committed.number, "failures": 0, "last_error": committed.status}
    await connection.execute(insert(SleepStateRow).values(tenant=DEFAULT_TENANT, **row))


async def tell(store: Store) -> None:
    """Print what a reader finds."""
    number = check(await store.serving(NAME))
    states = {entry.number: entry.status for entry in await store.learned_versions(NAME)}
    async with store._database.reading() as connection:
        rows = await connection.execute(select(SleepStateRow.nothing_new, SleepStateRow.last_error))
        remembered = [list(row) for row in rows]
    print(json.dumps({"served": number, "states": states, "remembered": remembered}), flush=True)


async def die(url: str, at: int, options: dict[str, Any]) -> None:
    """Tell; commit, and be killed before statement or commit number ``at``, or right after the last; tell again."""
    async with await Store.open(url) as store:
        await tell(store)
        count = 0

        def tick(*_: object) -> None:
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

        engine = store._database._engine.sync_engine
        for what in ("before_cursor_execute", "commit"):
            event.listen(engine, what, tick)
        await store.commit_sleep(written_by("new", "1"), job_id="job", keep=KEEP_ONE, also=remember, **options)
        tick()
        for what in ("before_cursor_execute", "commit"):
            event.remove(engine, what, tick)
        await tell(store)


def killed(url: str, options: str) -> None:
    """Let children commit, each killed a statement later than the one before, until one lives."""
    at = 1
    while _child(die(url, at, json.loads(options))) == signal.SIGKILL:
        at += 1


def _child(work: Coroutine[Any, Any, None]) -> int:
    """Run it in a process of its own: the signal that ended it, 0 without one. A child saves importing all again."""
    pid = os.fork()
    if pid == 0:
        asyncio.run(work)
        sys.stdout.flush()
        os._exit(0)
    work.close()
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "killed":
        killed(*arguments)
    else:
        asyncio.run({"read": read, "write": write, "meddle": meddle}[what](*arguments))
