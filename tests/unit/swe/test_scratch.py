"""Scratch: edits happen in a folder of their own, and no path leads out of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.swe.repository import Repository
from sleeptime.swe.scratch import Scratch
from tests.support.repositories import Files, History, Link, Submodule, run_git

FILES: Files = {
    "cli/export.py": "def export():\n    return 1\n\n\ndef other():\n    return 1\n",
    "docs/export.md": "# Export\n",
    "empty.py": "",
    "binary.bin": b"\0\1",
    "outside": Link("/etc"),
    "near": Link("docs"),
    "vendored": Submodule(),
}


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    history = History(tmp_path / "repo")
    history.commit("first", FILES)
    with Scratch(Repository.open(history.path)) as made:
        yield made


def test_a_file_that_was_edited_is_modified_and_the_repository_is_not(scratch: Scratch, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "repo").rglob("*")}
    scratch.edit("cli/export.py", "def export():", "def export(as_csv=False):")
    scratch.edit("./empty.py", "", "x = 1\n")
    assert scratch.modified == ("cli/export.py", "empty.py")
    assert scratch.text("cli/export.py").startswith("def export(as_csv=False):\n    return 1\n")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "repo").rglob("*")} == before


def test_an_edit_that_was_taken_back_modifies_nothing(scratch: Scratch) -> None:
    scratch.edit("docs/export.md", "Export", "Exports")
    scratch.edit("docs/export.md", "Exports", "Export")
    assert scratch.modified == ()
    assert scratch.diff() == ""


def test_a_new_file_is_created_and_is_not_among_the_modified(scratch: Scratch) -> None:
    scratch.edit("cli/csv.py", "", "import csv")
    scratch.edit("cli/csv.py", "import csv", "import csv as c")
    assert (scratch.modified, scratch.created) == ((), ("cli/csv.py",))
    assert scratch.diff() == (
        "--- /dev/null\n+++ b/cli/csv.py\n@@ -0,0 +1 @@\n+import csv as c\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    "path",
    [
        "../escaped.py",
        "cli/../../escaped.py",
        "/tmp/escaped.py",
        "/etc/passwd",
        "././cli/export.py",
        "./../escaped.py",
        "cli//export.py",
        "cli\\export.py",
        "..",
        "",
        "cli/",
        ".git/config",
        "cli/.GIT/hooks/x",
        "new\0.py",
        "new\n.py",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(scratch: Scratch, path: str) -> None:
    with pytest.raises(InputError, match="is refused"):
        scratch.edit(path, "", "gone")
    assert list(scratch.folder.rglob("*")) == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("outside", "symbolic link"),
        ("vendored", "submodule"),
        ("binary.bin", "binary"),
        ("outside/passwd", "no folder"),
        ("near/export.md", "no folder"),
        ("vendored/setup.py", "no folder"),
        ("cli/export.py/x", "no folder"),
    ],
)
def test_what_is_no_text_file_and_what_lies_behind_a_link_is_refused(scratch: Scratch, path: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        scratch.edit(path, "", "gone")
    assert list(scratch.folder.rglob("*")) == []


@pytest.mark.parametrize(
    ("path", "old", "said"),
    [
        ("cli/export.py", "no such text", "it is not there"),
        ("cli/export.py", "return 1", "it stands there 2 times"),
        ("cli/export.py", "", "it is not there"),
        ("cli/new.py", "something", "there is no file"),
    ],
)
def test_an_old_text_that_is_not_there_exactly_once_changes_nothing(
    scratch: Scratch, path: str, old: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        scratch.edit(path, old, "new")
    assert (scratch.modified, scratch.created) == ((), ())


def test_the_folder_is_gone_when_the_work_is_over(scratch: Scratch) -> None:
    scratch.edit("empty.py", "", "x")
    with scratch:
        assert scratch.folder.is_dir()
    assert not scratch.folder.exists()


@pytest.mark.parametrize(
    ("edited", "path", "said"),
    [
        ((), "cli", "it is a folder"),
        (("new/a.py",), "new", "it is a folder"),
        (("new",), "new/a.py", "'new' is no folder"),
        ((), "a" * 300, "too long"),
        ((), "/".join(["folder"] * 400), "too long"),
    ],
)
def test_a_path_where_no_file_can_be_is_refused(
    scratch: Scratch, edited: tuple[str, ...], path: str, said: str
) -> None:
    for one in edited:
        scratch.edit(one, "", "x\n")
    with pytest.raises(InputError, match=said):
        scratch.edit(path, "", "x\n")
    assert scratch.created == edited


def test_a_name_that_does_not_print_is_edited_as_it_is_shown(tmp_path: Path) -> None:
    history = History(tmp_path / "odd")
    history.commit("first", {b"caf\xe9.py": "x = 1\n", "a\nb.py": "x = 1\n"})
    with Scratch(Repository.open(history.path)) as scratch:
        scratch.edit(r"caf\xe9.py", "1", "2")
        scratch.edit(r"a\nb.py", "1", "2")
        assert scratch.has(r"caf\xe9.py")
        assert scratch.text(r"a\nb.py") == "x = 2\n"
        assert scratch.modified == ("a\nb.py", "caf\udce9.py")


def test_a_diff_prints_whatever_files_are_called_and_git_applies_it(tmp_path: Path) -> None:
    history = History(tmp_path / "odd")
    odd = (b"caf\xe9.py", "a\nb.py", 'say "x".py', "\x1b[2J.py", "\u202egnp.py", "é.py")
    names: tuple[str | bytes, ...] = (*odd, "a b.py", "it 2020-01-01 10:00:00", 'it " 2020-01-01 10:00:00')
    history.commit("first", dict.fromkeys(names, "x = 1\n"))
    run_git("reset", "-q", "--hard", cwd=history.path)
    with Scratch(Repository.open(history.path)) as scratch:
        for path in Repository.open(history.path).files():
            scratch.edit(path, "1", "2")
        patch = scratch.diff()
    headers = [line for line in patch.splitlines() if line.startswith(("---", "+++"))]
    assert len(headers) == 2 * len(names)
    assert all(line.removesuffix("\t").isprintable() for line in patch.split("\n"))
    (tmp_path / "patch").write_text(patch)
    run_git("apply", "../patch", cwd=history.path)
    assert [file.read_text() for file in history.path.iterdir() if file.is_file()] == ["x = 2\n"] * len(names)


def test_lines_of_a_diff_are_those_of_git(tmp_path: Path) -> None:
    history = History(tmp_path / "odd")
    history.commit("first", {"a.py": "x = '\x0c\u2028'\ny = 1\n"})
    with Scratch(Repository.open(history.path)) as scratch:
        scratch.edit("a.py", "1", "2")
        patch = scratch.diff()
    assert patch == "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n x = '\x0c\u2028'\n-y = 1\n+y = 2\n"
