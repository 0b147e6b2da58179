"""Workers that are killed at random moments lose nothing: real processes, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.jobs import CALLS_PER_DRAFT
from tests.support.kills import DRAFTS, play_kills


@pytest.mark.parametrize("seed", [0, 1])
async def test_killed_workers_lose_nothing_and_no_finished_call_is_paid_twice(
    database_url: str, tmp_path: Path, seed: int
) -> None:
    counts = await play_kills(database_url, tmp_path, seed, jobs=6, num_workers=2 + seed, kills=2 + seed)
    assert counts["ok"] == 6 * DRAFTS * CALLS_PER_DRAFT
    assert counts["runs"] >= 6
