"""Sources: the commit that is remembered when the only source is all of one git repository."""

import os
from pathlib import Path

import pygit2
import pytest

from sleeptime.core.context import Part
from sleeptime.core.origin import Origin
from sleeptime.sources import read_sources
from tests.support.repositories import History, run_git


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.chdir(tmp_path)
    history = History(tmp_path / "repo")
    history.commit("first", {"a.py": "1", "sub/b.py": "2"})
    history.commit("second", {"a.py": "11"})
    history.point("refs/tags/v1", history.head or "")
    run_git("checkout", "-q", "-f", "main", cwd=tmp_path / "repo")
    return history


async def origin_of(*sources: str | Part) -> Origin | None:
    return (await read_sources(sources)).origin


async def test_a_working_tree_is_remembered_with_the_commit_that_is_checked_out(history: History) -> None:
    (history.path / "new.py").write_text("not committed yet")
    reading = await read_sources(["repo"])
    assert reading.origin == Origin(str(history.path.resolve()), history.head or "")
    assert [part.name for part in reading.parts] == ["repo/a.py", "repo/new.py", "repo/sub/b.py"]


async def test_a_revision_is_remembered_by_the_commit_that_it_names(history: History) -> None:
    path, head = str(history.path.resolve()), history.head or ""
    first = str(history.git.revparse_single("main~1").id)
    assert await origin_of("repo@v1") == await origin_of("repo@main") == Origin(path, head)
    assert await origin_of("repo@main~1") == Origin(path, first)
    assert await origin_of(f"repo@{first[:10]}") == Origin(path, first)
    os.chdir(history.path)
    assert await origin_of("@main~1") == Origin(path, first)
    assert await origin_of(".") == Origin(path, head)


async def test_a_bare_repository_is_remembered(history: History, tmp_path: Path) -> None:
    run_git("clone", "-q", "--bare", str(history.path), "bare.git", cwd=tmp_path)
    expected = Origin(str((tmp_path / "bare.git").resolve()), history.head or "")
    assert await origin_of("bare.git") == await origin_of("bare.git@main") == expected


async def test_what_is_not_all_of_one_repository_at_a_commit_is_not_remembered(history: History) -> None:
    (history.path.parent / "folder").mkdir()
    (history.path.parent / "folder/a.md").write_text("text")
    assert await origin_of("repo/sub") is None
    assert await origin_of("repo/sub@main") is None
    assert await origin_of("repo/a.py") is None
    assert await origin_of("repo/a.py@main") is None
    assert await origin_of("repo@main^{tree}") is None
    assert await origin_of("folder") is None
    assert await origin_of(Part("a", "text")) is None
    assert await origin_of("repo", Part("a", "text")) is None
    assert await origin_of("repo", "folder") is None


async def test_a_working_tree_without_a_commit_is_read_and_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pygit2.init_repository("repo")
    (tmp_path / "repo/a.py").write_text("1")
    assert await origin_of("repo") is None
