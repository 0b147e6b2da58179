"""Sleeps that several experiments share, so that their drafts and answers are made once."""

from __future__ import annotations

from typing import Final

from sleeptime.sleep.settings import Combine, SleepSettings

BUDGETS: Final = ("v0", "v1", "v2", "v3", "v4")

ONE: Final = SleepSettings()
"""One draft."""

MERGED: Final = SleepSettings(drafts=10)
"""Ten drafts, merged by vote."""


def of_drafts(drafts: int, combine: Combine = Combine.MERGE, *, seed: int = 0) -> SleepSettings:
    """So many drafts, combined so; another seed draws other drafts, but for the first, which is greedy."""
    return SleepSettings(drafts=drafts, combine=combine, seed=seed)
