"""Requests to nano that come at about the same time, decoded in one batch. Knows nothing of text or of pydantic-ai."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from sleeptime.nano.engine import MAX_ROWS, Completion, Engine, Request

GATHER_S = 0.002
"""How long a batch waits for company: far less than one completion takes."""
MAX_BATCHES = 2
"""Batches decoded side by side, so that a short answer need not wait for long notes."""


class NanoQueue:
    """Runs requests on an engine, in threads that live while there is work. May be used from any thread or event loop.

    Args:
        engine: does the decoding.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: list[tuple[Request, Future[Completion]]] = []
        self._is_gathering = False
        self._num_running = 0

    def submit(self, request: Request) -> Future[Completion]:
        """Queue one request; cancelling its future works until its batch starts.

        Raises:
            TooLongError, ValueError: as `Engine.generate`, at once.
        """
        self._engine.check(request)
        future: Future[Completion] = Future()
        with self._lock:
            self._waiting.append((request, future))
            self._gather()
        return future

    def _gather(self) -> None:
        """Start a batch when requests wait and there is room for it; the lock is held."""
        if self._waiting and not self._is_gathering and self._num_running < MAX_BATCHES:
            self._is_gathering = True
            threading.Thread(target=self._run, name="nano").start()

    def _run(self) -> None:
        time.sleep(GATHER_S)
        with self._lock:
            taken, self._waiting = self._waiting[:MAX_ROWS], self._waiting[MAX_ROWS:]
            self._is_gathering = False
            self._num_running += 1
            self._gather()
        batch = [(request, future) for request, future in taken if future.set_running_or_notify_cancel()]
        try:
            self._engine.generate(
                [request for request, _ in batch], lambda i, completion: batch[i][1].set_result(completion)
            )
        except BaseException as error:  # noqa: BLE001 - the edge of a worker thread: every waiter gets the error
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            with self._lock:
                self._num_running -= 1
                self._gather()
