"""Store: the database adds the ledger up as one would by hand, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from sleeptime.core.call import LOST, RUNNING, Call, Phase, WorstCase
from sleeptime.core.context import MAX_NAME_CHARS
from sleeptime.core.errors import NotFound
from sleeptime.core.price import Tier
from sleeptime.core.totals import Sums, Totals
from sleeptime.core.usage import Usage
from sleeptime.store.store import Store
from sleeptime.store.tables import MAX_TENANT_CHARS
from tests.integration.store.builders import context


def some_calls(rng: Random, count: int) -> list[Call]:
    outcomes = ["ok", "ok", "RateLimited", RUNNING]
    return [
        Call(
            phase=rng.choice(list(Phase)),
            model=rng.choice(["m", "n"]),
            usage=Usage(rng.randrange(100), rng.randrange(9), 0, rng.randrange(50)),
            context=rng.choice(["", "a", "b", "c"]),
            tier=rng.choice(list(Tier)),
            cost_usd=rng.choice([None, 0.0, 0.25]),
            latency_s=rng.choice([0.5, 2.0]),
            outcome=rng.choice(outcomes),
            worker=rng.choice(["dead", "alive"]),
            reserved=WorstCase(7, 0.5),
            at=datetime(2026, 5, 4, rng.randrange(24), tzinfo=UTC),
            id=f"{n}",
        )
        for n in range(count)
    ]


async def kept(store: Store, calls: list[Call]) -> list[Call]:
    for call in calls:
        if call.outcome == RUNNING:
            await store.ledger.begin(replace(call, usage=Usage(), cost_usd=None, latency_s=0.0))
        else:
            await store.ledger.end(replace(call, reserved=WorstCase()))
    await store.ledger.lose(["dead"])
    return list(await store.ledger.calls())


def by_hand(calls: list[Call]) -> dict[tuple[str, Phase, str, Tier], Totals]:
    sums: dict[tuple[str, Phase, str, Tier], Totals] = {}
    for call in calls:
        key = call.context, call.phase, call.model, call.tier
        sums[key] = sums.get(key, Totals()) + Totals.of_call(call)
    return sums


def rows_of(sums: Sums) -> dict[tuple[str, Phase, str, Tier], Totals]:
    return {(row.context, row.phase, row.model, row.tier): row.totals for row in sums.rows}


async def test_the_sums_are_those_of_the_calls(store: Store) -> None:
    calls = await kept(store, some_calls(Random(5), 120))
    assert {call.outcome for call in calls} == {"ok", "RateLimited", RUNNING, LOST}
    sums = await store.ledger.sums()
    assert rows_of(sums) == by_hand(calls)
    assert [row.context for row in sums.rows] == sorted(row.context for row in sums.rows)
    assert list(sums.totals) == list(Phase)
    for phase, totals in sums.totals.items():
        assert totals == Totals.of(call for call in calls if call.phase is phase)
    assert sums.contexts == 3


async def test_the_sums_of_one_context_are_its_own(store: Store) -> None:
    await kept(store.for_tenant("other"), some_calls(Random(1), 10))
    calls = await kept(store, some_calls(Random(6), 60))
    sums = await store.ledger.sums("a")
    assert rows_of(sums) == by_hand([call for call in calls if call.context == "a"])
    assert sum(totals.calls for totals in sums.totals.values()) == sum(row.totals.calls for row in sums.rows)


async def test_of_many_contexts_those_that_used_most_have_rows(store: Store) -> None:
    for n in range(6):
        await store.ledger.end(Call(phase=Phase.WAKE, model="m", usage=Usage(10 * n), context=f"c{n}"))
    await store.ledger.end(Call(phase=Phase.SLEEP, model="m", usage=Usage(100), context="c1"))
    await store.ledger.end(Call(phase=Phase.GATE, model="m", usage=Usage(1)))
    sums = await store.ledger.sums(limit=2)
    assert {row.context for row in sums.rows} == {"", "c1", "c5"}
    assert (sums.contexts, sums.totals[Phase.WAKE].calls) == (6, 6), "totals are over all of them"


async def test_a_context_without_calls_has_empty_sums_and_an_unknown_one_is_not_found(store: Store) -> None:
    await store.add_context(context(a="one"))
    assert await store.ledger.sums("shop") == Sums((), {}, 0)
    assert await store.ledger.sums() == Sums((), {}, 0)
    with pytest.raises(NotFound):
        await store.ledger.sums("nowhere")


async def test_a_call_that_was_taken_back_leaves_no_line_and_one_that_was_left_goes_on(store: Store) -> None:
    running = Call(phase=Phase.SLEEP, model="m", usage=Usage(), context="a", outcome=RUNNING, worker="w")
    await store.ledger.begin(running)
    assert (await store.ledger.sums("a")).totals[Phase.SLEEP] == Totals(running_calls=1)
    await store.ledger.leave(running)
    await store.ledger.begin(running)
    assert (await store.ledger.sums("a")).totals[Phase.SLEEP] == Totals(running_calls=1)
    await store.ledger.withdraw(running)
    with pytest.raises(NotFound):
        await store.ledger.sums("a")
    assert (await store.ledger.sums()).rows == ()


async def test_a_call_that_was_answered_elsewhere_counts_where_it_was_answered(store: Store) -> None:
    running = Call(phase=Phase.SLEEP, model="m", usage=Usage(), context="a", tier=Tier.FLEX, outcome=RUNNING)
    await store.ledger.begin(running)
    await store.ledger.end(replace(running, outcome="ok", tier=Tier.STANDARD, model="n", usage=Usage(3)))
    (row,) = (await store.ledger.sums("a")).rows
    assert (row.model, row.tier, row.totals) == ("n", Tier.STANDARD, Totals(1, unknown_calls=1, usage=Usage(3)))


async def test_names_as_long_as_they_may_be_are_kept(store: Store) -> None:
    rng = Random(3)

    def name(length: int) -> str:
        return "".join(chr(rng.randrange(0x20000, 0x2A000)) for _ in range(length))

    tenant = store.for_tenant(name(MAX_TENANT_CHARS))
    call = Call(phase=Phase.SLEEP, model=name(3_000), usage=Usage(1), context=name(MAX_NAME_CHARS))
    await tenant.ledger.end(call)
    (row,) = (await tenant.ledger.sums()).rows
    assert (row.context, row.model) == (call.context, call.model)
