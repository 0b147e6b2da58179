"""Git repositories, read through pygit2: what a working tree tracks, and the blobs of a revision. Runs no git command.

Submodules of a revision and links in it are reported, not followed.
"""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sleeptime.core.errors import Unreadable
from sleeptime.core.origin import Origin
from sleeptime.sources.entry import MAX_DEPTH, Entry, Skipped, SkipReason, printable
from sleeptime.sources.ignore import IgnoreRules

if TYPE_CHECKING:
    from pygit2 import Blob, Repository, Tree

_LINK_MODE = 0o120000


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """A checked-out repository. Paths are relative to `root`, with "/" between folders."""

    root: Path
    tracked: frozenset[str]
    tracked_folders: frozenset[str]
    base_rules: IgnoreRules

    def rules_above(self, folder: Path) -> IgnoreRules:
        """The rules that hold in `folder` before its own .gitignore."""
        rules = self.base_rules
        for parent in reversed(folder.relative_to(self.root).parents if folder != self.root else ()):
            rules = rules.with_file(self.root / parent / ".gitignore", "" if parent == Path() else parent.as_posix())
        return rules

    def leaves_out(self, folder: Path) -> bool:
        """Whether `folder` is ignored and holds nothing tracked: asked for by name, it is then a plain folder."""
        if folder == self.root or folder.relative_to(self.root).as_posix() in self.tracked_folders:
            return False
        steps = [folder, *folder.parents]
        return any(
            self.rules_above(step).ignores(step.relative_to(self.root).as_posix(), is_folder=True)
            for step in steps[: steps.index(self.root)]
        )


def working_tree_of(folder: Path, *, only_root: bool = False) -> WorkingTree | None:
    """The working tree around `folder` (absolute, resolved), or None where there is none.

    Args:
        only_root: None as well unless `folder` is the root of its tree.

    Raises:
        Unreadable: there is a repository that cannot be opened.
    """
    git_folder = _discovered(folder)
    if git_folder is None:
        return None
    repository = _opened(git_folder)
    if repository.is_bare:
        return None
    root = Path(repository.workdir).resolve()
    if not folder.is_relative_to(root) or (only_root and folder != root):
        return None
    tracked = frozenset(_tracked(repository))
    folders = frozenset(parent.as_posix() for path in tracked for parent in Path(path).parents)
    return WorkingTree(root, tracked, folders, _base_rules(repository))


