"""Lane: queries go first. Work that nobody waits for asks here, before a step, whether a query is under way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE_S: Final = 0.25
"""A step gives way for no longer than this, so that queries without an end do not stop sleep."""

_LOOK_S: Final = 0.002


class Lane:
    """The queries under way in a process. May be used from any thread or event loop."""

    def __init__(self) -> None:
        self._num_queries = 0
        self._none = threading.Condition()

    @contextmanager
    def query(self) -> Iterator[None]:
        """A query is under way until the block ends."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def begin(self) -> None:
        """A query is under way; `end` says that it is over."""
        with self._none:
            self._num_queries += 1

    def end(self) -> None:
        """A query is over."""
        with self._none:
            self._num_queries -= 1
            if not self._num_queries:
                self._none.notify_all()

    def give_way(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until no query is under way, but not for ever; for a thread."""
        with self._none:
            self._none.wait_for(lambda: not self._num_queries, patience_s)

    async def let_pass(self, patience_s: float = PATIENCE_S) -> None:
        """The same for a task."""
        deadline_s = time.monotonic() + patience_s
        while self._num_queries and time.monotonic() < deadline_s:  # noqa: ASYNC110  # they end in any thread and loop
            await asyncio.sleep(_LOOK_S)


QUERIES: Final = Lane()
"""Those of this process: what they share with sleep is the process itself."""
