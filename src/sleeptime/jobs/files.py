"""Files: the SQLite files of a worker, which must stay the ones that it opened.

A file that was removed or replaced lives on for whoever has it open. What is written there is lost, and runs that are
taken from a queue beside it are those of others.
"""

from __future__ import annotations

from pathlib import Path

from sleeptime.core.errors import StoreError
from sleeptime.jobs.engine import queue_url
from sleeptime.store.database import parse_url


class Files:
    """The files as they are now; none on PostgreSQL.

    Args:
        url: of the store, which is open, as is its queue.
    """

    def __init__(self, url: str) -> None:
        urls = [parse_url(url), queue_url(url)]
        paths = [str(each.database) for each in urls if each.get_backend_name() == "sqlite"]
        self._opened = {path: _identity(path) for path in paths}

    def check(self) -> None:
        """Make sure that they still are where they were.

        Raises:
            StoreError: one is gone, or another one is in its place.
        """
        for path, opened in self._opened.items():
            found = _identity(path)
            if found != opened:
                raise StoreError(
                    f"the database file {path} was removed or replaced while this worker had it open. Stop every "
                    "worker before a file is moved or restored, and start them again after it"
                )


def _identity(path: str) -> tuple[int, int] | None:
    """What a file is, whatever it is called; None when there is none."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
