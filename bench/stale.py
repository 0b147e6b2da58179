"""No stale note over 10,000 random edits of a context, interleaved with sleeps, queries and kills, on both engines.

Half of the edits are made on SQLite and half on PostgreSQL; a fifth of them by processes that are killed (SIGKILL) at
random moments while another one looks at what is served. A stale note ends the benchmark with an error.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

from bench.figure import Figure
from sleeptime.store.store import Store
from tests.support.postgresql import running_server
from tests.support.staleness import Seen, play, play_until_killed

EDITS = 10_000
KILLED_SHARE = 0.2
EDITS_PER_KILL = 25


async def measure() -> list[Figure]:
    """What was done, and how many stale notes were seen: 0, or an error before."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        counts += (await _played(f"sqlite:///{Path(folder) / 'bench.db'}")).counts
    with running_server(f"bench-{os.getpid()}") as url:
        counts += (await _played(url)).counts
    how = f"{counts['edits']:,} edits, half of them on each engine, {counts['kills']:,} kills"
    served = f"{counts['notes served']:,} notes at {counts['moments']:,} moments"
    asked = ", ".join(f"{counts[f'query {route}']:,} by {route}" for route in ("notes", "recall", "full"))
    return [
        Figure("stale notes served", 0, "notes", how),
        Figure("notes looked at", counts["notes served"], "notes", served),
        Figure("queries", sum(n for what, n in counts.items() if what.startswith("query")), "queries", asked),
        Figure("notes carried over", counts["notes carried over"], "notes", f"{counts['sleep wrote']:,} sleeps wrote"),
    ]


async def _played(url: str) -> Seen:
    """Play half of the edits on a database."""
    seen = Seen()
    async with await Store.open(url) as store:
        for turn in range(round(EDITS / 2 * KILLED_SHARE / EDITS_PER_KILL)):
            first_word = (turn + 1) * 1_000_000
            await play_until_killed(url, store, seen, seed=turn, first_word=first_word, edits=EDITS_PER_KILL)
    rest = await play(url, 0, 1_000_000_000, EDITS // 2 - seen.counts["edits"])
    if stale := seen.stale + rest.stale:
        raise AssertionError(f"{len(stale)} stale notes were served, such as {stale[0]!r}")
    seen.counts += rest.counts
    return seen
