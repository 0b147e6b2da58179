"""Commits in columns are the commits that were put there: whole, in part, joined, and after they were kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sleeptime.swe.history import Change, Commit
from sleeptime.swe.stretch import Stretch
from sleeptime.swe.terms import TermCounts
from sleeptime.swe.wording import query_of

COMMITS = tuple(
    Commit(f"{number:040}", parents, datetime.fromtimestamp(1_600_000_000 + number, UTC), message, changes)
    for number, parents, message, changes in [
        (4, ("3" * 40,), "export\nas \N{SNOWMAN} csv", (Change("a.py", "modified", None, "b4"),)),
        (3, ("2" * 40, "5" * 40), "", ()),
        (2, ("1" * 40,), "rename", (Change("caf\udce9.py", "renamed", "a.py", "b1"), Change("z", "deleted"))),
        (1, (), "begin", (Change("a.py", "added", None, "b1"), Change("z", "added", None, "z1"))),
    ]
)


def test_commits_come_out_as_they_went_in() -> None:
    stretch = Stretch.of(COMMITS)
    assert list(stretch) == list(COMMITS)
    assert stretch[-1] == COMMITS[-1]
    with pytest.raises(IndexError):
        stretch[len(COMMITS)]


def test_kept_commits_are_the_same() -> None:
    kept = Stretch.unpacked(Stretch.of(COMMITS).packed())
    assert list(kept) == list(COMMITS)
    expected = [TermCounts.of(query_of(commit.message)) for commit in COMMITS]
    assert [words.ids.tolist() for words in kept.words.each()] == [words.ids.tolist() for words in expected]
    assert [words.counts.tolist() for words in kept.words.each()] == [words.counts.tolist() for words in expected]


@pytest.mark.parametrize("cut", range(len(COMMITS) + 1))
def test_parts_joined_are_the_whole(cut: int) -> None:
    stretch = Stretch.of(COMMITS)
    parts = [stretch[:cut], stretch[cut:]]
    assert [list(part) for part in parts] == [list(COMMITS[:cut]), list(COMMITS[cut:])]
    assert Stretch.joined(parts).packed() == stretch.packed()
