"""The history of a commit: what each commit before it changed, and said."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ObjectType

from sleeptime.core.errors import InputError
from sleeptime.swe.history import Change
from sleeptime.swe.objects import Objects
from sleeptime.swe.repository import Repository
from tests.support.repositories import START, Content, History, Link, Submodule, long_history, run_git


def test_the_mainline_is_told_newest_first_with_what_each_commit_changed(path: Path, history: History) -> None:
    code = "".join(f"line {number}\n" for number in range(20))
    first = history.commit("first\n\nbody", {"a.py": code, "b.py": "b", "run": "#!", "gone.py": "g"})
    second = history.commit("second", {"a.py": None, "lib/a.py": code + "more\n", "b.py": "B", "gone.py": None})
    side = history.commit("side", {"side.py": "s"}, branch="side")
    history.head = second
    third = history.commit("third", {"run": Link("b.py")})
    merge = history.merge("merge", side, {"side.py": "s"})
    commits = list(Repository.open(path).commits())
    assert [commit.id for commit in commits] == [merge, third, second, first]
    assert commits[0].parents == (third, side)
    assert [(c.path, c.status, c.old_path) for c in commits[0].changes] == [("side.py", "added", None)]
    assert commits[1].changes == (Change("run", "modified", None, None),)  # a link is no text, whatever it leads to
    assert [(c.path, c.status, c.old_path) for c in commits[2].changes] == [
        ("b.py", "modified", None),
        ("gone.py", "deleted", None),
        ("lib/a.py", "renamed", "a.py"),
    ]
    assert [c.status for c in commits[3].changes] == ["added"] * 4
    assert commits[3].title == "first"
    assert commits[3].at == datetime.fromtimestamp(START + 60, UTC)
    blob = Repository.open(path, second).files()["b.py"].blob
    assert commits[2].changes[0] == Change("b.py", "modified", None, blob)
    assert [commit.id for commit in Repository.open(path).commits(2)] == [merge, third]
    assert Repository.open(path).num_commits() == 4


def test_a_folder_that_becomes_a_file_is_deleted_files_and_an_added_one(path: Path, history: History) -> None:
    history.commit("first", {"x/a.py": "1", "x/b.py": "2"})
    history.commit("second", {"x/a.py": None, "x/b.py": None, "x": "3"})
    newest = next(Repository.open(path).commits())
    assert {(c.path, c.status) for c in newest.changes} == {
        ("x", "added"),
        ("x/a.py", "deleted"),
        ("x/b.py", "deleted"),
    }


def test_a_shallow_clone_ends_at_its_edge_which_changed_nothing_we_know_of(path: Path, tmp_path: Path) -> None:
    history = History(path, is_bare=True)
    ids = [history.commit(f"change {count}", {"a.py": str(count), f"{count}.py": ""}) for count in range(5)]
    run_git("clone", "-q", "--depth", "2", f"file://{path}", "clone", cwd=tmp_path)
    repository = Repository.open(tmp_path / "clone")
    assert [(commit.id, len(commit.changes)) for commit in repository.commits()] == [(ids[4], 2), (ids[3], 0)]
    assert next(iter(repository.at(ids[3]).commits())).parents == (ids[2],)
    with pytest.raises(InputError, match="not a commit"):
        repository.at(ids[2])


class CountingObjects(Objects):
    num_trees = 0
    num_blobs = 0

    def _read(self, object_id: str, kind: int) -> bytes | None:
        self.num_trees += kind == ObjectType.TREE
        self.num_blobs += kind == ObjectType.BLOB
        return super()._read(object_id, kind)


def test_a_long_history_is_read_with_few_trees_a_commit_and_no_blobs(path: Path) -> None:
    num_commits = 5_000
    long_history(path, num_commits=num_commits)
    objects = CountingObjects(pygit2.Repository(str(path)))
    head = objects.commit(str(objects.git.head.target))
    assert head is not None
    repository = Repository(path, objects, head)
    commits = list(repository.commits())
    assert len(commits) == num_commits
    assert sum(len(commit.changes) for commit in commits) > num_commits
    # Of each of two commits: the root, src, and one or two folders in it.
    assert objects.num_trees <= 7 * num_commits
    assert objects.num_blobs == 0
    repository.at(commits[-1].id)
    assert objects.num_trees <= 7 * num_commits


@pytest.mark.parametrize(
    ("header", "message", "shown"),
    [
        ("", b"caf\xe9 \xff", "caf� �"),
        ("encoding ISO-8859-1\n", b"caf\xe9", "café"),
        ("encoding no-such-thing\n", b"caf\xc3\xa9", "café"),
        ("encoding UTF-16\n", b"odd", "\N{REPLACEMENT CHARACTER}"),
        ("", b"\x1b[31mred", "\x1b[31mred"),
        ("", b"", ""),
    ],
)
def test_a_message_is_text_whatever_it_holds(
    path: Path, history: History, header: str, message: bytes, shown: str
) -> None:
    tree = history.git.write(ObjectType.TREE, b"")
    who = f"Ada <a@b> {2**62} +9999\n"
    data = f"tree {tree}\nauthor {who}committer {who}{header}\n".encode() + message
    commit = history.git.write(ObjectType.COMMIT, data)
    found = next(Repository.open(path, str(commit)).commits())
    assert shown in found.message
    found.message.encode()
    assert found.at.tzinfo is UTC
    assert found.changes == ()


def test_a_damaged_commit_ends_the_history(path: Path, history: History) -> None:
    first = history.commit("first", {"a.py": "1"})
    second = history.commit("second", {"a.py": "2"})
    file = path / "objects" / first[:2] / first[2:]
    file.chmod(0o644)
    file.write_bytes(b"\0damaged")
    repository = Repository.open(path)
    assert [(commit.id, commit.changes) for commit in repository.commits()] == [(second, ())]
    with pytest.raises(InputError, match="not a commit"):
        repository.at(first)


def test_changes_are_those_that_git_tells(path: Path, history: History) -> None:
    rng = random.Random(5)
    there: set[str] = set()
    for number in range(60):
        files: dict[str | bytes, Content | None] = {}
        for name in rng.sample(sorted(there), min(len(there), rng.randrange(4))):
            files[name] = rng.choice([None, f"{number}\n", Link(str(number)), Submodule(f"{number:040x}")])
        for _ in range(rng.randrange(1, 4)):
            name = "/".join(rng.choice(["a", "b.c", "b", "é", "b-"]) for _ in range(rng.randrange(1, 5)))
            if not any(f"{name}/".startswith(f"{other}/") or f"{other}/".startswith(f"{name}/") for other in there):
                files[name] = f"{rng.random()}\n"
                there.add(name)
        there -= {str(name) for name, content in files.items() if content is None}
        commits = [str(commit.id) for commit in history.git.walk(history.head)] if history.head else []
        parents = [*([history.head] if history.head else []), *rng.sample(commits, min(len(commits), number % 7 == 0))]
        history.commit(f"change {number}", files, parents=parents)
    num_changes = 0
    for commit in Repository.open(path).commits():
        ours = set[tuple[str, str]]()
        for change in commit.changes:
            renamed = [("D", change.old_path or ""), ("A", change.path)]
            ours.update(renamed if change.status == "renamed" else [(change.status[0].upper(), change.path)])
        since = commit.parents[:1] or ["4b825dc642cb6eb9a060e54bf8d69288fbee4904"]  # the empty tree
        told = run_git("diff", "--no-renames", "--name-status", "-z", *since, commit.id, cwd=path).split("\0")[:-1]
        theirs = {(status.replace("T", "M"), name) for status, name in zip(told[::2], told[1::2], strict=True)}
        assert ours == theirs
        num_changes += len(ours)
    assert num_changes > 100
