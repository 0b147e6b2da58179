"""Sleeps that several experiments share, so that their drafts and answers are made once."""

from __future__ import annotations

from typing import Final

from sleeptime.sleep.settings import Combine, SleepSettings

BUDGETS: Final = ("v0", "v1", "v2", "v3", "v4")

QUERY_COUNTS: Final = (1, 2, 5, 10)
"""Queries per context (N) that costs are shared by."""

PRICE_RATIOS: Final = (1.0, 2.0, 4.0, 10.0)
"""How many times a test-time token costs a sleep-time one (t); the paper takes 10 (arXiv:2504.13171, section 5.3)."""

SEEDS: Final = (0, 1_000, 2_000)
"""Of sampled drafts; a quick run takes the first. Far apart, since draft i is sampled with the seed plus i."""

MERGED_DRAFTS: Final = 10
QUICK_DRAFTS: Final = 5
"""Merged drafts of a quick run."""


def of_drafts(drafts: int, combine: Combine = Combine.MERGE, *, seed: int = 0) -> SleepSettings:
    """So many drafts, combined so; another seed draws other drafts, but for the first, which is greedy.

    Merging keeps what at least half of them say: on validation contexts nine in ten notes of a majority of ten drafts
    are right, and three in ten of the others (docs/lab-notebook.md).
    """
    min_votes = -(-drafts // 2) if combine is Combine.MERGE else 1
    return SleepSettings(drafts=drafts, combine=combine, seed=seed, min_votes=min_votes)


def seeded(drafts: int, combine: Combine = Combine.MERGE, *, is_quick: bool) -> tuple[SleepSettings, ...]:
    """The same sleep by every seed of a run; one draft is greedy, so there it is by one."""
    seeds = SEEDS if drafts > 1 and not is_quick else SEEDS[:1]
    return tuple(of_drafts(drafts, combine, seed=seed) for seed in seeds)
