"""models.pace: calls of sleep keep to the limits of a provider, over all workers; queries never wait."""

from __future__ import annotations

import asyncio
import doctest
from dataclasses import replace

import pytest
from sqlalchemy import select

from sleeptime.core import pace as pace_module
from sleeptime.core.call import RUNNING, Call, Phase, WorstCase
from sleeptime.core.errors import CapReached, InputError, NotNow
from sleeptime.core.pace import Pace, minute_of
from sleeptime.core.price import Tier
from sleeptime.core.usage import Usage
from sleeptime.models.pace import PacedCalls, Pacer
from sleeptime.store.rate_rows import KEPT_MINUTES
from sleeptime.store.store import Store
from sleeptime.store.tables import RateRow
from tests.support.calls import MemoryLedger
from tests.support.clock import Clock

PROVIDER = "openai api.openai.com"


class Full(MemoryLedger):
    """A ledger whose caps leave no room."""

    async def begin(self, call: Call) -> None:
        raise CapReached("no room")


class Worker:
    """A process with its own way to the provider, on a database that others share."""

    def __init__(self, store: Store, clock: Clock, pace: Pace) -> None:
        self.ledger = MemoryLedger()
        self.pacer = Pacer(PROVIDER, pace, store.rates, now=clock.now, sleep=clock.sleep)
        self.calls = PacedCalls(self.ledger, self.pacer)
        self._clock = clock

    def call(self, phase: Phase = Phase.SLEEP, *, tokens: int = 0, tier: Tier = Tier.STANDARD) -> Call:
        """A call that is about to be made, of an estimate of so many tokens."""
        worst = WorstCase(tokens * 4, 0.0)
        at = self._clock.now()
        return Call(phase=phase, model="m", usage=Usage(), tier=tier, outcome=RUNNING, reserved=worst, at=at)

    async def make(self, call: Call, *, used: int = 0) -> None:
        """Begin and end a call."""
        await self.calls.begin(call)
        await self.calls.end(replace(call, outcome="ok", usage=Usage(input_tokens=used), reserved=WorstCase()))


async def counted(store: Store) -> list[tuple[int, int, int]]:
    """Minute, requests and tokens of every row."""
    async with store._database.reading() as connection:
        rows = await connection.execute(select(RateRow.minute, RateRow.requests, RateRow.tokens))
        return sorted((row.minute, row.requests, row.tokens) for row in rows)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_worked_numbers_hold() -> None:
    assert doctest.testmod(pace_module).failed == 0


def test_a_limit_that_leaves_room_for_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        Pace(requests_per_minute=0)


async def test_requests_of_all_workers_together_keep_to_the_limit_and_the_rest_wait_for_the_next_minute(
    store: Store, clock: Clock
) -> None:
    workers = [Worker(store, clock, Pace(requests_per_minute=10)) for _ in range(3)]
    # Each worker has more calls than go through in both minutes, so that none is done, whichever comes first.
    making = [asyncio.create_task(workers[n % 3].make(workers[n % 3].call())) for n in range(3 * 17)]
    await clock.until_sleeping(3)
    assert clock.sleeping == [30.0] * 3, "one call of each worker waits, the others stand behind it"
    assert sum(len(worker.ledger.calls) for worker in workers) == 8, "a fifth is left to queries"
    clock.go_on(30)
    await clock.until_sleeping(3)
    minute = minute_of(clock.now())
    assert await counted(store) == [(minute - 1, 8, 0), (minute, 8, 0)]
    for each in making:
        each.cancel()
    await asyncio.gather(*making, return_exceptions=True)


async def test_a_query_never_waits_and_leaves_less_to_sleep(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(calls_at_once=1, requests_per_minute=5))
    for _ in range(4):
        await worker.make(worker.call())
    sleeping = asyncio.create_task(worker.make(worker.call()))
    await clock.until_sleeping(1)
    for _ in range(3):
        await worker.make(worker.call(Phase.WAKE), used=10)
    assert not sleeping.done()
    assert await counted(store) == [(minute_of(clock.now()), 7, 30)]
    clock.go_on(60)
    await sleeping


