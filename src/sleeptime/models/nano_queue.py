"""Requests to nano that come at about the same time, decoded in one batch. Knows nothing of text or of pydantic-ai.

Answers and sleep have batches of their own. Sleep gives way: between two of its tokens it waits while a query is under
way.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from sleeptime.core.lane import QUERIES, Lane
from sleeptime.nano.engine import MAX_ROWS, Completion, Engine, Request

GATHER_S = 0.002
"""How long a batch waits for company: far less than one completion takes."""
MAX_BATCHES = 2
"""Batches of answers decoded side by side, so that a short one need not wait for a long one."""
MAX_SLEEP_BATCHES = 1


@dataclass(slots=True)
class _Kind:
    """Requests of one kind, and how many batches of them there may be."""

    max_batches: int
    waiting: list[tuple[Request, Future[Completion]]] = field(default_factory=list)
    is_gathering: bool = False
    num_running: int = 0

    @property
    def has_room(self) -> bool:
        return bool(self.waiting) and not self.is_gathering and self.num_running < self.max_batches


class NanoQueue:
    """Runs requests on an engine, in threads that live while there is work. May be used from any thread or event loop.

    Args:
        engine: does the decoding.
        queries: that go first.
    """

    def __init__(self, engine: Engine, queries: Lane = QUERIES) -> None:
        self._engine = engine
        self._queries = queries
        self._lock = threading.Lock()
        self._answers = _Kind(MAX_BATCHES)
        self._sleep = _Kind(MAX_SLEEP_BATCHES)

    def submit(self, request: Request, *, is_sleep: bool = False) -> Future[Completion]:
        """Queue one request; cancelling its future works until its batch starts.

        Args:
            request: what to complete.
            is_sleep: whether nobody waits for it, so that answers go before it.

        Raises:
            TooLongError, ValueError: as `Engine.generate`, at once.
        """
        self._engine.check(request)
        future: Future[Completion] = Future()
        if not is_sleep:
            self._queries.begin()
            future.add_done_callback(lambda _: self._queries.end())
        with self._lock:
            kind = self._sleep if is_sleep else self._answers
            kind.waiting.append((request, future))
            self._gather(kind)
        return future

    def _gather(self, kind: _Kind) -> None:
        """Start a batch when requests wait and there is room for it; the lock is held."""
        if kind.has_room:
            kind.is_gathering = True
            threading.Thread(target=self._run, args=(kind,), name="nano").start()

    def _run(self, kind: _Kind) -> None:
        time.sleep(GATHER_S)
        with self._lock:
            taken, kind.waiting = kind.waiting[:MAX_ROWS], kind.waiting[MAX_ROWS:]
            kind.is_gathering = False
            kind.num_running += 1
            self._gather(kind)
        batch = [(request, future) for request, future in taken if future.set_running_or_notify_cancel()]
        try:
            self._engine.generate(
                [request for request, _ in batch],
                lambda i, completion: batch[i][1].set_result(completion),
                before_step=self._queries.give_way if kind is self._sleep else None,
            )
        except BaseException as error:  # noqa: BLE001 - the edge of a worker thread: every waiter gets the error
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            with self._lock:
                kind.num_running -= 1
                self._gather(kind)
