"""Play: random edits, sleeps and queries on one context of a real database, checked after every step.

As a program it does so until it is killed: ``python -m tests.support.staleness URL SEED FIRST_WORD`` tells on standard
output what it is about to store (``try VERSION``) and what is stored (``done VERSION``).
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sleeptime.app import Sleeptime
from sleeptime.core.context import Context
from sleeptime.core.errors import NotFound
from sleeptime.core.outcome import Outcome
from sleeptime.sleep.incremental import changed_parts
from sleeptime.sleep.settings import SleepSettings
from sleeptime.sleep.sleep import sleep_on
from sleeptime.store.entry import Serving
from sleeptime.store.store import Store
from tests.support.edits import Editor, rememberer, right_answer, words

NAME = "edited"
SETTINGS = SleepSettings(drafts=2, piece_parts=5, neighbours=1)
"""Two drafts, for only what two agree on is recalled."""


@dataclass(slots=True)
class Seen:
    """What was done, and what was found wrong.

    Args:
        counts: edits by sort, sleeps by outcome, queries by route, notes that were served, moments that were looked at.
        stale: what a stale note said, or a wrong answer.
    """

    counts: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)

    def look(self, serving: Serving) -> None:
        """Check what is served at a moment."""
        said = words(serving.context.render())
        notes = () if serving.learned is None else serving.learned.notes
        self.counts["moments"] += 1
        self.counts["notes served"] += len(notes)
        self.stale += [note.text for note in notes if not words(note.text) <= said]


class Play:
    """One editor, sleeper and asker of one context.

    Args:
        store: where the context is.
        sleeptime: answers queries, on the same database.
        editor: draws the edits.
        seen: takes what was seen.
    """

    def __init__(self, store: Store, sleeptime: Sleeptime, editor: Editor, rng: random.Random, seen: Seen) -> None:
        self._store, self._sleeptime, self._editor, self._rng, self._seen = store, sleeptime, editor, rng, seen
        self._model = rememberer(seen.stale)

    async def step(self, *, tells: bool = False) -> None:
        """One edit; often a query after it, sometimes a sleep and a query after that."""
        kind, context, new = self._editor.edit()
        if tells:
            print("try", context.version, flush=True)
        if kind == "append":
            await self._store.append(NAME, new)
        else:
            await self._store.add_context(context)
        if tells:
            print("done", context.version, flush=True)
        self._seen.counts["edits"] += 1
        self._seen.counts[kind] += 1
        if self._rng.random() < 0.5:
            await self.query()
        if self._rng.random() < 0.4:
            await self.sleep()
            await self.query()

    async def sleep(self) -> None:
        """Sleep as it is done for a user: read, think, commit."""
        unstudied = await self._store.unstudied(NAME)
        agenda = changed_parts(
            unstudied.context, SETTINGS, unstudied.base, unstudied.read, model_name=self._model.model_name
        )
        result = await sleep_on(self._model, unstudied.context, SETTINGS, agenda=agenda, live=unstudied.base)
        self._seen.counts[f"sleep {result.outcome}"] += 1
        self._seen.counts["notes carried over"] += result.carried
        if result.outcome is Outcome.WROTE and result.learned is not None:
            await self._store.commit_sleep(result.learned)

    async def query(self) -> None:
        """Look at what is served, and ask about something that is said or was."""
        self._seen.look(await self._store.serving(NAME))
        asked = self._editor.query()
        before = (await self._store.serving(NAME)).context
        try:
            answered = await self._sleeptime.ask(NAME, asked)
        except NotFound:
            return
        self._seen.counts[f"query {answered.route}"] += 1
        if answered.route == "recall" and answered.answer != right_answer(before, asked):
            self._seen.stale.append(f"{asked} {answered.answer}")


async def play(url: str, seed: int, first_word: int, edits: int | None) -> Seen:
    """Play so many edits, or until killed (``None``), telling each then."""
    rng, seen = random.Random(seed), Seen()
    async with await Store.open(url) as store, Sleeptime(rememberer(seen.stale), url) as sleeptime:
        try:
            context = await store.context(NAME)
        except NotFound:
            context = Context(NAME, ())
        editor = Editor(context, rng, first_word)
        playing = Play(store, sleeptime, editor, rng, seen)
        while edits is None or seen.counts["edits"] < edits:
            await playing.step(tells=edits is None)
            assert not seen.stale, seen.stale
    return seen


async def play_until_killed(url: str, store: Store, seen: Seen, *, seed: int, first_word: int, edits: int) -> None:
    """Let another process play, look at what is served meanwhile, and kill it (SIGKILL) at a random moment.

    Args:
        url: of the database.
        store: on the same database, to look from here.
        seen: takes what was seen from here.
        seed: of that process, and of the moment.
        first_word: as for `Editor`.
        edits: after so many it is killed, in the middle of whatever it does then.

    Raises:
        AssertionError: it ended by itself, or the context stands neither where it was nor where it was about to be.
    """
    rng = random.Random(seed)
    command = [sys.executable, "-W", "error", "-m", "tests.support.staleness", url, str(seed), str(first_word)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    told = {"try": "", "done": ""}
    done = 0
    try:
        while done < edits and (line := (await process.stdout.readline()).decode().split()):
            told[line[0]] = line[1]
            done += line[0] == "done"
            with suppress(NotFound):
                seen.look(await store.serving(NAME))
        await asyncio.sleep(rng.random() * 0.05)
    finally:
        if process.returncode is None:
            process.kill()
        rest, errors = await process.communicate()
    for last in rest.decode().splitlines(keepends=True):
        if last.endswith("\n"):
            what, version = last.split()
            told[what] = version
            done += what == "done"
    assert process.returncode == -signal.SIGKILL, errors.decode()
    serving = await store.serving(NAME)
    seen.look(serving)
    assert serving.context.version in told.values(), "what was accepted is lost, or half of an edit is stored"
    seen.counts["edits"] += done
    seen.counts["kills"] += 1


if __name__ == "__main__":
    asyncio.run(play(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), None))
