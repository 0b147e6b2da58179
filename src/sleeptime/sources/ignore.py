"""Which paths git would leave out: .gitignore at every level, .git/info/exclude and core.excludesFile (gitignore(5)).

Knows nothing of the index: a tracked file is kept by the caller.
"""

from dataclasses import dataclass
from pathlib import Path

from sleeptime.sources.pattern import IgnorePattern, parse_line


@dataclass(frozen=True, slots=True)
class IgnoreLevel:
    """The patterns of one ignore file: they hold below `folder` (relative to the root, "" for the root itself)."""

    folder: str
    patterns: tuple[IgnorePattern, ...]

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """True: left out, False: taken back in by "!", None: no pattern matches. The last match decides."""
        below = path.removeprefix(f"{self.folder}/") if self.folder else path
        for pattern in reversed(self.patterns):
            if pattern.matches(below, is_folder=is_folder):
                return not pattern.is_negated
        return None


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """Ignore files from the weakest (outermost) to the strongest (innermost)."""

    levels: tuple[IgnoreLevel, ...] = ()

    def with_file(self, file: Path, folder: str) -> "IgnoreRules":
        """These rules and those of `file`, which hold below `folder`. A missing or unreadable file adds none."""
        patterns = _patterns_of(file)
        return IgnoreRules((*self.levels, IgnoreLevel(folder, patterns))) if patterns else self

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Whether the innermost file with a matching pattern leaves `path` out. Parents are the caller's to ask first.

        Args:
            path: relative to the root, without "/" at its ends.
        """
        for level in reversed(self.levels):
            verdict = level.verdict(path, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return False


def _patterns_of(file: Path) -> tuple[IgnorePattern, ...]:
    is_link_in_tree = file.name == ".gitignore" and file.is_symlink()  # git does not follow this one either
    if is_link_in_tree or not file.is_file():
        return ()
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return ()
    lines = text.removeprefix("\ufeff").split("\n")
    parsed = (parse_line(line.removesuffix("\r")) for line in lines)
    return tuple(pattern for pattern in parsed if pattern is not None)
