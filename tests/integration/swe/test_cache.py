"""The cache of a repository: kept, shared by processes, dropped when it is damaged, and never a reason to fail."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sleeptime.swe.cache import SPARE, Cache

WRITER = """
import sys
from pathlib import Path
from sleeptime.swe.cache import Cache
with Cache(Path(sys.argv[1])) as cache:
    for number in range(50):
        cache.put("blob", {f"{sys.argv[2]} {number}": b"x" * 1000, "shared": b"the same"})
"""


def test_what_was_put_there_is_there_for_the_next_one(tmp_path: Path) -> None:
    with Cache(tmp_path / "new" / "c.sqlite") as cache:
        cache.put("blob", {"a": b"1", "b": b"2"})
        cache.put("commit", {"a": b"3"})
    with Cache(tmp_path / "new" / "c.sqlite") as cache:
        assert cache.get("blob", ["a", "c", "a"]) == {"a": b"1"}
        assert cache.all("blob") == {"a": b"1", "b": b"2"}
        assert cache.all("commit") == {"a": b"3"}


def test_entries_are_put_in_the_place_of_others(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        cache.put("blob", {"a": b"1", "b": b"2", "c": b"3"})
        cache.put("commit", {"a": b"4"})
        cache.put("blob", {"a": b"12"}, instead_of=["a", "b"])
        assert cache.all("blob") == {"a": b"12", "c": b"3"}
        assert sorted(cache.keys("blob")) == ["a", "c"]
        assert cache.all("commit") == {"a": b"4"}


def test_what_is_not_used_goes_once_it_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleeptime.swe.cache.SMALL", 0)
    path = tmp_path / "c.sqlite"
    with Cache(path) as cache:
        cache.put("blob", {str(number): b"x" * 1000 for number in range(SPARE)})
        cache.put("replay", {"a": b"x" * 1000})
        cache.tidy()
        assert len(cache.all("blob")) == SPARE, "what was put there is used"
    with Cache(path) as cache:
        assert cache.get("replay", ["a"])
        cache.tidy()
        assert len(cache.all("blob")) == SPARE, "as much as that may stay"
    with Cache(path) as cache:
        cache.put("blob", {"new": b"x"})
        cache.use("replay", ["a"])
        cache.put("mainline", {"1": b"x" * 1000})
        cache.tidy()
        assert len(cache.all("blob")) == SPARE + 1
    with Cache(path) as cache:
        assert cache.get("blob", ["0"])
        cache.tidy()
        assert set(cache.keys("blob")) == {"0"}
        assert cache.keys("replay") == cache.keys("mainline") == []


def test_a_small_cache_keeps_everything(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        cache.put("blob", {str(number): b"x" * 1000 for number in range(100)})
    with Cache(tmp_path / "c.sqlite") as cache:
        cache.tidy()
        assert len(cache.all("blob")) == 100


def test_repositories_have_caches_of_their_own(tmp_path: Path) -> None:
    paths = {Cache.of(tmp_path / name, tmp_path / "caches").path for name in ("one", "two")}
    assert len(paths) == 2


def _changed_row(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entry SET data = ?", (b"9",))


def _changed_type(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entry SET data = CAST(x'80' AS TEXT)")


def _lost_table(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE entry")


def _overwritten(path: Path) -> None:
    path.write_bytes(b"no database, whatever it was " * 1000)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize("damage", [_changed_row, _changed_type, _lost_table, _overwritten, _cut])
def test_a_damaged_cache_is_never_believed_and_begun_anew_with_a_word(tmp_path: Path, damage: object) -> None:
    path, told = tmp_path / "c.sqlite", list[str]()
    with Cache(path) as cache:
        cache.put("blob", {"a": b"1" * 9000})
    assert callable(damage)
    damage(path)
    with Cache(path, told.append) as cache:
        assert cache.get("blob", ["a"]) == {}
        assert len(told) == 1
        assert str(path) in told[0]
        cache.put("blob", {"a": b"1"})
        assert cache.get("blob", ["a"]) == {"a": b"1"}


def test_a_cache_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    with Cache(path) as cache:
        cache.put("blob", {"a": b"1"})
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with Cache(path) as cache:
        assert cache.all("blob") == {}


def test_what_another_version_puts_there_meanwhile_is_never_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    with Cache(tmp_path / "c.sqlite", told.append) as cache:
        with monkeypatch.context() as older:
            older.setattr("sleeptime.swe.cache.FORMAT", 1)
            with Cache(tmp_path / "c.sqlite", pytest.fail) as other:
                other.put("blob", {"a": b"1"})
        assert cache.get("blob", ["a"]) == {}
        cache.put("blob", {"a": b"2"})
        assert cache.get("blob", ["a"]) == {"a": b"2"}
    assert len(told) == 1


def test_a_cache_that_cannot_be_written_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = list[str]()
    with Cache(tmp_path / "file" / "c.sqlite", told.append) as cache:
        cache.put("blob", {"a": b"1"})
        assert cache.get("blob", ["a"]) == {}
    assert len(told) == 1


def test_several_processes_fill_one_cache_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(name)]) for name in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    with Cache(path, lambda text: pytest.fail(text)) as cache:
        assert len(cache.all("blob")) == 3 * 50 + 1
