"""Look-up of an ask (context, parts, live notes) as the database grows, on SQLite."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.figure import Figure, median_ms
from sleeptime.core.call import OK, RUNNING, Call, Phase
from sleeptime.core.context import Context, Part
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.core.query import Query
from sleeptime.core.usage import Usage
from sleeptime.store.store import Store

SIZES = (100, 1_000, 10_000)
"""Contexts in the database."""

PARTS = 20
"""Parts per context, each of about 1,000 characters and none shared."""

NOTES = 20
"""Notes per live learned context."""


async def add(store: Store, number: int) -> None:
    """Add context ``number`` with its notes."""
    parts = tuple(Part(f"part {i}", f"context {number} part {i}. " + "Some words of text. " * 48) for i in range(PARTS))
    context = Context(f"context {number}", parts)
    await store.add_context(context)
    notes = tuple(
        Note(NoteKind.FACT, f"Statement {i} of context {number}.", depends_on=(parts[i % PARTS].sha256,))
        for i in range(NOTES)
    )
    await store.make_live(
        context.name, await store.stage(LearnedContext(context.name, context.version, notes, "notes", "bench"))
    )


async def measure() -> list[Figure]:
    """Median look-up at each of `SIZES`, and what recording one ask costs."""
    chosen = random.Random(0)
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        async with await Store.open(f"sqlite:///{Path(folder) / 'bench.db'}") as store:
            count = 0
            for size in SIZES:
                for number in range(count, size):
                    await add(store, number)
                count = size
                names = [f"context {chosen.randrange(size)}" for _ in range(200)]

                async def look_up(i: int, names: list[str] = names) -> None:
                    serving = await store.serving(names[i])
                    assert serving.learned is not None

                figures.append(await median_ms(f"look-up, {size:,} contexts of {PARTS} parts", look_up, len(names)))

            async def record(i: int) -> None:
                query = Query(context=f"context {i}", text="q", route="notes", budget="v0", answer="a", learned=1)
                call = Call(phase=Phase.WAKE, model="m", usage=Usage(), context=query.context, outcome=RUNNING)
                await store.ledger.begin(call)
                await store.ledger.end(replace(call, outcome=OK))
                await store.record_query(query)

            figures.append(await median_ms(f"recording an ask, {size:,} contexts", record, 200))
    return figures
