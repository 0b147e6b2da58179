"""Files keep their number through renames, and are at every commit what they were then."""

from __future__ import annotations

from datetime import UTC, datetime

from sleeptime.swe.history import Change, Commit
from sleeptime.swe.past import Past
from sleeptime.swe.stretch import Stretch


def _commit(number: int, *changes: Change) -> Commit:
    return Commit(
        f"{number:040}", (f"{number - 1:040}",) if number else (), datetime.now(UTC), f"change {number}", changes
    )


NEWEST_FIRST = Stretch.of(
    (
        _commit(3, Change("new.py", "modified", None, "b3"), Change("gone.py", "deleted")),
        _commit(2, Change("new.py", "renamed", "old.py", "b2")),
        _commit(1, Change("old.py", "modified", None, "b1")),
        _commit(0, Change("gone.py", "added", None, "g0"), Change("old.py", "added", None, "b0")),
    )
)


def _at(past: Past, since: int) -> dict[str, str | None]:
    found = (past.version(file, since) for file in range(len(past.versions)))
    return {version.path: version.blob for version in found if version is not None}


def test_every_commit_has_the_files_of_its_time() -> None:
    past = Past.of(NEWEST_FIRST, {"new.py": "b3"})
    assert [_at(past, since) for since in range(4)] == [
        {"new.py": "b3"},
        {"new.py": "b2", "gone.py": "g0"},
        {"old.py": "b1", "gone.py": "g0"},
        {"old.py": "b0", "gone.py": "g0"},
    ]


def test_a_renamed_file_keeps_its_past() -> None:
    past = Past.of(NEWEST_FIRST, {"new.py": "b3"})
    assert past.of_file(past.now()["new.py"], 0).tolist() == [0, 1, 2, 3]
    assert past.of_file(past.now()["new.py"], 2).tolist() == [2, 3]


def test_a_file_that_took_the_name_of_another_one_has_not_its_past() -> None:
    commits = Stretch.of(
        (
            _commit(2, Change("b.py", "renamed", "a.py", "a1")),
            _commit(1, Change("b.py", "deleted")),
            _commit(0, Change("a.py", "added", None, "a0"), Change("b.py", "added", None, "b0")),
        )
    )
    past = Past.of(commits, {"b.py": "a1"})
    assert past.of_file(past.now()["b.py"], 0).tolist() == [0, 2]
    assert _at(past, 2) == {"a.py": "a0", "b.py": "b0"}


def test_a_file_that_no_commit_tells_of_was_always_there() -> None:
    past = Past.of(NEWEST_FIRST[:1], {"new.py": "b3", "untold.py": "u"})
    assert _at(past, 0) == {"new.py": "b3", "untold.py": "u"}
    assert "untold.py" in _at(past, 1)


def test_a_file_that_the_oldest_commit_had_was_there_before_any_commit_tells_of_it() -> None:
    first = {"gone.py": "g0", "old.py": "b1", "untold.py": "u"}
    past = Past.of(NEWEST_FIRST[:2], {"new.py": "b3", "untold.py": "u"}, first)
    assert [_at(past, since) for since in range(3)] == [
        {"new.py": "b3", "untold.py": "u"},
        {"new.py": "b2", "gone.py": "g0", "untold.py": "u"},
        {"old.py": "b1", "gone.py": "g0", "untold.py": "u"},
    ]
    assert past.of_file(past.now()["new.py"], 0).tolist() == [0, 1]
