"""The queue before nano's engine: one batch of what comes together, delivered one by one; errors reach the waiter."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from threading import active_count

import pytest

from sleeptime.core.lane import Lane
from sleeptime.models import nano_queue
from sleeptime.models.nano_queue import NanoQueue
from sleeptime.nano.engine import Completion, Engine, Request, TooLongError
from sleeptime.nano.sampler import Sampling
from tests.unit.nano.tiny import TINY, tiny_weights


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch waits long enough for company on a busy machine too: what comes together is decided here, not by luck."""
    monkeypatch.setattr(nano_queue, "GATHER_S", 0.2)


CONTEXT = [n % TINY.vocab for n in range(30)]


def test_requests_that_come_together_share_one_batch() -> None:
    engine = Engine(tiny_weights())
    queue = NanoQueue(engine)
    requests = [Request([*CONTEXT, n], 5, sampling=Sampling(1.0, 1.0, n)) for n in range(6)]
    found = [future.result(10) for future in [queue.submit(request) for request in requests]]
    assert sum(completion.num_cached_tokens for completion in found) == 5 * len(CONTEXT)
    assert [c.ids for c in found] == [engine.generate([request])[0].ids for request in requests]


def test_a_short_completion_is_delivered_before_a_long_one_of_its_batch() -> None:
    queue = NanoQueue(Engine(tiny_weights()))
    order: list[int] = []
    futures: list[Future[Completion]] = []
    for length in (60, 1):
        future = queue.submit(Request(CONTEXT, length))
        future.add_done_callback(lambda done: order.append(len(done.result().ids)))
        futures.append(future)
    for future in futures:
        future.result(10)
    assert order == [1, 60]


def test_a_request_that_cannot_be_served_is_refused_at_once() -> None:
    queue = NanoQueue(Engine(tiny_weights()))
    with pytest.raises(TooLongError, match="has 96 tokens"):
        queue.submit(Request([1] * 96))


def test_a_cancelled_request_leaves_the_others_alone() -> None:
    queue = NanoQueue(Engine(tiny_weights()))
    first, second = (queue.submit(Request([*CONTEXT, n], 3)) for n in range(2))
    assert first.cancel()
    assert len(second.result(10).ids) == 3
    with pytest.raises(CancelledError):
        first.result()


def test_an_error_of_the_engine_reaches_every_waiter_and_the_queue_lives_on() -> None:
    weights = tiny_weights()
    engine = Engine(weights)
    queue = NanoQueue(engine)
    request = Request(CONTEXT, 3)
    broken, engine._decoder.weights = engine._decoder.weights, None  # type: ignore[assignment] # a decoder that breaks
    with pytest.raises(AttributeError):
        queue.submit(request).result(10)
    engine._decoder.weights = broken
    assert len(queue.submit(request).result(10).ids) == 3


def test_no_thread_outlives_the_work() -> None:
    before = active_count()
    queue = NanoQueue(Engine(tiny_weights()))
    for future in [queue.submit(Request([*CONTEXT, n], 3)) for n in range(4)]:
        future.result(10)
    while active_count() > before:
        pass


def test_answers_go_before_sleep_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = Lane()
    monkeypatch.setattr(queries, "give_way", lambda: Lane.give_way(queries, 60.0))
    queue = NanoQueue(Engine(tiny_weights()), queries)
    with queries.query():
        asleep = queue.submit(Request(CONTEXT, 60), is_sleep=True)
        for n in range(3):
            assert len(queue.submit(Request([*CONTEXT, n], 5)).result(10).ids) == 5
        with pytest.raises(TimeoutError):
            asleep.result(0.2)
    assert len(asleep.result(10).ids) == 60


def test_sleep_goes_on_after_an_answer_that_was_cancelled_or_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = Lane()
    monkeypatch.setattr(queries, "give_way", lambda: Lane.give_way(queries, 60.0))
    engine = Engine(tiny_weights())
    queue = NanoQueue(engine, queries)
    assert queue.submit(Request(CONTEXT, 3)).cancel()
    broken, engine._decoder.weights = engine._decoder.weights, None  # type: ignore[assignment] # a decoder that breaks
    with pytest.raises(AttributeError):
        queue.submit(Request(CONTEXT, 3)).result(10)
    engine._decoder.weights = broken
    assert len(queue.submit(Request(CONTEXT, 3), is_sleep=True).result(10).ids) == 3


def test_sleep_and_answers_say_what_they_say_alone() -> None:
    engine = Engine(tiny_weights())
    queue = NanoQueue(engine)
    requests = [Request([*CONTEXT, n], 20, sampling=Sampling(1.0, 1.0, n)) for n in range(6)]
    futures = [queue.submit(request, is_sleep=n % 2 == 0) for n, request in enumerate(requests)]
    assert [future.result(10).ids for future in futures] == [engine.generate([each])[0].ids for each in requests]
