"""What a commit changed, and which files are source code. Values only; `sleeptime.swe.repository` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from posixpath import splitext
from typing import Final, Literal

Status = Literal["added", "modified", "deleted", "renamed"]

SOURCE_SUFFIXES: Final = frozenset(
    {".c", ".cc", ".cpp", ".cs", ".cxx", ".go", ".h", ".hh", ".hpp", ".hxx", ".java", ".kt", ".php", ".py", ".pyi"}
    | {".cjs", ".cts", ".js", ".jsx", ".mjs", ".mts", ".svelte", ".ts", ".tsx", ".vue"}
    | {".m", ".mm", ".rb", ".rs", ".scala", ".sh", ".swift"}
)
"""Endings of files that count as source; lower case."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file of a commit, against the commit's first parent.

    path: after the change, before it for a deleted file; "/" between folders, and bytes that are not UTF-8 kept as
        lone surrogates (surrogateescape).
    status: what happened to it.
    old_path: where a renamed file was.
    blob: hex id of its content after the change; None for a deleted file, a link and a submodule.
    """

    path: str
    status: Status
    old_path: str | None = None
    blob: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.

    id: 40 hex digits.
    parents: ids, the mainline first; also of parents that a shallow clone has not.
    at: when it was committed, UTC.
    message: as written; what is not in its encoding is replaced.
    changes: in path order. All files for a first commit; none where the parent is not there to compare with, as at the
        edge of a shallow clone, and none for a change of more files than anybody reads.
    """

    id: str
    parents: tuple[str, ...]
    at: datetime
    message: str
    changes: tuple[Change, ...] = ()

    @property
    def title(self) -> str:
        """First line of the message that is not blank."""
        return next((line.strip() for line in self.message.splitlines() if line.strip()), "")


def is_source(path: str) -> bool:
    """Whether a file of this name is source code."""
    return splitext(path)[1].lower() in SOURCE_SUFFIXES