async def test_tokens_are_estimated_before_a_call_and_put_right_after_it(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(tokens_per_minute=1000))
    await worker.make(worker.call(tokens=700), used=300)
    assert await counted(store) == [(minute_of(clock.now()), 1, 300)]
    await worker.make(worker.call(tokens=500), used=500)
    waiting = asyncio.create_task(worker.make(worker.call(tokens=1)))
    await clock.until_sleeping(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("outcome", "doubt", "tokens"), [("RequestRejected", 0, 0), ("ModelTimeout", 2000, 500), ("ok", 0, 500)]
)
async def test_a_call_that_told_nothing_counts_its_estimate_unless_it_was_free(
    store: Store, clock: Clock, outcome: str, doubt: int, tokens: int
) -> None:
    worker = Worker(store, clock, Pace(tokens_per_minute=1000))
    call = worker.call(tokens=500)
    await worker.calls.begin(call)
    await worker.calls.end(replace(call, outcome=outcome, reserved=WorstCase(doubt, 0.0)))
    assert await counted(store) == [(minute_of(clock.now()), 1, tokens)]


async def test_a_call_larger_than_a_minute_gets_a_minute_of_its_own(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(tokens_per_minute=100))
    await worker.make(worker.call(tokens=10), used=10)
    large = asyncio.create_task(worker.make(worker.call(tokens=5000), used=5000))
    await clock.until_sleeping(1)
    clock.go_on(30)
    await large
    assert [tokens for _, _, tokens in await counted(store)] == [10, 5000]


async def test_a_call_that_could_not_begin_gives_its_turn_back(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(calls_at_once=1, requests_per_minute=100, tokens_per_minute=100))
    with pytest.raises(CapReached):
        await PacedCalls(Full(), worker.pacer).begin(worker.call(tokens=50))
    await worker.make(worker.call(tokens=5), used=5)
    assert await counted(store) == [(minute_of(clock.now()), 1, 5)]


async def test_no_more_calls_are_under_way_at_once_than_allowed_and_they_go_in_order(
    store: Store, clock: Clock
) -> None:
    worker = Worker(store, clock, Pace(calls_at_once=2))
    first, second, third, fourth = (worker.call() for _ in range(4))
    await worker.calls.begin(first)
    await worker.calls.begin(second)
    waiting = [asyncio.create_task(worker.calls.begin(call)) for call in (third, fourth)]
    await asyncio.sleep(0)
    assert list(worker.ledger.running.values()) == [first, second]
    await worker.calls.end(replace(second, outcome="ok"))
    await waiting[0]
    assert list(worker.ledger.running.values()) == [first, third]
    await worker.calls.end(replace(first, outcome="ok"))
    await waiting[1]


async def test_a_call_that_waits_too_long_is_put_off_to_the_next_minute(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(calls_at_once=1, longest_wait_s=0.01))
    await worker.calls.begin(worker.call())
    with pytest.raises(NotNow, match="max_calls_at_once") as raised:
        await worker.calls.begin(worker.call())
    assert raised.value.until.second == 0
    assert 0 < (raised.value.until - clock.now()).total_seconds() <= 60


async def test_a_cancelled_wait_keeps_no_place(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(calls_at_once=1))
    first = worker.call()
    await worker.calls.begin(first)
    waiting = asyncio.create_task(worker.calls.begin(worker.call()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await worker.calls.end(replace(first, outcome="ok"))
    await asyncio.wait_for(worker.make(worker.call()), 10)


async def test_batches_and_answers_that_are_there_take_no_turn(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(calls_at_once=1, requests_per_minute=1))
    await worker.calls.begin(worker.call())
    await asyncio.wait_for(worker.make(worker.call(tier=Tier.BATCH)), 10)
    worker.ledger.replies["job", "0.1"] = "{}"
    assert await asyncio.wait_for(worker.calls.answered("job", "0.1"), 10) == "{}"
    assert await counted(store) == [(minute_of(clock.now()), 1, 0)]


async def test_old_minutes_are_pruned_and_no_limit_counts_nothing(store: Store, clock: Clock) -> None:
    worker = Worker(store, clock, Pace(requests_per_minute=5))
    for _ in range(KEPT_MINUTES + 5):
        await worker.make(worker.call())
        clock.go_on(60)
    assert len(await counted(store)) == KEPT_MINUTES + 1
    free = Worker(store, clock, Pace(calls_at_once=1))
    await free.make(free.call(Phase.WAKE), used=5)
    await free.make(free.call())
    assert len(await counted(store)) == KEPT_MINUTES + 1
