"""The files of a folder, in a fixed order, as git would see them. Knows nothing of text, limits or part names.

A folder inside a git working tree gives tracked files and untracked files that are not ignored; so does each
repository found below a plain folder. A plain folder obeys the .gitignore files inside it. Symbolic links are not
followed: a link to something inside the folder adds nothing, every other one is reported.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sleeptime.sources.entry import MAX_DEPTH, Entry, Skipped, SkipReason
from sleeptime.sources.ignore import IgnoreRules
from sleeptime.sources.repository import WorkingTree, working_tree_of

_VERSION_CONTROL = frozenset({".git", ".hg", ".svn"})


def folder_entries(folder: Path) -> Iterator[Entry | Skipped]:
    """Files below `folder`, sorted by name within each folder; paths are relative to it.

    Raises:
        OSError: `folder` itself cannot be listed.
        Unreadable: a git repository on the way cannot be opened.
    """
    top = folder.resolve()
    os.scandir(top).close()  # a folder that cannot be listed is an error, one below it is reported
    tree = working_tree_of(top)
    if tree is None or tree.leaves_out(top):
        yield from _Walk(top, top, None).below(top, IgnoreRules())
    else:
        yield from _Walk(top, tree.root, tree).below(top, tree.rules_above(top))


def read_file(path: Path, max_bytes: int) -> bytes:
    """At most `max_bytes` of a regular file that is no link; raises OSError. Never waits on a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read(max_bytes)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk below `top`; rules and tracked paths are relative to `root` (`top`, or the working tree around it)."""

    top: Path
    root: Path
    tree: WorkingTree | None

    def below(self, folder: Path, rules: IgnoreRules, *, only_tracked: bool = False) -> Iterator[Entry | Skipped]:
        if len(folder.parts) - len(self.top.parts) > MAX_DEPTH:
            yield Skipped(_relative(folder, self.top), SkipReason.TOO_DEEP)
            return
        relative = _relative(folder, self.root)
        rules = rules.with_file(folder / ".gitignore", relative)
        try:
            with os.scandir(folder) as listing:
                found = sorted(listing, key=lambda item: item.name)
        except OSError:
            yield Skipped(_relative(folder, self.top), SkipReason.UNREADABLE)
            return
        for item in found:
            if item.name in _VERSION_CONTROL:
                continue
            path = f"{relative}/{item.name}" if relative else item.name
            is_folder = item.is_dir(follow_symlinks=False)
            is_left_out = only_tracked or rules.ignores(path, is_folder=is_folder)
            if is_left_out and not self._tracks(path, is_folder):
                continue
            if is_folder:
                yield from self._folder(folder / item.name, rules, is_left_out)
            else:
                yield from self._file(item)

    def _tracks(self, path: str, is_folder: bool) -> bool:
        if self.tree is None:
            return False
        return path in (self.tree.tracked_folders if is_folder else self.tree.tracked)

    def _folder(self, folder: Path, rules: IgnoreRules, only_tracked: bool) -> Iterator[Entry | Skipped]:
        inner = working_tree_of(folder, only_root=True) if (folder / ".git").exists() else None
        if inner is None:
            yield from self.below(folder, rules, only_tracked=only_tracked)
        else:
            yield from _Walk(self.top, inner.root, inner).below(folder, inner.rules_above(folder))

    def _file(self, item: os.DirEntry[str]) -> Iterator[Entry | Skipped]:
        path = Path(item.path)
        name = _relative(path, self.top)
        if item.is_symlink():
            reason = self._link_reason(path)
            if reason is not None:
                yield Skipped(name, reason)
        elif not item.is_file(follow_symlinks=False):
            yield Skipped(name, SkipReason.SPECIAL)
        else:
            yield Entry(name, item.path, partial(read_file, path))

    def _link_reason(self, link: Path) -> SkipReason | None:
        """None when the target lies inside the folder, where it is met under its own name."""
        try:
            target = Path(os.path.realpath(link, strict=True))
        except OSError as error:
            return SkipReason.LINK_LOOP if error.errno == errno.ELOOP else SkipReason.LINK_BROKEN
        if not target.is_relative_to(self.top):
            return SkipReason.LINK_LEAVES
        return SkipReason.LINK_LOOP if link.is_relative_to(target) else None


def _relative(path: Path, root: Path) -> str:
    relative = path.relative_to(root).as_posix()
    return "" if relative == "." else relative