def is_git_folder(folder: Path) -> bool:
    """Whether `folder` itself is where git keeps its objects: a bare repository, or a .git folder."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def has_repository(path: Path) -> bool:
    """Whether `path`, which need not exist any more, lies in a repository."""
    return _discovered(_existing(path)) is not None


def is_there(path: Path | str) -> bool:
    """Whether there is such a path; not, where it could not be one."""
    return os.path.exists(path)  # noqa: PTH110  # a Path raises where it is too long or holds a NUL


def opened_repository(path: Path) -> "Repository":
    """The repository that `path`, which is there, is or lies in.

    Raises:
        Unreadable: no such path or repository, or it cannot be opened.
    """
    git_folder = _discovered(path) if is_there(path) else None
    if git_folder is None:
        problem = "is not in a git repository" if is_there(path) else "does not exist"
        raise Unreadable(f"{printable(str(path))[:500]} {problem}; give the folder of a git repository")
    return _opened(git_folder)


def origin_of(path: Path, revision: str = "HEAD") -> Origin | None:
    """The commit that all of a repository is read at.

    Args:
        path: the root of a working tree, which need not be there when a revision is read, or a bare repository.
        revision: what names the commit.

    Returns:
        None when `path` is not all of a repository, `revision` names no commit (a tree; none is made yet), or the path
        is not UTF-8 and so cannot be kept.

    Raises:
        Unreadable: there is a repository that cannot be opened.
    """
    import pygit2

    absolute = Path(os.path.normpath(Path.cwd() / path))
    git_folder = _discovered(_existing(absolute))
    if git_folder is None:
        return None
    repository = _opened(git_folder)
    try:
        commit_id = str(repository.revparse_single(revision).peel(pygit2.Commit).id)
        root = str(Path(repository.path if repository.is_bare else repository.workdir).resolve())
        root.encode()
    except (KeyError, ValueError, pygit2.GitError):  # a UnicodeError is a ValueError
        return None
    return None if _path_inside(repository, absolute) else Origin(root, commit_id)


def revision_entries(path: Path, revision: str) -> Iterator[Entry | Skipped]:
    """The blobs below `path` at `revision`; a `path` that is a file then gives one Entry with the path "".

    Args:
        path: a working tree, a folder or file inside it (that it need not have any more), or a bare repository.
        revision: anything git understands that names a commit, a tag or a tree: v1.2, HEAD~3, a hash.

    Raises:
        Unreadable: no such repository, revision, or path at the revision.
    """
    import pygit2

    absolute = Path(os.path.normpath(Path.cwd() / path))
    git_folder = _discovered(_existing(absolute))
    if git_folder is None:
        raise Unreadable(f"{path} is not in a git repository, so it has no revision {revision!r}.")
    repository = _opened(git_folder)
    tree = _tree_at(repository, revision, path)
    inside = _path_inside(repository, absolute)
    identity = f"{repository.path}@{tree.id}:{inside}"
    try:
        target = tree[inside] if inside else tree
    except KeyError as error:
        raise Unreadable(f"{path}: {inside!r} does not exist at revision {revision!r}.") from error
    if isinstance(target, pygit2.Blob):
        yield Entry("", identity, partial(_blob_bytes, target))
    else:
        yield from _tree_entries(target, "", identity)


def _tree_entries(tree: "Tree", prefix: str, identity: str) -> Iterator[Entry | Skipped]:
    import pygit2

    for item in tree:
        path = f"{prefix}{os.fsdecode(item.raw_name or b'')}"
        if isinstance(item, pygit2.Tree):
            if path.count("/") >= MAX_DEPTH:
                yield Skipped(path, SkipReason.TOO_DEEP)
                continue
            yield from _tree_entries(item, f"{path}/", identity)
        elif not isinstance(item, pygit2.Blob):
            yield Skipped(path, SkipReason.SUBMODULE)
        elif item.filemode == _LINK_MODE:
            yield Skipped(path, SkipReason.LINK)
        else:
            yield Entry(path, f"{identity}/{path}", partial(_blob_bytes, item))


def _blob_bytes(blob: "Blob", max_bytes: int) -> bytes:
    import pygit2

    try:
        # A large blob is not cut: its size alone tells that it is over the limit.
        return bytes(max_bytes) if blob.size >= max_bytes else blob.data
    except (KeyError, pygit2.GitError) as error:
        raise OSError(errno.ENOENT, "the object is missing from the repository (a partial clone?)") from error


def _tracked(repository: "Repository") -> Iterator[str]:
    for item in repository.index:
        yield item.path


def _discovered(folder: Path) -> str | None:
    import pygit2

    return pygit2.discover_repository(str(folder))


def _opened(git_folder: str) -> "Repository":
    import pygit2

    try:
        return pygit2.Repository(git_folder)
    except pygit2.GitError as error:
        advice = ""
        if "owne" in str(error):
            advice = f" If you trust it: git config --global --add safe.directory {Path(git_folder).parent}"
        raise Unreadable(f"the git repository {git_folder} cannot be opened: {error}.{advice}") from error


def _tree_at(repository: "Repository", revision: str, path: Path) -> "Tree":
    import pygit2

    try:
        return repository.revparse_single(revision).peel(pygit2.Tree)
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise Unreadable(
            f"{path}: the git repository has no revision {revision!r}. Give a branch, a tag or a commit: git log"
        ) from error


def _existing(path: Path) -> Path:
    """`path` or its nearest parent that exists."""
    return next(step for step in (path, *path.parents) if step.is_dir())


def _path_inside(repository: "Repository", path: Path) -> str:
    start = _existing(path)
    real = start.resolve() / path.relative_to(start)
    root = Path(repository.path if repository.is_bare else repository.workdir).resolve()
    if not real.is_relative_to(root) or real.is_relative_to(Path(repository.path).resolve()):
        return ""
    inside = real.relative_to(root).as_posix()
    return "" if inside == "." else inside


def _base_rules(repository: "Repository") -> IgnoreRules:
    """core.excludesFile, then .git/info/exclude, which is the stronger one (gitignore(5))."""
    try:
        excludes = Path(repository.config["core.excludesfile"] or "").expanduser()
    except KeyError:
        excludes = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"
    git_folder = Path(repository.path)
    common = git_folder / "commondir"  # a linked worktree shares the exclude file of the main one
    if common.is_file():
        git_folder = (git_folder / common.read_text().strip()).resolve()
    return IgnoreRules().with_file(excludes, "").with_file(git_folder / "info" / "exclude", "")
