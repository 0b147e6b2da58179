"""A sleep under caps: drafts side by side stay within them and wait for each other; what was paid for counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters

from sleeptime import Part, ScriptedModel, Sleeptime
from sleeptime.core.outcome import Outcome
from sleeptime.core.spend import Lane
from sleeptime.core.usage import Usage
from sleeptime.models.prices import price_of
from sleeptime.models.scripted import Reply, ToolCall
from sleeptime.settings import Settings

APPLES = Part("apples", "Tom has 3 bags of 24 apples.")
NOTES = ToolCall("write_notes", {"notes": [{"kind": "derived", "text": "Tom has 72 apples.", "parts": ["apples"]}]})


def writer(output_tokens: int) -> ScriptedModel:
    """Writes one note per draft, at the price of gpt-5; answers come late, so that drafts are under way together."""

    def reply(_messages: list[ModelMessage], parameters: ModelRequestParameters) -> Reply:
        said = [NOTES] if parameters.function_tools else ["72"]
        return Reply(said, usage=Usage(input_tokens=100, output_tokens=output_tokens), delay_s=0.05)

    return ScriptedModel(reply, model_name="gpt-5", system="openai")


def under(database_url: str, **caps: Any) -> Callable[[ScriptedModel], Sleeptime]:
    settings = Settings(database_url=database_url, drafts=8, concurrency=8, max_output_tokens=4000, **caps)
    return lambda model: Sleeptime(model, settings=settings)


def cost_usd(output_tokens: int) -> float:
    price = price_of("gpt-5", "openai")
    assert price is not None
    return (100 * price.input + output_tokens * price.output) / 1e6


async def test_drafts_that_fit_one_after_the_other_are_all_made(database_url: str) -> None:
    model = writer(500)
    async with under(database_url, max_usd_per_job=0.10)(model) as sleeptime:
        await sleeptime.add("apples", APPLES)
        slept = await sleeptime.sleep("apples")
    assert (slept.outcome, slept.reason) == (Outcome.WROTE, "")
    assert slept.cost_usd == pytest.approx(8 * cost_usd(500))
    assert all(request.settings["max_tokens"] == 4000 for request in model.requests)


@pytest.mark.parametrize("scope", ["job", "context_day", "day"])
async def test_drafts_that_do_not_fit_are_not_made_and_the_others_count(database_url: str, scope: str) -> None:
    model = writer(3000)
    async with under(database_url, **{f"max_usd_per_{scope}": 0.10})(model) as sleeptime:
        await sleeptime.add("apples", APPLES)
        slept = await sleeptime.sleep("apples")
        assert slept.outcome is Outcome.WROTE
        assert f"raise max_usd_per_{scope}" in slept.reason
        assert len(model.requests) == 2, "a third could have cost more than was left"
        assert slept.cost_usd == pytest.approx(2 * cost_usd(3000))
        ledger = await sleeptime.ledger("apples")
        spent = ledger.today[Lane.SLEEP]
        assert (spent.calls, spent.reserved_usd, spent.doubt_usd) == (2, 0.0, 0.0)
        assert spent.cost_usd == pytest.approx(slept.cost_usd)


async def test_a_sleep_without_room_for_a_single_draft_is_capped_and_leaves_what_was_live(database_url: str) -> None:
    async with under(database_url)(writer(10)) as sleeptime:
        await sleeptime.add("apples", APPLES)
        assert (await sleeptime.sleep("apples")).outcome is Outcome.WROTE
    async with under(database_url, max_usd_per_day=0.05)(writer(10)) as sleeptime:
        await sleeptime.add("apples", APPLES, Part("pears", "Ann has 4 pears."))
        slept = await sleeptime.sleep("apples", drafts=1)
        assert slept.outcome is Outcome.WROTE, "there is room for one"
    async with under(database_url, max_usd_per_day=0.01)(model := writer(10)) as sleeptime:
        await sleeptime.add("apples", APPLES, Part("pears", "Ann has 5 pears."))
        slept = await sleeptime.sleep("apples")
        assert (slept.outcome, slept.version, slept.cost_usd) == (Outcome.CAPPED, None, 0.0)
        assert "the cap of $0.01 per day leaves" in slept.reason
        assert model.requests == []
        assert (await sleeptime.notes("apples")).learned is not None
        assert (await sleeptime.ask("apples", "How many apples?")).answer == "72"


async def test_two_processes_share_the_cap_of_a_day(database_url: str) -> None:
    """Each is an application of its own with its own connections, as two processes are."""
    models = writer(2000), writer(2000)
    make = under(database_url, max_usd_per_day=0.15)
    async with make(models[0]) as one, make(models[1]) as other:
        for name, sleeptime in (("a", one), ("b", other)):
            await sleeptime.add(name, APPLES)
        slept = await asyncio.gather(one.sleep("a"), other.sleep("b"))
        made = sum(len(model.requests) for model in models)
        costs = [each.cost_usd for each in slept if each.cost_usd is not None]
        assert sum(costs) == pytest.approx(made * cost_usd(2000))
        assert sum(costs) <= 0.15
        assert made >= 4, "all that surely fits"
        today = (await one.ledger()).today[Lane.SLEEP]
        assert (today.calls, today.reserved_tokens) == (made, 0)
        assert today.cost_usd == pytest.approx(sum(costs))
