"""gate.caps: near a cap calls wait for those under way instead of failing, and fail where waiting cannot help."""

from __future__ import annotations

import asyncio

import pytest

from sleeptime.core.call import RUNNING, Call, Phase, WorstCase
from sleeptime.core.caps import Cap
from sleeptime.core.errors import CapReached, StoreError
from sleeptime.core.spend import Spend
from sleeptime.core.usage import Usage
from sleeptime.gate.caps import PatientLedger, UnderWay
from tests.support.calls import MemoryLedger


class CappedLedger(MemoryLedger):
    """Counts tokens against a cap, as a store does; others may hold some."""

    def __init__(self, max_tokens: int, held_by_others: int = 0) -> None:
        super().__init__()
        self.cap = Cap(max_tokens=max_tokens)
        self.held_by_others = held_by_others
        self.refusals = 0

    async def begin(self, call: Call) -> None:
        await asyncio.sleep(0)  # as long as a database takes
        running = sum(each.reserved.tokens for each in self.running.values()) + self.held_by_others
        spend = Spend(tokens=sum(each.usage.total_tokens for each in self.calls), reserved_tokens=running)
        if not self.cap.has_room(spend, call.reserved):
            self.refusals += 1
            raise CapReached("no room", is_held=self.cap.has_room(spend.settled, call.reserved))
        await super().begin(call)


def running(tokens: int = 10) -> Call:
    return Call(phase=Phase.SLEEP, model="m", usage=Usage(), outcome=RUNNING, reserved=WorstCase(tokens))


async def make(ledger: PatientLedger, used: int, call: Call | None = None, takes_s: float = 0.01) -> None:
    call = call or running()
    await ledger.begin(call)
    await asyncio.sleep(takes_s)
    await ledger.end(Call(phase=Phase.SLEEP, model="m", usage=Usage(used), id=call.id))


@pytest.mark.parametrize(("used", "made"), [(10, 3), (7, 4), (1, 20)])
async def test_calls_side_by_side_use_what_others_leave(used: int, made: int) -> None:
    inner = CappedLedger(35)
    under_way = UnderWay()
    ledgers = [PatientLedger(inner, under_way, waits_s=()) for _ in range(3)]
    done = await asyncio.gather(*(make(ledgers[n % 3], used) for n in range(20)), return_exceptions=True)
    assert sum(isinstance(each, CapReached) for each in done) == 20 - made
    assert (len(inner.calls), len(under_way), inner.running) == (made, 0, {})


async def test_a_call_that_fits_beside_nothing_is_refused_at_once() -> None:
    inner = CappedLedger(35)
    ledger = PatientLedger(inner, UnderWay(), waits_s=(60,))
    first = asyncio.create_task(make(ledger, 1, takes_s=60))
    await asyncio.sleep(0.01)
    with pytest.raises(CapReached):
        await ledger.begin(running(36))
    assert inner.refusals == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_for_calls_of_other_processes_it_tries_a_few_times() -> None:
    inner = CappedLedger(35, held_by_others=30)
    ledger = PatientLedger(inner, UnderWay(), waits_s=(0.01, 0.01))
    with pytest.raises(CapReached):
        await ledger.begin(running())
    assert inner.refusals == 3
    waiting = asyncio.create_task(make(PatientLedger(inner, UnderWay(), waits_s=(0.05, 60)), 1))
    await asyncio.sleep(0.02)
    inner.held_by_others = 0
    await waiting
    assert len(inner.calls) == 1


async def test_a_call_that_a_provider_has_in_hand_is_not_waited_for() -> None:
    inner = CappedLedger(15)
    ledger = PatientLedger(inner, UnderWay(), waits_s=())
    batch = running()
    await ledger.begin(batch)
    waiting = asyncio.create_task(ledger.begin(running()))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await ledger.leave(batch)
    with pytest.raises(CapReached):
        await waiting
    assert inner.left == [batch.id]


async def test_an_end_that_could_not_be_kept_lets_others_try() -> None:
    class Away(CappedLedger):
        async def end(self, call: Call, reply: str | None = None) -> None:
            await super().end(call, reply)
            raise StoreError("away")

    inner, under_way = Away(15), UnderWay()
    ledger = PatientLedger(inner, under_way, waits_s=())
    done = await asyncio.gather(*(make(ledger, 1) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in done] == [StoreError, StoreError]
    assert (len(inner.calls), len(under_way)) == (2, 0)


async def test_what_was_answered_is_asked_of_the_inner_ledger() -> None:
    inner = MemoryLedger()
    inner.replies["j", "0.0"] = "72"
    ledger = PatientLedger(inner, UnderWay())
    assert (await ledger.answered("j", "0.0"), await ledger.answered("j", "0.1")) == ("72", None)
