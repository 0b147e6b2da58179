"""What a folder or a repository yields: things to read, and things left out with the reason. Knows nothing of text."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_DEPTH: Final = 200
"""Folders inside folders that are read: a longer path could hardly be a part's name (`core.context.MAX_NAME_CHARS`)."""


class SkipReason(StrEnum):
    """Why something inside a folder or repository was not read."""

    BINARY = "binary"
    EMPTY = "empty"
    NOT_UTF8 = "not UTF-8"
    TOO_LARGE = "too large"
    TOO_DEEP = "too deep"
    UNREADABLE = "unreadable"
    LINK_LEAVES = "link that leaves the folder"
    LINK_LOOP = "link loop"
    LINK_BROKEN = "broken link"
    LINK = "link"
    SPECIAL = "not a regular file"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something inside a source that was left out; `name` is the part name it would have had."""

    name: str
    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to read.

    path: where it lies inside its source, "/" between folders; "" when the source is the thing itself.
    identity: the same string for the same thing reached through two sources.
    read: gives at most the asked number of bytes; raises OSError.
    """

    path: str
    identity: str
    read: Callable[[int], bytes]


def printable(name: str) -> str:
    """`name` as text that can be stored and shown on one line.

    Bytes of a file name that are not UTF-8 become `\\xNN`; other characters that do not print (line breaks, terminal
    controls, direction marks) become their Python escape.
    """
    if name.isprintable():  # as nearly all are, of which there may be many
        return name
    return "".join(char if char.isprintable() else _escaped(char) for char in name)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte kept by the surrogateescape handler
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
