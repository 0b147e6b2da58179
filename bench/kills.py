"""Nothing lost, nothing half written and no finished call paid twice, with workers killed (SIGKILL) at random moments.

Half of the kills on SQLite and half on PostgreSQL, of 2 to 4 workers; the first thing that is wrong ends the benchmark
with an error.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure
from tests.support.kills import play_kills
from tests.support.postgresql import running_server

GAMES = 10
"""On each engine."""
KILLS, JOBS = 5, 8
"""In each game."""


async def measure() -> list[Figure]:
    """What was done, and how much of it was wrong: 0, or an error before."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        counts += await _played(lambda seed: f"sqlite:///{Path(folder) / f'{seed}.db'}")
    with running_server(f"kills-{os.getpid()}") as url:
        counts += await _played(lambda seed: url)
    how = f"{counts['kills']:,} kills, {counts['jobs']:,} jobs in {counts['runs']:,} runs, half of them on each engine"
    return [
        Figure("jobs lost or half written", 0, "jobs", how),
        Figure("finished calls paid twice", 0, "calls", f"of {counts['ok']:,}"),
        Figure("calls under way at a kill, and made again", counts["lost"], "calls", "marked lost in the ledger"),
    ]


async def _played(url_of: Callable[[int], str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in range(GAMES):
        with tempfile.TemporaryDirectory() as folder:
            game = play_kills(url_of(seed), Path(folder), seed, jobs=JOBS, num_workers=2 + seed % 3, kills=KILLS)
            counts += await game
    return counts
