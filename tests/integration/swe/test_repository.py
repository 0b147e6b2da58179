"""`swe.repository`: a repository of every kind is opened at a commit, and nothing later is reached."""

from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ObjectType

from sleeptime.core.errors import InputError, Unreadable
from sleeptime.swe.repository import Repository
from tests.support.repositories import History, run_git


def test_a_repository_is_found_from_something_inside_it(path: Path) -> None:
    History(path).commit("first", {"a.py": ""})
    (path / "sub").mkdir()
    assert Repository.open(path / "sub").path == path.resolve()


def test_only_what_a_commit_builds_on_can_be_gone_back_to(path: Path, history: History) -> None:
    first = history.commit("first", {"a.py": "1"})
    side = history.commit("side", {"side.py": "s"}, branch="side")
    history.head = first
    second = history.commit("second", {"a.py": "2"})
    merge = history.merge("merge", side, {"side.py": "s"})
    repository = Repository.open(path)
    assert repository.at(merge).commit_id == merge
    assert repository.at(side).files().keys() == {"a.py", "side.py"}
    assert repository.at(second).at(first).text("a.py") == "1"
    for later in (side, merge):
        with pytest.raises(InputError, match=f"{later}.*not a commit"):
            repository.at(second).at(later)
    for name in ("HEAD", "main", "HEAD~1", "@{1}", first[:12], "", "x" * 500, "\0"):
        with pytest.raises(InputError, match="not a commit"):
            repository.at(name)


def test_no_way_leads_to_a_later_commit(path: Path) -> None:
    history = History(path)
    base = history.commit("base", {"a.py": "base\n"})
    later = history.commit("later", {"a.py": "later\n", "new.py": "new\n"})
    run_git("reset", "-q", "--hard", cwd=path)
    (path / "a.py").write_text("stashed\n")
    run_git("stash", cwd=path)
    (path / "a.py").write_text("staged\n")
    run_git("add", "a.py", cwd=path)
    history.point("refs/tags/v2", later)
    history.point(f"refs/replace/{base}", later)
    (path / ".git/info/grafts").write_text(f"{base} {later}\n")
    git = pygit2.Repository(str(path))
    repository = Repository.open(path, base)
    assert dict(repository.files()).keys() == {"a.py"}
    assert repository.text("a.py") == "base\n"
    assert [commit.id for commit in repository.commits()] == [base]
    everything = [str(object_id) for object_id in git]
    allowed = {base, repository.files()["a.py"].blob}
    for object_id in everything:
        if object_id not in allowed:
            with pytest.raises(InputError):
                repository.at(object_id)
            with pytest.raises(InputError):
                repository.text_of(object_id)
    blobs = [name for name in everything if git[name].type == ObjectType.BLOB]
    assert len(blobs) >= 4  # of the later commit, the stash and the index: there was something to be found
    for name in ("main", "v2", "stash", "stash@{0}", "HEAD@{1}", ":a.py", f"{later}:new.py"):
        with pytest.raises(InputError):
            repository.at(name)
        with pytest.raises(InputError):
            repository.text_of(name)


def test_a_repository_without_a_commit_says_so(path: Path) -> None:
    pygit2.init_repository(str(path))
    with pytest.raises(InputError, match=r"repo is empty: make a commit"):
        Repository.open(path)


def test_a_head_that_names_no_commit_is_said(path: Path, history: History) -> None:
    history.commit("elsewhere", {"a.py": ""}, branch="other")
    with pytest.raises(InputError, match="HEAD names no commit yet"):
        Repository.open(path)
    assert Repository.open(path, "other").files().keys() == {"a.py"}


@pytest.mark.parametrize("revision", ["nowhere", "0" * 40, "HEAD~7", "main:a.py", "", "a..b", "\0", "--help"])
def test_a_revision_that_is_no_commit_is_refused(path: Path, history: History, revision: str) -> None:
    history.commit("first", {"a.py": ""})
    with pytest.raises(InputError, match="there is no commit"):
        Repository.open(path, revision)


def test_a_tag_that_is_an_object_of_its_own_names_its_commit(path: Path, history: History) -> None:
    first = history.commit("first", {"a.py": ""})
    history.commit("second", {"a.py": "2"})
    who = pygit2.Signature("Ada", "ada@example.org")
    history.git.create_tag("v1", first, ObjectType.COMMIT, who, "version 1")
    assert Repository.open(path, "v1").commit_id == first


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="is not in a git repository"):
        Repository.open(tmp_path)
    with pytest.raises(Unreadable, match="does not exist"):
        Repository.open(tmp_path / "nothing")


def test_a_repository_of_a_kind_that_cannot_be_read_is_refused(path: Path) -> None:
    path.mkdir()
    run_git("init", "-q", "--object-format=sha256", cwd=path)
    with pytest.raises(Unreadable, match="cannot be opened"):
        Repository.open(path)


def test_a_linked_working_tree_is_read(path: Path, tmp_path: Path) -> None:
    history = History(path)
    history.commit("first", {"a.py": "1"})
    run_git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"), cwd=path)
    assert Repository.open(tmp_path / "linked").text("a.py") == "1"


def test_a_repository_is_named_by_its_path_and_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("repo", "a@b"):
        history = History(tmp_path / name, is_bare=True)
        first = history.commit("first", {"a.py": "1"})
        second = history.commit("second", {"a.py": "2"})
        assert Repository.of(name).commit_id == Repository.of(f"{name}@main").commit_id == second
        assert (
            Repository.of(f"{name}@main~1").commit_id == Repository.of(f"{tmp_path / name}@{first}").commit_id == first
        )
    monkeypatch.chdir(tmp_path / "repo")
    assert Repository.of("@main~1").text("a.py") == Repository.of(".@main~1").text("a.py") == "1"
    for nothing in ("nowhere@main", "x" * 5_000, "x" * 5_000 + "@main", "\0", "\0@main", "nowhere"):
        with pytest.raises(Unreadable, match="does not exist"):
            Repository.of(nothing)
