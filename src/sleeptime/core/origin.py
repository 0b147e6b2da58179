"""Where a context came from, when that is all of one git repository. Knows nothing of git."""

from __future__ import annotations

from typing import NamedTuple


class Origin(NamedTuple):
    """A commit of a local git repository.

    path: of its working tree, or of a bare repository; absolute.
    commit_id: 40 hex digits. Of a working tree that was read as it stands, the commit that was checked out.
    """

    path: str
    commit_id: str
