"""One line of an ignore file, as git reads it (gitignore(5), wildmatch.c with WM_PATHNAME).

A pattern matches a path itself and never what lies below it: leaving out a folder's contents is the walk's part. This
is why pathspec is not used: its `!*/` also takes back the files below each folder, which git leaves out.
"""

import re
from dataclasses import dataclass

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "xdigit": "0-9a-fA-F",
    "cntrl": r"\x00-\x1f\x7f",
    "punct": r"!-/:-@\[-`{-~",
    "print": r" -~",
    "graph": r"!-~",
}


class _NeverMatches(Exception):
    """Git passes over such a line."""


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """A compiled line.

    is_negated: it began with "!" and takes paths back in.
    is_for_folders: it ended with "/".
    is_for_names: it holds no other "/", so it is held against the last component alone.
    """

    regex: re.Pattern[str]
    is_negated: bool
    is_for_folders: bool
    is_for_names: bool

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """`path` is relative to the ignore file, without "/" at its ends."""
        if self.is_for_folders and not is_folder:
            return False
        return self.regex.fullmatch(path.rpartition("/")[2] if self.is_for_names else path) is not None


def parse_line(line: str) -> IgnorePattern | None:
    """The pattern of a line, or None when it is blank, a comment, or matches nothing."""
    line = _without_trailing_spaces(line)
    if line.startswith("#"):
        return None
    is_negated = line.startswith("!")
    glob = line.removeprefix("!")
    is_for_folders = glob.endswith("/")
    glob = glob.removesuffix("/")
    is_for_names = "/" not in glob
    if not glob:
        return None
    try:
        regex = _regex(glob.removeprefix("/"))
    except _NeverMatches:
        return None
    return IgnorePattern(re.compile(regex, re.DOTALL), is_negated, is_for_folders, is_for_names)


def _without_trailing_spaces(line: str) -> str:
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept


def _regex(glob: str) -> str:
    pieces: list[str] = []
    at = 0
    while at < len(glob):
        char = glob[at]
        if char == "*":
            piece, at = _stars(glob, at)
        elif char == "[":
            piece, at = _bracket(glob, at + 1)
        elif char == "\\":
            if at + 1 == len(glob):
                raise _NeverMatches
            piece, at = re.escape(glob[at + 1]), at + 2
        else:
            piece, at = "[^/]" if char == "?" else re.escape(char), at + 1
        pieces.append(piece)
    return "".join(pieces)


def _stars(glob: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(glob) and glob[end] == "*":
        end += 1
    is_whole = end - at > 1 and (at == 0 or glob[at - 1] == "/")
    if is_whole and end == len(glob):
        return ".*", end
    if is_whole and glob[end] == "/":
        return "(?:.*/)?", end + 1
    return "[^/]*", end


def _bracket(glob: str, at: int) -> tuple[str, int]:
    """The set that begins after "[" at `at`, and where it ends; it never holds "/"."""
    is_inverse = glob[at : at + 1] in {"!", "^"}
    at += is_inverse
    pieces: list[str] = []
    while not (glob[at : at + 1] == "]" and pieces):
        if at >= len(glob):
            raise _NeverMatches
        if glob.startswith("[:", at) and (end := glob.find(":]", at)) > 0:
            name = glob[at + 2 : end]
            if name not in _CLASSES:
                raise _NeverMatches
            pieces.append(_CLASSES[name])
            at = end + 2
            continue
        char, at = _member(glob, at)
        if glob[at : at + 1] == "-" and glob[at + 1 : at + 2] not in {"]", ""}:
            last, at = _member(glob, at + 1)
            pieces.append(f"{re.escape(char)}-{re.escape(last)}" if char <= last else "")
        else:
            pieces.append(re.escape(char))
    members = "".join(pieces)
    if not members:
        return ("[^/]" if is_inverse else "(?!)"), at + 1
    return f"(?!/)[{'^' if is_inverse else ''}{members}]", at + 1


def _member(glob: str, at: int) -> tuple[str, int]:
    escaped = glob[at] == "\\"
    at += escaped
    if at >= len(glob):
        raise _NeverMatches
    return glob[at], at + 1
