"""The mainline is read once and kept in few packs; a damaged commit is said, the edge of a shallow clone is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.swe.cache import Cache
from sleeptime.swe.context import index_of
from sleeptime.swe.history import Commit
from sleeptime.swe.mainline import load_mainline
from sleeptime.swe.repository import Repository
from tests.support.repositories import History, long_history, run_git


def _load(path: Path, cache: Cache | None = None, revision: str = "HEAD") -> tuple[list[Commit], list[int], list[str]]:
    """The mainline, how many commits there were after each reading of some, and what was warned of."""
    read, told = list[int](), list[str]()
    found = load_mainline(Repository.open(path, revision), cache, told.append, read.append)
    return list(found), read, told


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "c.sqlite", pytest.fail)


def test_the_mainline_is_that_of_the_repository_and_each_commit_is_read_once(tmp_path: Path, cache: Cache) -> None:
    path = long_history(tmp_path / "repo", num_commits=600).path
    commits = list(Repository.open(path).commits())
    assert _load(path, cache) == (commits, [256, 512, 600], [])
    assert _load(path, cache) == (commits, [], [])
    assert len(cache.all("mainline")) == 1


def test_commits_that_come_one_by_one_are_in_few_packs(path: Path, history: History, cache: Cache) -> None:
    for number in range(100):
        history.commit(f"change {number}", {"a.py": f"{number}\n"})
        commits, read, _ = _load(path, cache)
        assert read == [1]
        assert commits == list(Repository.open(path).commits())
        assert len(cache.all("mainline")) <= 7


def test_an_earlier_commit_has_the_mainline_before_it(tmp_path: Path, cache: Cache) -> None:
    path = long_history(tmp_path / "repo", num_commits=50).path
    commits = _load(path, cache)[0]
    assert _load(path, cache, commits[20].id) == (commits[20:], [], [])


def test_a_kept_mainline_tells_of_earlier_contents_and_of_none_that_came_later(
    path: Path, history: History, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [history.commit(f"change {number}", {"a.py": f"{number}\n"}) for number in range(10)]
    blobs = [commit.changes[0].blob or "" for commit in _load(path, cache)[0][::-1]]
    repository, told = Repository.open(path, ids[5]), list[str]()
    load_mainline(repository, cache, told.append)
    with pytest.raises(InputError):
        repository.text_of(blobs[6])
    monkeypatch.delattr(Repository, "_blobs_of_past")  # the way through every tree of the past
    repository = Repository.open(path, ids[5])
    load_mainline(repository, cache, told.append)
    assert [repository.text_of(blob) for blob in blobs[:6]] == [f"{number}\n" for number in range(6)]


def test_a_mainline_that_was_rewritten_is_read_from_where_it_differs(
    path: Path, history: History, cache: Cache
) -> None:
    ids = [history.commit(f"change {number}", {"a.py": f"{number}\n"}) for number in range(20)]
    _load(path, cache)
    history.commit("another way", {"b.py": "1\n"}, parents=[ids[-5]])
    history.commit("and on", {"b.py": "2\n"})
    commits, read, _ = _load(path, cache)
    assert read == [2]
    assert [commit.id for commit in commits[2:]] == ids[-5::-1]


def test_what_was_read_before_an_interruption_is_kept(
    path: Path, history: History, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        history.commit(f"change {number}", {"a.py": f"{number}\n"})
    monkeypatch.setattr("sleeptime.swe.mainline.MANY", 10)

    def interrupted(done: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_mainline(Repository.open(path), cache, pytest.fail, interrupted)
    assert _load(path, cache) == (list(Repository.open(path).commits()), [25], [])


def test_a_pack_that_is_lost_is_read_again(path: Path, history: History, cache: Cache) -> None:
    for number in range(40):
        history.commit(f"change {number}", {"a.py": f"{number}\n"})
        if number in (19, 27, 30):
            _load(path, cache)
    packs = cache.all("mainline")
    newest, lost, _ = (commit.id for commit in Repository.open(path).commits() if commit.id in packs)
    cache.put("mainline", {newest: packs[newest]}, instead_of=[lost])
    assert _load(path, cache) == (list(Repository.open(path).commits()), [9, 20], [])


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _overwritten(file: Path) -> None:
    file.write_bytes(b"no object, whatever it was")


def _lost(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [_empty, _overwritten, _lost])
def test_a_damaged_commit_is_said_and_not_taken_for_the_edge_of_a_shallow_clone(
    path: Path, history: History, cache: Cache, damage: Callable[[Path], None]
) -> None:
    ids = [history.commit(f"change {number}", {"a.py": f"{number}\n"}) for number in range(10)]
    file = path / "objects" / ids[3][:2] / ids[3][2:]
    whole, commits = file.read_bytes(), list(Repository.open(path).commits())
    file.chmod(0o644)
    damage(file)
    for _ in range(2):  # with nothing kept and with what was
        found, _, told = _load(path, cache)
        assert [commit.id for commit in found] == ids[:3:-1]
        assert len(told) == 1
        assert ids[3] in told[0]
        assert str(path) in told[0]
        assert "6 commits" in told[0]
    file.write_bytes(whole)
    assert _load(path, cache) == (commits, [len(commits)], [])


def test_whoever_asks_is_told_of_a_damaged_commit(path: Path, history: History, tmp_path: Path) -> None:
    ids = [history.commit(f"change {number}", {"a.py": f"{number}\n"}) for number in range(3)]
    history.remove_object(ids[0])
    told = list[str]()
    index_of(Repository.open(path), folder=tmp_path / "caches", warn=told.append)
    assert len(told) == 1
    assert ids[0] in told[0]


def test_the_edge_of_a_shallow_clone_is_no_damage_and_what_lies_behind_it_may_come_later(
    path: Path, history: History, tmp_path: Path, cache: Cache
) -> None:
    for number in range(9):
        history.commit(f"change {number}", {"a.py": f"{number}\n"})
    run_git("clone", "-q", "--depth", "4", f"file://{path}", "clone", cwd=tmp_path)
    commits = list(Repository.open(path).commits())
    for _ in range(2):
        found, _, told = _load(tmp_path / "clone", cache)
        assert [commit.id for commit in found] == [commit.id for commit in commits[:4]]
        assert found[-1].changes == ()
        assert told == []
    run_git("fetch", "-q", "--unshallow", cwd=tmp_path / "clone")
    assert _load(tmp_path / "clone", cache) == (commits, [9], [])


@pytest.mark.parametrize("kept", ["main", "main~4", "main~3"])
def test_a_clone_that_is_made_shallower_ends_with_a_cache_where_it_ends_without(
    path: Path, history: History, tmp_path: Path, cache: Cache, kept: str
) -> None:
    for number in range(9):
        history.commit(f"change {number}", {"a.py": f"{number}\n"})
    commits, clone = list(Repository.open(path).commits()), tmp_path / "clone"
    run_git("clone", "-q", "--bare", f"file://{path}", "clone", cwd=tmp_path)
    _load(clone, cache, kept)
    run_git("fetch", "-q", "--depth", "4", cwd=clone)
    run_git("gc", "-q", "--prune=now", cwd=clone)
    for _ in range(2):
        assert _load(clone, cache)[0] == _load(clone)[0] == [*commits[:3], replace(commits[3], changes=())]
    run_git("fetch", "-q", "--unshallow", cwd=clone)
    assert _load(clone, cache)[0] == commits


def test_a_damaged_commit_of_a_shallow_clone_is_said(path: Path, history: History) -> None:
    ids = [history.commit(f"change {number}", {"a.py": f"{number}\n"}) for number in range(9)]
    history.remove_object(ids[2])
    (path / "shallow").write_text(f"{ids[3]}\n")
    assert _load(path)[2] == []
    file = path / "objects" / ids[6][:2] / ids[6][2:]
    file.chmod(0o644)
    _overwritten(file)
    assert ids[6] in _load(path)[2][0]
