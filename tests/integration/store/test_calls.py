"""Store: a call is known before it is made, however it ends, and the sums follow it; on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import LOST, RUNNING, Call, Phase, WorstCase
from sleeptime.core.spend import Lane, Scope, Spend
from sleeptime.core.totals import Totals
from sleeptime.core.usage import Usage
from sleeptime.store import ledger_rows
from sleeptime.store.database import Database
from sleeptime.store.store import Store
from sleeptime.store.tables import CallRow
from tests.integration.store.builders import make_first_release

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
BEGUN = Call(
    phase=Phase.SLEEP,
    model="gpt-5",
    usage=Usage(),
    context="shop",
    job_id="j",
    key="0.1",
    worker="w1",
    outcome=RUNNING,
    reserved=WorstCase(100, 0.5),
    at=NOON,
)
ENDED = replace(BEGUN, outcome="ok", usage=Usage(10, 20, 5, 7, 3), cost_usd=0.125, reserved=WorstCase())
SUMS = [
    (Scope.JOB, "j", None),
    (Scope.CONTEXT, "shop", "2026-05-04"),
    (Scope.CONTEXT, "shop", None),
    (Scope.TENANT, "", "2026-05-04"),
    (Scope.TENANT, "", None),
]


async def spends(store: Store, lane: Lane = Lane.SLEEP) -> set[Spend]:
    """What the sums of every scope say; one of them when they agree."""
    return {await store.ledger.spend(scope, subject, day=day, lane=lane) for scope, subject, day in SUMS}


async def test_a_call_under_way_is_in_the_ledger_with_its_worst_case(store: Store) -> None:
    for _ in range(2):
        await store.ledger.begin(BEGUN)
    assert await store.ledger.calls("shop") == await store.ledger.of_job("j") == (BEGUN,)
    assert await spends(store) == {Spend(reserved_tokens=100, reserved_usd=0.5)}


async def test_what_a_call_used_takes_the_place_of_its_worst_case(store: Store) -> None:
    await store.ledger.begin(BEGUN)
    for _ in range(2):
        await store.ledger.end(ENDED, '{"a": 1}')
    assert await store.ledger.calls() == (ENDED,)
    assert await spends(store) == {Spend(calls=1, tokens=42, cost_usd=0.125)}
    await store.ledger.begin(BEGUN)
    assert await store.ledger.calls() == (ENDED,), "an end stays"


async def test_a_call_that_nobody_began_is_kept_too(store: Store) -> None:
    await store.ledger.end(ENDED)
    assert await store.ledger.calls() == (ENDED,)
    assert await spends(store) == {Spend(calls=1, tokens=42, cost_usd=0.125)}


async def test_a_call_counts_to_the_utc_day_on_which_it_began(store: Store) -> None:
    late = replace(BEGUN, at=datetime.fromisoformat("2026-05-04T23:59:59+00:00"))
    await store.ledger.begin(late)
    await store.ledger.end(replace(ENDED, at=late.at + timedelta(seconds=2)))
    assert (await store.ledger.spend(Scope.TENANT, day="2026-05-04")).tokens == 42
    assert await store.ledger.spend(Scope.TENANT, day="2026-05-05") == Spend()
    assert [call.at for call in await store.ledger.calls()] == [late.at]


async def test_a_call_that_was_taken_back_leaves_nothing(store: Store) -> None:
    await store.ledger.begin(BEGUN)
    for _ in range(2):
        await store.ledger.withdraw(BEGUN)
    assert await store.ledger.calls() == ()
    assert await spends(store) == {Spend()}


async def test_queries_count_apart_from_sleep(store: Store) -> None:
    await store.ledger.begin(BEGUN)
    await store.ledger.end(replace(ENDED, id="q", phase=Phase.WAKE, key=None))
    assert await spends(store) == {Spend(reserved_tokens=100, reserved_usd=0.5)}
    assert await spends(store, Lane.WAKE) == {Spend(calls=1, tokens=42, cost_usd=0.125)}


async def test_a_failure_of_unknown_cost_counts_its_worst_case_and_is_unpriced(store: Store) -> None:
    await store.ledger.begin(BEGUN)
    failed = replace(ENDED, outcome="ModelTimeout", usage=Usage(), cost_usd=None, reserved=WorstCase(100, 0.5))
    await store.ledger.end(failed)
    assert await store.ledger.calls() == (failed,)
    assert await spends(store) == {Spend(calls=1, unpriced_calls=1, doubt_tokens=100, doubt_usd=0.5)}


async def test_calls_of_a_dead_worker_are_lost_and_stay_counted(store: Store) -> None:
    other = store.for_tenant("other")
    await store.ledger.begin(BEGUN)
    await other.ledger.begin(BEGUN)
    await store.ledger.begin(replace(BEGUN, id="alive", worker="w2", key="0.2", job_id="k", context="other"))
    await store.ledger.end(replace(ENDED, id="done", key="0.0"))
    assert await store.ledger.lose(["w1", "w3"]) == 2
    assert await store.ledger.lose(["w1"]) == 0
    assert {call.id: call.outcome for call in await store.ledger.calls()} == {
        BEGUN.id: LOST,
        "alive": RUNNING,
        "done": "ok",
    }
    assert await other.ledger.calls() == (replace(BEGUN, outcome=LOST),)
    lost = Spend(calls=1, unpriced_calls=1, doubt_tokens=100, doubt_usd=0.5)
    assert await spends(other) == {lost}
    assert await store.ledger.spend(Scope.JOB, "j") == lost + Spend(calls=1, tokens=42, cost_usd=0.125)


async def test_a_worker_that_was_not_dead_after_all_ends_its_call(store: Store) -> None:
    await store.ledger.begin(BEGUN)
    await store.ledger.lose(["w1"])
    await store.ledger.end(ENDED)
    assert await store.ledger.calls() == (ENDED,)
    assert await spends(store) == {Spend(calls=1, tokens=42, cost_usd=0.125)}


async def test_calls_of_no_worker_are_lost_by_age_unless_a_provider_has_them_in_hand(store: Store) -> None:
    alone = replace(BEGUN, worker=None, key=None, id="alone")
    await store.ledger.begin(alone)
    await store.ledger.begin(BEGUN)
    await store.ledger.leave(BEGUN)
    assert await store.ledger.lose([], unowned_before=NOON) == 0
    assert await store.ledger.lose(["w1"], unowned_before=NOON + timedelta(seconds=1)) == 1
    assert {call.id: call.outcome for call in await store.ledger.calls()} == {"alone": LOST, BEGUN.id: RUNNING}


@pytest.mark.parametrize("before", ["left", "lost"])
async def test_a_call_is_taken_up_again_by_its_id(store: Store, before: str) -> None:
    await store.ledger.begin(BEGUN)
    await (store.ledger.leave(BEGUN) if before == "left" else store.ledger.lose(["w1"]))
    again = replace(BEGUN, worker="w2")
    await store.ledger.begin(again)
    assert await store.ledger.calls() == (again,)
    assert await spends(store) == {Spend(reserved_tokens=100, reserved_usd=0.5)}


async def test_an_answer_is_found_by_job_and_key_until_the_job_is_over(store: Store) -> None:
    await store.ledger.begin(BEGUN)
    assert await store.ledger.answered("j", "0.1") is None
    await store.ledger.end(ENDED, "reply")
    assert await store.ledger.answered("j", "0.1") == "reply"
    assert await store.ledger.answered("j", "0.2") is None
    assert await store.ledger.answered("other", "0.1") is None
    assert await store.for_tenant("other").ledger.answered("j", "0.1") is None
    left = replace(BEGUN, id="left", key="0.2")
    await store.ledger.begin(left)
    await close(store, "j")
    assert await store.ledger.answered("j", "0.1") is None
    assert await store.ledger.calls() == in_order(ENDED, replace(left, outcome=LOST))


async def close(store: Store, job_id: str) -> None:
    await store._database.write(lambda connection: ledger_rows.close_job(connection, store.tenant, job_id))


def in_order(*calls: Call) -> tuple[Call, ...]:
    return tuple(sorted(calls, key=lambda call: (call.at, call.id)))


async def test_failed_attempts_have_the_key_of_the_answer(store: Store) -> None:
    failed = replace(ENDED, id="f", outcome="ProviderDown", usage=Usage(), cost_usd=0.0)
    await store.ledger.end(failed)
    assert await store.ledger.answered("j", "0.1") is None
    await store.ledger.end(ENDED, "reply")
    assert await store.ledger.answered("j", "0.1") == "reply"
    assert [call.key for call in await store.ledger.calls()] == ["0.1", "0.1"]


async def test_the_first_of_two_answers_counts_and_both_are_paid(store: Store) -> None:
    second = replace(ENDED, id="second", at=NOON + timedelta(seconds=1))
    await store.ledger.end(ENDED, "first")
    await store.ledger.end(second, "second")
    assert await store.ledger.answered("j", "0.1") == "first"
    assert await store.ledger.calls() == (ENDED, replace(second, key=None))
    assert await spends(store) == {Spend(calls=2, tokens=84, cost_usd=0.25)}


@pytest.mark.parametrize("reply", ["a\\u0000b", "x" * 3_000_000, "\N{HIRAGANA LETTER A}"])
async def test_a_reply_comes_back_as_it_was(store: Store, reply: str) -> None:
    await store.ledger.end(ENDED, reply)
    assert await store.ledger.answered("j", "0.1") == reply


async def test_a_call_of_unknown_price_stays_of_unknown_price(store: Store) -> None:
    unknown = replace(BEGUN, reserved=WorstCase(100, None))
    await store.ledger.begin(unknown)
    assert await store.ledger.calls() == (unknown,)
    assert await spends(store) == {Spend(reserved_tokens=100)}


async def test_calls_of_the_first_release_are_added_up(empty_database_url: str) -> None:
    calls = [
        replace(ENDED, id="a", key=None, worker=None),
        replace(ENDED, id="b", key=None, worker=None, cost_usd=None, at=NOON + timedelta(hours=13)),
        replace(ENDED, id="c", key=None, worker=None, phase=Phase.WAKE, job_id=None, query_id="q"),
    ]
    database = await Database.connect(empty_database_url)
    await database.write(lambda connection: connection.run_sync(make_first_release))
    for call in calls:
        await database.write(partial(keep_as_first_release, call))
    await database.close()
    async with await Store.open(empty_database_url) as store:
        assert await store.ledger.calls() == in_order(*calls)
        both = Spend(calls=2, tokens=84, cost_usd=0.125, unpriced_calls=1)
        assert await store.ledger.spend(Scope.JOB, "j") == await store.ledger.spend(Scope.CONTEXT, "shop") == both
        assert await store.ledger.spend(Scope.TENANT, day="2026-05-04") == Spend(calls=1, tokens=42, cost_usd=0.125)
        assert await store.ledger.spend(Scope.CONTEXT, "shop", day="2026-05-05") == Spend(
            calls=1, tokens=42, unpriced_calls=1
        )
        assert await store.ledger.spend(Scope.TENANT, lane=Lane.WAKE) == Spend(calls=1, tokens=42, cost_usd=0.125)
        lines = {(row.phase, row.model, row.tier): row.totals for row in (await store.ledger.sums("shop")).rows}
        by_phase = {
            phase: Totals.of(call for call in calls if call.phase is phase) for phase in {call.phase for call in calls}
        }
        assert lines == {(phase, ENDED.model, ENDED.tier): totals for phase, totals in by_phase.items()}
        await store.ledger.end(replace(ENDED, id="d", key=None, worker=None))
        sums = await store.ledger.sums()
        assert sums.totals[ENDED.phase].calls == 3, "what comes later counts in the same line"
        assert len(sums.rows) == len(lines)


async def keep_as_first_release(call: Call, connection: AsyncConnection) -> None:
    names = ("id", "phase", "model", "tier", "context", "query_id", "job_id", "outcome", "cost_usd", "latency_s", "at")
    row = {name: getattr(call, name) for name in names} | call.usage.as_dict() | {"tenant": "default"}
    await connection.execute(insert(CallRow), row)
