"""Git repositories with histories made for tests: written as objects, so that thousands of commits are quick."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ObjectType

START: Final = 1_600_000_000
"""When a first commit is made; each one after it comes a minute later."""


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Submodule:
    """A commit of another repository."""

    commit: str = "a" * 40


Content = str | bytes | Link | Submodule
Files = Mapping[str | bytes, Content | None]
"""What to write, by path; None deletes."""


@dataclass(slots=True)
class _Folder:
    """A folder while it is changed; `id` is None until it is written."""

    inside: dict[bytes, _Folder | tuple[int, bytes]] = field(default_factory=dict)
    id: bytes | None = None

    def copy(self) -> _Folder:
        return _Folder(dict(self.inside), None)


class History:
    """A repository that grows commit by commit. No file is checked out.

    Args:
        path: folder to make it in.
        is_bare: without a working tree.
    """

    def __init__(self, path: Path, *, is_bare: bool = False) -> None:
        self.path = path
        self.git = pygit2.init_repository(str(path), bare=is_bare, initial_head="main")
        self._trees: dict[str, _Folder] = {}
        self._count = 0
        self.head: str | None = None

    def commit(
        self,
        message: str | bytes,
        files: Files | None = None,
        *,
        parents: Sequence[str] | None = None,
        branch: str | None = "main",
    ) -> str:
        """Add a commit on the one before, or on `parents`, of which the first gives the files.

        Args:
            message: of the commit.
            files: what it changes.
            parents: ids; the last commit that was made by default, [] for a first one.
            branch: the branch to move there; None for none, which is quick.

        Returns:
            its id.
        """
        before = ([] if self.head is None else [self.head]) if parents is None else list(parents)
        root = self._trees[before[0]].copy() if before else _Folder()
        for path, content in (files or {}).items():
            self._put(root, path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path, content)
        tree = self._write(root)
        self._count += 1
        text = message if isinstance(message, bytes) else message.encode()
        who = b"Ada <ada@example.org> %d +0000" % (START + 60 * self._count)
        header = [b"tree " + tree.hex().encode(), *(b"parent " + parent.encode() for parent in before)]
        data = b"\n".join([*header, b"author " + who, b"committer " + who, b"", text])
        commit = str(self.git.write(ObjectType.COMMIT, data))
        self._trees[commit] = root
        self.head = commit
        if branch is not None:
            self.point(f"refs/heads/{branch}", commit)
        return commit

    def merge(self, message: str, side: str, files: Files) -> str:
        """Merge `side` into the last commit, with what it brings."""
        assert self.head is not None
        return self.commit(message, files, parents=[self.head, side])

    def point(self, reference: str, commit: str) -> None:
        """Let a branch, a tag or any other reference name a commit."""
        self.git.references.create(reference, commit, force=True)

    def blob(self, data: bytes) -> str:
        """Write a blob that no commit needs to have."""
        return str(self.git.create_blob(data))

    def remove_object(self, object_id: str) -> None:
        """Let an object be missing, as in a partial clone."""
        (Path(self.git.path) / "objects" / object_id[:2] / object_id[2:]).unlink()

    def _put(self, root: _Folder, path: bytes, content: Content | None) -> None:
        *folders, name = path.split(b"/")
        folder = root
        folder.id = None
        for step in folders:
            inner = folder.inside.get(step)
            folder.inside[step] = folder = inner.copy() if isinstance(inner, _Folder) else _Folder()
        if content is None:
            del folder.inside[name]
        elif isinstance(content, Submodule):
            folder.inside[name] = (0o160000, bytes.fromhex(content.commit))
        elif isinstance(content, Link):
            folder.inside[name] = (0o120000, self._blob(content.target.encode()))
        else:
            folder.inside[name] = (0o100644, self._blob(content.encode() if isinstance(content, str) else content))

    def _blob(self, data: bytes) -> bytes:
        return bytes(self.git.create_blob(data).raw)

    def _write(self, folder: _Folder) -> bytes:
        if folder.id is not None:
            return folder.id
        lines = []
        for name, item in folder.inside.items():
            if isinstance(item, _Folder):
                if item.inside:
                    lines.append((name + b"/", b"40000 " + name + b"\0" + self._write(item)))
            else:
                lines.append((name, b"%o " % item[0] + name + b"\0" + item[1]))
        folder.id = bytes(self.git.write(ObjectType.TREE, b"".join(line for _, line in sorted(lines))).raw)
        return folder.id


def long_history(path: Path, *, num_commits: int, num_files: int = 40) -> History:
    """A history of small changes: each commit changes one file, and every tenth a second one beside it."""
    history = History(path, is_bare=True)
    history.commit("first", {f"src/part{number % 8}/file{number}.py": "x = 0\n" for number in range(num_files)})
    for count in range(1, num_commits):
        number = count % num_files
        files: dict[str | bytes, Content | None] = {f"src/part{number % 8}/file{number}.py": f"x = {count}\n"}
        if count % 10 == 0:
            other = (number + 8) % num_files
            files[f"src/part{other % 8}/file{other}.py"] = f"y = {count}\n"
        history.commit(f"change {count}", files, branch=None if count < num_commits - 1 else "main")
    return history


@dataclass(frozen=True, slots=True)
class Hidden:
    """What a repository holds beside the history of a commit.

    Args:
        base: the commit.
        later: the one after it.
        names: ways to ask for what is hidden, and for what is outside.
    """

    base: str
    later: str
    names: tuple[str, ...]


def hide_zebras(path: Path) -> Hidden:
    """A repository with the word zebra wherever a base commit does not lead: in a later commit, the stash, the index,
    the working tree, a branch, a tag, git's notes, and in a file beside the repository that a link names.
    """
    history = History(path)
    history.commit("begin", {"a.py": "begin = 1\n"})
    base = history.commit("add base", {"a.py": "base = 1\n", "link": Link("../later.txt"), ".gitmodules": "x"})
    later = history.commit("zebra feature", {"a.py": "zebra = 1\n", "zebra.py": "zebra = 2\n"})
    run_git("reset", "-q", "--hard", cwd=path)
    (path / "a.py").write_text("zebra stashed\n")
    run_git("stash", "-m", "zebra", cwd=path)
    (path / "a.py").write_text("zebra staged\n")
    (path / "untracked.py").write_text("zebra\n")
    (path.parent / "later.txt").write_text("zebra\n")
    run_git("add", "a.py", cwd=path)
    run_git("branch", "zebra", later, cwd=path)
    run_git("tag", "-a", "-m", "zebra", "zebra-1", later, cwd=path)
    run_git("notes", "add", "-m", "zebra", base, cwd=path)
    names = ["zebra", "zebra.py", "zebra-1", "stash@{0}", "HEAD", "HEAD@{1}", "ORIG_HEAD", f"{later}:zebra.py"]
    names += [f"HEAD:{name}" for name in ("a.py", "zebra.py")] + ["untracked.py", "../later.txt", "link", str(path)]
    names += [".git/HEAD", ".git/logs/HEAD", str(path / "untracked.py"), os.devnull, "*", "**", "..", "~"]
    objects = [str(object_id) for object_id in pygit2.Repository(str(path))]
    return Hidden(base, later, ("", ".", "a.py", ".*", *names, *objects))


def run_git(*arguments: str, cwd: Path) -> str:
    """Run git as a user without a configuration; returns what it prints."""
    who = {f"GIT_{role}_{key}": "ada@example.org" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    nothing = {"HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(["git", *arguments], cwd=cwd, env=nothing | who, check=True, capture_output=True)
    return done.stdout.decode("utf-8", "surrogateescape").strip()
