"""`swe.repository`: one commit of a repository and its past, of every kind of repository that there is."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ObjectType

from sleeptime.core.errors import InputError, TooLarge, Unreadable
from sleeptime.swe.history import Change
from sleeptime.swe.objects import MAX_TEXT_BYTES, Objects
from sleeptime.swe.repository import FileKind, Repository
from tests.support.repositories import START, Content, History, Link, Submodule, long_history, run_git

NAME_IN_LATIN_1 = b"caf\xe9.py"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "repo"


@pytest.fixture
def history(path: Path) -> History:
    return History(path, is_bare=True)


MIXED: dict[str | bytes, Content | None] = {
    "a/deep/text.py": "print('é')\n",
    "b.bin": b"\x7fELF\0\1\2",
    "empty": b"",
    "huge.txt": b"x" * (MAX_TEXT_BYTES + 1),
    "latin.txt": b"caf\xe9\n",
    "link": Link("a/deep/text.py"),
    "outside": Link("../../secret.txt"),
    "vendor/lib": Submodule(),
    NAME_IN_LATIN_1: "x = 1\n",
}


@pytest.mark.parametrize("is_bare", [True, False])
def test_files_are_told_in_path_order_with_how_they_can_be_read(path: Path, is_bare: bool) -> None:
    History(path, is_bare=is_bare).commit("first", MIXED)
    files = Repository.open(path).files()
    assert list(files) == sorted(files)
    assert {file.path: file.kind for file in files.values()} == {
        "a/deep/text.py": FileKind.TEXT,
        "b.bin": FileKind.BINARY,
        "caf\udce9.py": FileKind.TEXT,
        "empty": FileKind.TEXT,
        "huge.txt": FileKind.HUGE,
        "latin.txt": FileKind.TEXT,
        "link": FileKind.LINK,
        "outside": FileKind.LINK,
        "vendor/lib": FileKind.SUBMODULE,
    }
    assert (files["huge.txt"].size, files["b.bin"].size, files["vendor/lib"].size) == (MAX_TEXT_BYTES + 1, 7, 0)


def test_a_repository_is_found_from_something_inside_it(path: Path) -> None:
    History(path).commit("first", {"a.py": ""})
    (path / "sub").mkdir()
    assert Repository.open(path / "sub").path == path.resolve()


def test_text_that_is_not_utf_8_is_read_with_replacement(path: Path, history: History) -> None:
    history.commit("first", MIXED)
    repository = Repository.open(path)
    assert repository.text("a/deep/text.py") == "print('é')\n"
    assert repository.text("latin.txt") == "caf�\n"
    assert repository.text("caf\udce9.py") == "x = 1\n"
    assert repository.text("empty") == ""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("b.bin", "binary"),
        ("huge.txt", "larger than 1,048,576 bytes"),
        ("link", "symbolic link"),
        ("outside", "symbolic link"),
        ("vendor/lib", "submodule"),
        ("vendor/lib/main.c", "no file"),
        ("a", "no file"),
        ("../secret.txt", "no file"),
        ("/etc/passwd", "no file"),
        ("\x1b[2J", r"no file '\\x1b\[2J'"),
    ],
)
def test_what_is_no_text_file_of_the_commit_is_not_read(
    path: Path, history: History, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    history.commit("first", MIXED)
    with pytest.raises(InputError, match=reason):
        Repository.open(path).text(name)


def test_a_missing_blob_is_told_and_breaks_nothing_else(path: Path, history: History) -> None:
    first = history.commit("first", {"a.py": "a = 1\n" * 20, "b.py": "b = 1\n", "c.py": "c = 1\n" * 20})
    blobs = {name: file.blob for name, file in Repository.open(path).files().items()}
    history.commit("move", {"a.py": None, "d/a.py": "a = 1\n" * 20, "c.py": None, "d/c.py": "c = 1\n" * 19 + "z\n"})
    for name in ("b.py", "c.py"):
        history.remove_object(blobs[name])
    repository = Repository.open(path)
    assert repository.files()["b.py"].kind is FileKind.MISSING
    assert repository.text("d/a.py")
    with pytest.raises(InputError, match="missing from the repository"):
        repository.text("b.py")
    with pytest.raises(InputError, match="missing from the repository"):
        repository.text_of(blobs["c.py"])
    newest, oldest = repository.commits()
    assert [(change.path, change.status) for change in newest.changes] == [
        ("c.py", "deleted"),  # whether it is the same as d/c.py, nobody can tell
        ("d/a.py", "renamed"),
        ("d/c.py", "added"),
    ]
    assert oldest.id == first
    assert len(oldest.changes) == 3


def test_a_missing_folder_is_told_and_breaks_nothing_else(path: Path, history: History) -> None:
    history.commit("first", {"a.py": "", "sub/b.py": ""})
    history.commit("second", {"sub/b.py": "1"})
    git = pygit2.Repository(str(path))
    folder = str(git.revparse_single("HEAD:sub").id)
    history.remove_object(folder)
    repository = Repository.open(path)
    assert {name: file.kind for name, file in repository.files().items()} == {
        "a.py": FileKind.TEXT,
        "sub": FileKind.MISSING,
    }
    assert [len(commit.changes) for commit in repository.commits()] == [0, 2]


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
    assert [(c.path, c.status) for c in commits[1].changes] == [("run", "modified")]
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


def test_a_text_of_the_past_is_read_by_its_blob(path: Path, history: History) -> None:
    history.commit("first", {"sub/a.py": "old\n", "b.bin": b"\0"})
    old = Repository.open(path).files()
    history.commit("second", {"sub/a.py": "new\n", "b.bin": b"\0\0"})
    repository = Repository.open(path)
    assert repository.text_of(old["sub/a.py"].blob) == "old\n"
    assert repository.text_of(repository.files()["sub/a.py"].blob) == "new\n"
    with pytest.raises(InputError, match="binary"):
        repository.text_of(old["b.bin"].blob)


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


def test_a_shallow_clone_ends_at_its_edge_which_changed_nothing_we_know_of(path: Path, tmp_path: Path) -> None:
    history = History(path, is_bare=True)
    ids = [history.commit(f"change {count}", {"a.py": str(count), f"{count}.py": ""}) for count in range(5)]
    run_git("clone", "-q", "--depth", "2", f"file://{path}", "clone", cwd=tmp_path)
    repository = Repository.open(tmp_path / "clone")
    assert [(commit.id, len(commit.changes)) for commit in repository.commits()] == [(ids[4], 2), (ids[3], 0)]
    assert next(iter(repository.at(ids[3]).commits())).parents == (ids[2],)
    with pytest.raises(InputError, match="not a commit"):
        repository.at(ids[2])


def test_a_linked_working_tree_is_read(path: Path, tmp_path: Path) -> None:
    history = History(path)
    history.commit("first", {"a.py": "1"})
    run_git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"), cwd=path)
    assert Repository.open(tmp_path / "linked").text("a.py") == "1"


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


def test_a_repository_that_unfolds_into_more_files_than_any_disk_holds_is_refused(
    path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sleeptime.swe.repository.MAX_FILES", 2_000)
    monkeypatch.setattr("sleeptime.swe.repository.MAX_CHANGES", 2_000)
    git = history.git
    first = history.commit("first", {"a.py": "1"})

    def bomb(line: bytes) -> str:
        for _ in range(10):
            tree = git.write(ObjectType.TREE, b"".join(line % (b"%d" % number) for number in range(10)))
            line = b"40000 %s\0" + bytes(tree.raw).replace(b"%", b"%%")
        return str(tree)

    blob = bytes(git.create_blob(b"x").raw).replace(b"%", b"%%")
    empty = bytes(git.write(ObjectType.TREE, b"").raw).replace(b"%", b"%%")
    for leaf in (b"100644 %s\0" + blob, b"40000 %s\0" + empty):
        who = pygit2.Signature("Ada", "ada@example.org")
        commit = str(git.create_commit(None, who, who, "bomb", bomb(leaf), [pygit2.Oid(hex=first)]))
        repository = Repository.open(path, commit)
        with pytest.raises(TooLarge, match="more than 2,000 files"):
            repository.files()
        assert [len(commit.changes) for commit in repository.commits()] == [0, 1]
        with pytest.raises(TooLarge, match="more than 2,000 files"):
            repository.text_of("0" * 40)


def test_folders_deeper_than_any_path_are_not_gone_into(path: Path, history: History) -> None:
    history.commit("first", {"a.py": "", "x/" * 300 + "deep.py": ""})
    kinds = [file.kind for file in Repository.open(path).files().values()]
    assert kinds == [FileKind.TEXT, FileKind.MISSING]


def test_names_that_no_checkout_would_make_are_left_out(path: Path, history: History) -> None:
    git = history.git
    blob = bytes(git.create_blob(b"x").raw)
    names = [b"..", b".", b".GIT", b".git", b"../../etc/passwd", b"fine.py", b"new\nline.py"]
    tree = git.write(ObjectType.TREE, b"".join(b"100644 " + name + b"\0" + blob for name in names))
    who = pygit2.Signature("Ada", "ada@example.org")
    commit = git.create_commit("refs/heads/main", who, who, "hostile", tree, [])
    repository = Repository.open(path, str(commit))
    assert list(repository.files()) == ["fine.py", "new\nline.py"]
    assert [change.path for change in next(repository.commits()).changes] == ["fine.py", "new\nline.py"]


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


def test_a_packed_repository_is_read_as_one_of_loose_objects(path: Path, history: History) -> None:
    history.commit("first", MIXED)
    history.commit("second", {"a/deep/text.py": "print('ü')\n"})
    loose = Repository.open(path)
    files, commits = dict(loose.files()), list(loose.commits())
    run_git("gc", "-q", "--prune=now", cwd=path)
    packed = Repository.open(path)
    assert not list(path.glob("objects/??/*"))
    assert dict(packed.files()) == files
    assert list(packed.commits()) == commits
    assert packed.text_of(commits[1].changes[0].blob or "") == "print('é')\n"


def test_a_damaged_object_is_missing_and_breaks_nothing_else(path: Path, history: History) -> None:
    history.commit("first", {"a.py": "1", "b.py": "2", "sub/c.py": "3"})
    history.commit("second", {"a.py": "11"})
    for name in ("HEAD:b.py", "HEAD:sub"):
        object_id = str(history.git.revparse_single(name).id)
        file = path / "objects" / object_id[:2] / object_id[2:]
        file.chmod(0o644)
        file.write_bytes(b"\0damaged")
    repository = Repository.open(path)
    assert {name: file.kind for name, file in repository.files().items()} == {
        "a.py": FileKind.TEXT,
        "b.py": FileKind.MISSING,
        "sub": FileKind.MISSING,
    }
    assert [len(commit.changes) for commit in repository.commits()] == [1, 2]


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
