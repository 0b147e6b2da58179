"""models.breaker: a model that keeps failing is left alone by all workers, and asked again by one call at a time."""

from __future__ import annotations

import doctest
from dataclasses import replace

import pytest

from sleeptime.core import breaker as breaker_module
from sleeptime.core.breaker import BreakerPolicy, BreakerState
from sleeptime.core.call import RUNNING, Call, Phase
from sleeptime.core.errors import CapReached, NotNow
from sleeptime.core.price import Tier
from sleeptime.core.usage import Usage
from sleeptime.models.breaker import GuardedCalls
from sleeptime.store.store import Store
from tests.support.calls import MemoryLedger
from tests.support.clock import Clock

MODEL = "openai api.openai.com gpt-4o"
POLICY = BreakerPolicy(errors=3, pause_s=30, longest_pause_s=100, probe_s=120)


class Full(MemoryLedger):
    """A ledger whose caps leave no room."""

    async def begin(self, call: Call) -> None:
        raise CapReached("no room")


class Worker:
    """A process that calls the model, on a database that others share."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.ledger = MemoryLedger()
        self.calls = GuardedCalls(self.ledger, store.breakers, MODEL, POLICY, now=clock.now)

    async def begin(self, phase: Phase = Phase.SLEEP, *, tier: Tier = Tier.STANDARD) -> Call:
        """A call that is under way."""
        call = Call(phase=phase, model="gpt-4o", usage=Usage(), tier=tier, outcome=RUNNING)
        await self.calls.begin(call)
        return call

    async def make(self, outcome: str = "ok", *, phase: Phase = Phase.SLEEP, tier: Tier = Tier.STANDARD) -> None:
        """A call with its outcome."""
        await self.calls.end(replace(await self.begin(phase, tier=tier), outcome=outcome))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workers(store: Store, clock: Clock) -> list[Worker]:
    """Two workers on one database."""
    return [Worker(store, clock), Worker(store, clock)]


async def open_breaker(workers: list[Worker]) -> None:
    """Let calls fail until they are put off."""
    for n in range(POLICY.errors):
        await workers[n % 2].make("ProviderDown")


def test_the_worked_numbers_hold() -> None:
    assert doctest.testmod(breaker_module).failed == 0


async def test_it_opens_for_every_worker_after_errors_in_a_row(
    workers: list[Worker], store: Store, clock: Clock
) -> None:
    for n in range(2):
        await workers[n].make("ProviderDown")
    await workers[0].make("ok")
    for n in range(2):
        await workers[n].make("RateLimited")
    await workers[0].make("ModelTimeout")
    with pytest.raises(NotNow, match=r"failed 3 times in a row \(ModelTimeout\)") as raised:
        await workers[1].begin()
    assert (raised.value.until - clock.now()).total_seconds() == 30
    (breaker,) = await store.breakers.list()
    assert (breaker.model, breaker.failures, breaker.last_error) == (MODEL, 3, "ModelTimeout")
    assert breaker.state(clock.now()) is BreakerState.OPEN


@pytest.mark.parametrize("outcome", ["RequestRejected", "PromptRejected", "BadReply", "ok"])
async def test_our_own_mistakes_show_that_the_provider_answers(
    workers: list[Worker], store: Store, outcome: str
) -> None:
    for _ in range(3):
        await workers[0].make("ProviderDown")
        await workers[0].make("ProviderDown")
        await workers[0].make(outcome)
    assert await store.breakers.list() == ()


async def test_what_says_nothing_about_the_provider_changes_nothing(workers: list[Worker], store: Store) -> None:
    await workers[0].make("ProviderDown")
    for outcome in ("CancelledError", "Stopped", "BatchOverdue", "InputError", "NotNow"):
        await workers[0].make(outcome)
    assert [breaker.failures for breaker in await store.breakers.list()] == [1]


async def test_after_the_pause_one_call_goes_through_and_its_answer_closes_it(
    workers: list[Worker], store: Store, clock: Clock
) -> None:
    await open_breaker(workers)
    clock.go_on(30)
    assert [breaker.state(clock.now()) for breaker in await store.breakers.list()] == [BreakerState.HALF_OPEN]
    probe = await workers[0].begin()
    for worker in workers:
        with pytest.raises(NotNow):
            await worker.begin()
    await workers[0].calls.end(replace(probe, outcome="ok"))
    assert await store.breakers.list() == ()
    await workers[1].make("ok")


async def test_pauses_double_up_to_the_longest(workers: list[Worker], clock: Clock) -> None:
    await open_breaker(workers)
    pauses = []
    for _ in range(4):
        with pytest.raises(NotNow) as raised:
            await workers[0].begin()
        pauses.append((raised.value.until - clock.now()).total_seconds())
        clock.go_on(pauses[-1])
        await workers[1].make("ProviderDown")
    assert pauses == [30, 60, 100, 100]


async def test_a_probe_that_nobody_hears_of_again_does_not_keep_it_open(
    workers: list[Worker], store: Store, clock: Clock
) -> None:
    await open_breaker(workers)
    clock.go_on(30)
    await workers[0].begin()  # its process is killed
    clock.go_on(POLICY.probe_s)
    await workers[1].make("ok")
    assert await store.breakers.list() == ()


@pytest.mark.parametrize("outcome", ["CancelledError", "Stopped"])
async def test_a_probe_that_was_cancelled_lets_the_next_call_be_one(
    workers: list[Worker], store: Store, clock: Clock, outcome: str
) -> None:
    await open_breaker(workers)
    clock.go_on(30)
    await workers[0].make(outcome)
    await workers[1].make("ok")
    assert await store.breakers.list() == ()


async def test_a_probe_that_could_not_begin_lets_the_next_call_be_one(
    workers: list[Worker], store: Store, clock: Clock
) -> None:
    await open_breaker(workers)
    clock.go_on(30)
    with pytest.raises(CapReached):
        await GuardedCalls(Full(), store.breakers, MODEL, POLICY, now=clock.now).begin(
            Call(phase=Phase.SLEEP, model="gpt-4o", usage=Usage(), outcome=RUNNING)
        )
    await workers[1].make("ok")


async def test_calls_that_were_under_way_when_it_opened_do_not_make_the_pause_longer(
    workers: list[Worker], clock: Clock
) -> None:
    early = [await workers[0].begin() for _ in range(5)]
    await open_breaker(workers)
    for call in early:
        await workers[0].calls.end(replace(call, outcome="ProviderDown"))
    with pytest.raises(NotNow) as raised:
        await workers[1].begin()
    assert (raised.value.until - clock.now()).total_seconds() == 30


async def test_queries_are_never_put_off_and_their_errors_count(workers: list[Worker], store: Store) -> None:
    for _ in range(POLICY.errors):
        await workers[0].make("ProviderDown", phase=Phase.WAKE)
    with pytest.raises(NotNow):
        await workers[1].begin()
    await workers[0].make("ok", phase=Phase.WAKE)
    assert len(await store.breakers.list()) == 1, "only the probe closes it"


async def test_batches_and_answers_that_are_there_pass_an_open_breaker(workers: list[Worker], store: Store) -> None:
    await open_breaker(workers)
    await workers[0].make("BatchOverdue", tier=Tier.BATCH)
    workers[0].ledger.replies["job", "0.1"] = "{}"
    assert await workers[0].calls.answered("job", "0.1") == "{}"
    assert len(await store.breakers.list()) == 1
