"""Store: calls and queries are kept once, whole, and in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sleeptime.core.call import Call, Phase
from sleeptime.core.errors import NotFound, NotText
from sleeptime.core.price import Tier
from sleeptime.core.query import AGENT, Query
from sleeptime.core.usage import Usage
from sleeptime.store.store import Store
from tests.integration.store.builders import context, learned, note

SHOP = context(a="one")
NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)
CALL = Call(
    phase=Phase.VERIFY,
    model="openai:gpt-5",
    usage=Usage(1, 2, 3, 4, 2),
    context="shop",
    tier=Tier.BATCH,
    cost_usd=0.1 + 0.2,
    latency_s=1.25,
    query_id="q",
    job_id="j",
    outcome="RateLimited",
    at=NOON,
)
QUERY = Query(
    context="shop",
    text="How many?",
    route="notes",
    budget="v0",
    answer="72",
    notes_used=("n1", "n2"),
    learned=1,
    usage=Usage(10, 20, 30, 40, 5),
    cost_usd=1e-9,
    latency_s=0.5,
    at=NOON,
)


async def test_a_call_comes_back_as_it_was(store: Store) -> None:
    await store.ledger.end(CALL)
    assert await store.ledger.calls() == (CALL,)


async def test_a_call_recorded_twice_is_kept_once(store: Store) -> None:
    for _ in range(2):
        await store.ledger.end(CALL)
    assert await store.ledger.calls("shop") == (CALL,)


async def test_an_unknown_cost_stays_unknown_and_zero_stays_zero(store: Store) -> None:
    unknown = Call(phase=Phase.WAKE, model="m", usage=Usage(), cost_usd=None, at=NOON)
    free = Call(phase=Phase.WAKE, model="nano", usage=Usage(), cost_usd=0.0, at=NOON + timedelta(seconds=1))
    await store.ledger.end(unknown)
    await store.ledger.end(free)
    assert [call.cost_usd for call in await store.ledger.calls()] == [None, 0.0]


async def test_a_paid_call_is_kept_without_its_context_and_with_odd_characters(store: Store) -> None:
    await store.ledger.end(replace(CALL, context="never added", model="m\0", outcome="Bad\ud800"))
    (call,) = await store.ledger.calls("never added")
    assert (call.model, call.outcome) == ("m\ufffd", "Bad\ufffd")


async def test_calls_of_one_context_are_told_apart_and_oldest_first(store: Store) -> None:
    await store.add_context(SHOP)
    late = Call(phase=Phase.WAKE, model="m", usage=Usage(), context="shop", at=NOON + timedelta(hours=1))
    other = Call(phase=Phase.WAKE, model="m", usage=Usage(), context="", at=NOON - timedelta(hours=1))
    for call in (late, CALL, other):
        await store.ledger.end(call)
    assert await store.ledger.calls("shop") == (CALL, late)
    assert await store.ledger.calls() == (other, CALL, late)
    with pytest.raises(NotFound):
        await store.ledger.calls("nowhere")


async def test_moments_of_any_zone_come_back_in_utc(store: Store) -> None:
    await store.ledger.end(replace(CALL, at=datetime(2026, 5, 4, 14, tzinfo=timezone(timedelta(hours=2)))))
    (call,) = await store.ledger.calls()
    assert call.at == datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert call.at.utcoffset() == timedelta(0)


async def test_a_query_comes_back_as_it_was_and_once(store: Store) -> None:
    await store.add_context(SHOP)
    await store.stage(learned(SHOP, note("x")))
    for _ in range(2):
        await store.record_query(QUERY)
    assert await store.queries("shop") == await store.queries() == (QUERY,)


async def test_a_query_without_notes_has_no_learned_context(store: Store) -> None:
    await store.add_context(SHOP)
    full = replace(QUERY, route="full", learned=None, notes_used=(), cost_usd=None)
    await store.record_query(full)
    assert await store.queries("shop") == (full,)


async def test_an_odd_answer_is_kept_and_an_odd_question_refused(store: Store) -> None:
    await store.add_context(SHOP)
    await store.record_query(replace(QUERY, learned=None, answer="7\0002"))
    assert (await store.queries())[0].answer == "7\ufffd2"
    with pytest.raises(NotText, match="the query holds a NUL character at character 3"):
        await store.record_query(replace(QUERY, id="other", text="how\0"))


async def test_queries_of_agents_are_listed_newest_first_with_how_their_last_call_ended(store: Store) -> None:
    await store.add_context(SHOP)
    asked = replace(QUERY, route=AGENT, budget="steps:20", learned=None, notes_used=(), answer="a.py\nb.py")
    made = [replace(asked, id=f"q{number}", at=NOON + timedelta(hours=number)) for number in range(3)]
    for query in (*made, replace(QUERY, id="plain", learned=None)):
        await store.record_query(query)
    ended = replace(CALL, phase=Phase.WAKE, job_id=None)
    for number, (query_id, outcome) in enumerate(
        (("q1", "RateLimited"), ("q1", "ok"), ("q2", "ok"), ("q2", "BadReply"))
    ):
        at = NOON + timedelta(hours=5, minutes=number)
        await store.ledger.end(replace(ended, id=str(number), query_id=query_id, outcome=outcome, at=at))
    found = await store.agent_queries("shop", limit=2)
    assert [(item.query, item.last_call) for item in found.items] == [(made[2], "BadReply"), (made[1], "ok")]
    assert (found.count, found.more) == (3, 1)
    assert (await store.agent_queries("shop", limit=9)).items[-1].query == made[0]
    with pytest.raises(NotFound):
        await store.agent_queries("nowhere", limit=1)
    await store.for_tenant("other").add_context(SHOP)
    assert (await store.for_tenant("other").agent_queries("shop", limit=9)).items == ()


async def test_queries_of_an_unknown_context_are_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.queries("nowhere")
    with pytest.raises(NotFound):
        await store.record_query(QUERY)
