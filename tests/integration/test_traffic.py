"""Sleep and queries on a provider that fails, is limited, or serves in another tier than was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from sleeptime import Part, Sleeptime
from sleeptime.core.outcome import Outcome
from sleeptime.core.price import Tier
from sleeptime.models import pace
from sleeptime.models.prices import price_of
from sleeptime.models.scripted import ToolCall
from sleeptime.settings import Settings
from sleeptime.store.store import Store
from sleeptime.store.tables import RateRow
from tests.support.batch_server import BatchServer, Json, Refused, batch_server
from tests.support.jobs import PATIENCE_S, until

APPLES = Part("apples", "Tom has 3 bags of 24 apples.")
NOTES = ToolCall("write_notes", {"notes": [{"kind": "derived", "text": "Tom has 72 apples.", "parts": ["apples"]}]})
MODEL = "openai:gpt-5-mini"


def answer(body: Json) -> str | ToolCall:
    return NOTES if body.get("tools") else "72"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    with batch_server(answer) as served:
        for name, value in served.environment().items():
            monkeypatch.setenv(name, value)
        yield served


def sleeptime_on(database_url: str, **given: Any) -> Sleeptime:
    return Sleeptime(settings=Settings(model=MODEL, database_url=database_url, **given))


async def test_a_sleep_waits_while_its_provider_fails_and_then_goes_on_by_itself(
    database_url: str, server: BatchServer
) -> None:
    reasons: list[str] = []

    def waiting(reason: str) -> None:
        reasons.append(reason)
        server.refusals.clear()

    server.refusals["single"] = Refused(503)
    async with sleeptime_on(database_url, breaker_pause_s=5) as sleeptime:
        await sleeptime.add("apples", APPLES)
        slept = await sleeptime.sleep("apples", waiting=waiting)
        calls = (await sleeptime.ledger("apples")).rows
    assert slept.outcome is Outcome.WROTE
    assert set(reasons) == {
        f"openai {server.url.removeprefix('http://')} gpt-5-mini failed 3 times in a row (ProviderDown), and is left "
        "alone for a while; queries are not held back"
    }
    assert [(row.totals.calls, row.totals.failed_calls) for row in calls] == [(4, 3)]


@pytest.mark.parametrize("wish", ["pause", "cancel"])
async def test_a_sleep_that_waits_for_its_turn_at_the_provider_stops_when_a_user_says_so(
    database_url: str, server: BatchServer, store: Store, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    monkeypatch.setattr(pace, "_begin_s", lambda minute: minute * 60.0 + 86_400)  # the next minute never comes
    async with sleeptime_on(
        database_url, max_requests_per_minute=1, max_turn_wait_s=3_600, drafts=2, concurrency=1
    ) as sleeptime:
        await sleeptime.add("apples", APPLES)
        sleeping = asyncio.create_task(sleeptime.sleep("apples"))

        async def has_made_a_call() -> bool:
            return [call.outcome for call in await store.ledger.calls()] == ["ok"]

        await until(has_made_a_call, "the first call has been made")
        (job,) = await sleeptime.jobs()
        await getattr(sleeptime, wish)(job.id)
        slept = await asyncio.wait_for(sleeping, PATIENCE_S)
    assert slept.outcome is Outcome.SKIPPED
    assert len(await store.ledger.calls()) == 1


async def test_a_query_is_answered_while_sleep_leaves_the_provider_alone(
    database_url: str, server: BatchServer, store: Store
) -> None:
    waits = asyncio.Event()
    server.refusals["single"] = Refused(503)
    async with sleeptime_on(database_url, breaker_pause_s=600) as sleeptime:
        await sleeptime.add("apples", APPLES)
        sleeping = asyncio.create_task(sleeptime.sleep("apples", waiting=lambda _: waits.set()))
        await asyncio.wait_for(waits.wait(), PATIENCE_S)
        server.refusals.clear()
        assert (await sleeptime.ask("apples", "How many?")).answer == "72"
        (breaker,) = await store.breakers.list()
        assert breaker.open_until is not None, "sleep still leaves it alone"
        sleeping.cancel()
        await asyncio.gather(sleeping, return_exceptions=True)


async def test_calls_of_a_sleep_are_counted_and_those_of_queries_too(
    database_url: str, server: BatchServer, store: Store
) -> None:
    async with sleeptime_on(database_url, max_requests_per_minute=1000, drafts=3) as sleeptime:
        await sleeptime.add("apples", APPLES)
        assert (await sleeptime.sleep("apples")).outcome is Outcome.WROTE
        await sleeptime.ask("apples", "How many?", route="full")
    assert len(server.singles) == 4
    provider = f"openai {server.url.removeprefix('http://')}"
    async with store._database.reading() as connection:
        rows = (
            await connection.execute(select(RateRow.requests, RateRow.tokens).where(RateRow.provider == provider))
        ).all()
    assert (sum(row.requests for row in rows), sum(row.tokens for row in rows)) == (4, 4400)


@pytest.mark.parametrize(("served", "tier", "factor"), [(None, Tier.FLEX, 0.5), ("default", Tier.STANDARD, 1.0)])
async def test_flex_is_asked_for_and_what_was_served_is_billed(
    database_url: str, server: BatchServer, served: str | None, tier: Tier, factor: float
) -> None:
    server.served_tier = served
    async with sleeptime_on(database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        slept = await sleeptime.sleep("apples", tier="flex")
        (row,) = (await sleeptime.ledger("apples")).rows
    assert [body["service_tier"] for body in server.singles] == ["flex"]
    assert row.tier == tier
    price = price_of("gpt-5-mini", "openai")
    assert price is not None
    assert slept.cost_usd == pytest.approx(factor * (1000 * price.input + 100 * price.output) / 1e6)
