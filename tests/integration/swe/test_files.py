"""The files of a commit: which there are, how each can be read, and what is not there."""

from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ObjectType

from sleeptime.core.errors import InputError, TooLarge
from sleeptime.swe.objects import MAX_TEXT_BYTES
from sleeptime.swe.repository import FileKind, Repository
from tests.support.repositories import Content, History, Link, Submodule, run_git

NAME_IN_LATIN_1 = b"caf\xe9.py"

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


def test_a_text_of_the_past_is_read_by_its_blob(path: Path, history: History) -> None:
    history.commit("first", {"sub/a.py": "old\n", "b.bin": b"\0"})
    old = Repository.open(path).files()
    history.commit("second", {"sub/a.py": "new\n", "b.bin": b"\0\0"})
    repository = Repository.open(path)
    assert repository.text_of(old["sub/a.py"].blob) == "old\n"
    assert repository.text_of(repository.files()["sub/a.py"].blob) == "new\n"
    with pytest.raises(InputError, match="binary"):
        repository.text_of(old["b.bin"].blob)


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
