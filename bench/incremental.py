"""Incremental sleep: what is kept and what it costs when 1 % of a context of 200 parts changes; and appending messages.

The model is scripted: it writes one note per part that it is shown, so that what is kept and called can be counted.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from statistics import mean

from sqlalchemy import func, select

from bench.figure import Figure, median_ms
from sleeptime.app import Sleeptime
from sleeptime.core.context import Part
from sleeptime.store.store import Store
from sleeptime.store.tables import VersionPartRow
from tests.support.sleepers import note_taker

PARTS = 200
CHANGED = 2
ROUNDS = 20
MESSAGES = (100, 1_000, 10_000)
"""Messages in a conversation when one more is appended."""

REPEATS, WARM_UP = 50, 5


async def measure() -> list[Figure]:
    """Notes kept and calls made over `ROUNDS` random edits, and the time of an append as a conversation grows."""
    figures = []
    for names_parts in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            figures += await _edited(f"sqlite:///{Path(folder) / 'bench.db'}", names_parts=names_parts)
    with tempfile.TemporaryDirectory() as folder:
        return [*figures, *await _appended(f"sqlite:///{Path(folder) / 'bench.db'}")]


async def _edited(url: str, *, names_parts: bool) -> list[Figure]:
    rng = random.Random(0)
    parts = [Part(f"part {i}", f"part {i}. " + "Some words of text. " * 48) for i in range(PARTS)]
    model = note_taker(num_chars=40, names_parts=names_parts)
    kept, calls = [], []
    async with Sleeptime(model, url) as sleeptime:
        await sleeptime.add("edited", *parts)
        notes = (await sleeptime.sleep("edited")).notes
        assert len(notes) == PARTS
        full_calls = len(model.requests)
        for number in range(ROUNDS):
            model.requests.clear()
            places = rng.sample(range(PARTS), CHANGED)
            changed = {parts[i].sha256 for i in places}
            for i in places:
                parts[i] = Part(parts[i].name, f"{parts[i].text} Edit {number}.")
            await sleeptime.add("edited", *parts)
            unaffected = [note for note in notes if changed.isdisjoint(note.depends_on)]
            notes = (await sleeptime.sleep("edited")).notes
            there = set(notes)
            kept.append(100 * sum(note in there for note in unaffected) / len(unaffected))
            calls.append(100 * len(model.requests) / full_calls)
    how = f"{CHANGED} of {PARTS} parts changed at random, {ROUNDS} times"
    of_all = f"of the {full_calls} of a full sleep; at most {max(calls):.1f} %"
    who = "" if names_parts else ", no part named"
    return [
        Figure(f"unaffected notes kept byte for byte{who}", mean(kept), "%", f"{how}; at least {min(kept):.1f} %"),
        Figure(f"calls of an incremental sleep{who}", mean(calls), "%", of_all),
    ]


async def _appended(url: str) -> list[Figure]:
    figures, there = [], 0
    async with await Store.open(url) as store:
        for size in MESSAGES:
            there = (await store.append("chat", [f"message text {i}" for i in range(there, size)])).num_parts

            async def append(i: int, size: int = size) -> None:
                await store.append("chat", [f"one more, {size} {i}"])

            figures.append(await median_ms(f"append to {size:,} messages", append, REPEATS))
            there += REPEATS + WARM_UP
        async with store._database.reading() as connection:
            num_rows = (await connection.execute(select(func.count()).select_from(VersionPartRow))).scalar_one()
    how = f"{there:,} messages in {len(MESSAGES) * (REPEATS + WARM_UP + 1):,} versions"
    return [*figures, Figure("rows per message", num_rows / there, "rows", how)]
