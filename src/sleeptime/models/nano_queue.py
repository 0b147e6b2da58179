"""Requests to nano that come at about the same time, decoded in one batch. Knows nothing of text or of pydantic-ai.

Answers and sleep have a lane each. Sleep gives way: between two of its tokens it waits while an answer is under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from sleeptime.nano.engine import MAX_ROWS, Completion, Engine, Request

GATHER_S = 0.002
"""How long a batch waits for company: far less than one completion takes."""
MAX_BATCHES = 2
"""Batches of answers decoded side by side, so that a short one need not wait for a long one."""
MAX_SLEEP_BATCHES = 1
PATIENCE_S = 0.25
"""Sleep gives way for no longer than this for each of its tokens, so that queries without an end do not stop it."""


@dataclass(slots=True)
class _Lane:
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
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._no_answer = threading.Condition(self._lock)
        self._num_answers = 0
        """Answers that wait, run or stream."""
        self._answers = _Lane(MAX_BATCHES)
        self._sleep = _Lane(MAX_SLEEP_BATCHES)

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
            self._answer_begins()
            future.add_done_callback(lambda _: self._answer_ends())
        with self._lock:
            lane = self._sleep if is_sleep else self._answers
            lane.waiting.append((request, future))
            self._gather(lane)
        return future

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Let sleep give way to an answer that is decoded elsewhere, until the block ends."""
        self._answer_begins()
        try:
            yield
        finally:
            self._answer_ends()

    def _answer_begins(self) -> None:
        with self._lock:
            self._num_answers += 1

    def _answer_ends(self) -> None:
        with self._lock:
            self._num_answers -= 1
            if not self._num_answers:
                self._no_answer.notify_all()

    def _give_way(self) -> None:
        """Wait until no answer is under way, but not for ever."""
        with self._lock:
            self._no_answer.wait_for(lambda: not self._num_answers, PATIENCE_S)

    def _gather(self, lane: _Lane) -> None:
        """Start a batch when requests wait and there is room for it; the lock is held."""
        if lane.has_room:
            lane.is_gathering = True
            threading.Thread(target=self._run, args=(lane,), name="nano").start()

    def _run(self, lane: _Lane) -> None:
        time.sleep(GATHER_S)
        with self._lock:
            taken, lane.waiting = lane.waiting[:MAX_ROWS], lane.waiting[MAX_ROWS:]
            lane.is_gathering = False
            lane.num_running += 1
            self._gather(lane)
        batch = [(request, future) for request, future in taken if future.set_running_or_notify_cancel()]
        try:
            self._engine.generate(
                [request for request, _ in batch],
                lambda i, completion: batch[i][1].set_result(completion),
                before_step=self._give_way if lane is self._sleep else None,
            )
        except BaseException as error:  # noqa: BLE001 - the edge of a worker thread: every waiter gets the error
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            with self._lock:
                lane.num_running -= 1
                self._gather(lane)
