"""models.metered: one call per request, with what it used and what it cost."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from sleeptime.core.call import NOTHING, OK, RUNNING, Call, Phase
from sleeptime.core.errors import BadReply, CapReached, ModelTimeout, RateLimited
from sleeptime.core.price import Tier, billed_cost_usd
from sleeptime.core.usage import Usage
from sleeptime.models.metered import STOPPED, MeteredModel
from sleeptime.models.prices import price_of
from sleeptime.models.scripted import AnyReply, Reply, ScriptedModel
from tests.support.calls import MemoryLedger

ASK = [ModelRequest.user_text_prompt("how many?")]
USAGE = Usage(input_tokens=1000, cached_input_tokens=500, output_tokens=100, reasoning_tokens=40)


def metered(*replies: AnyReply, tier: Tier = Tier.STANDARD, system: str = "openai") -> tuple[Model, MemoryLedger]:
    sink = MemoryLedger()
    script = ScriptedModel(replies, model_name="gpt-5", system=system)
    return MeteredModel(script, sink, phase=Phase.SLEEP, context="docs", job_id="j1", tier=tier), sink


async def test_a_call_holds_who_what_and_how_much() -> None:
    model, sink = metered(Reply(["72"], usage=USAGE))
    await model_request(model, ASK)
    [call] = sink.calls
    assert (call.phase, call.model, call.context, call.job_id, call.query_id) == (
        Phase.SLEEP, "gpt-5", "docs", "j1", None,
    )  # fmt: skip
    assert (call.outcome, call.usage, call.tier) == (OK, USAGE, Tier.STANDARD)
    price = price_of("gpt-5", "openai")
    assert price is not None
    assert call.cost_usd == pytest.approx(billed_cost_usd(USAGE, price))
    assert call.cost_usd == pytest.approx((1000 * 1.25 + 500 * 0.125 + 100 * 10) / 1e6)
    assert call.at.tzinfo is not None


@pytest.mark.parametrize(("tier", "factor"), [(Tier.PRIORITY, 2.0), (Tier.FLEX, 0.5)])
async def test_the_tier_sets_the_price(tier: Tier, factor: float) -> None:
    costs = []
    for each in (Tier.STANDARD, tier):
        model, sink = metered(Reply(["72"], usage=USAGE), tier=each)
        await model_request(model, ASK)
        assert sink.calls[0].tier is each
        costs.append(sink.calls[0].cost_usd or 0.0)
    assert costs[1] == pytest.approx(factor * costs[0])


class Downgraded(ScriptedModel):
    """Answers in another tier than it was asked for, as providers under load do."""

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        response = await super().request(messages, model_settings, model_request_parameters)
        response.provider_details = {"service_tier": "default"}
        return response


async def test_a_downgraded_reply_is_billed_as_it_was_served() -> None:
    sink = MemoryLedger()
    script = Downgraded([Reply(["72"], usage=USAGE)], model_name="gpt-5", system="openai")
    await model_request(MeteredModel(script, sink, phase=Phase.WAKE, context="c", tier=Tier.PRIORITY), ASK)
    [call] = sink.calls
    assert call.tier is Tier.STANDARD
    assert call.cost_usd == pytest.approx((1000 * 1.25 + 500 * 0.125 + 100 * 10) / 1e6)


@pytest.mark.parametrize("system", ["nobody", "openai-compatible"])
async def test_an_unknown_price_is_unknown(system: str) -> None:
    model, sink = metered(Reply(["72"], usage=USAGE), system=system)
    await model_request(model, ASK)
    assert (sink.calls[0].usage, sink.calls[0].cost_usd) == (USAGE, None)


async def test_a_local_model_is_free_whatever_happens() -> None:
    model, sink = metered("72", ModelTimeout("slow"), system="scripted")
    await model_request(model, ASK)
    with pytest.raises(ModelTimeout):
        await model_request(model, ASK)
    assert [call.cost_usd for call in sink.calls] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("error", "outcome", "cost_usd"),
    [
        (RateLimited("slow"), "RateLimited", 0.0),
        (ModelTimeout("slow"), "ModelTimeout", None),
        (BadReply("odd"), "BadReply", None),
        (ZeroDivisionError(), "ZeroDivisionError", None),
    ],
    ids=repr,
)
async def test_a_failed_request_is_a_call_too(error: Exception, outcome: str, cost_usd: float | None) -> None:
    model, sink = metered(error)
    with pytest.raises(type(error)) as raised:
        await model_request(model, ASK)
    assert raised.value is error, "metering changes nothing"
    [call] = sink.calls
    assert (call.outcome, call.cost_usd, call.usage) == (outcome, cost_usd, Usage())


async def test_a_call_is_begun_before_its_request_with_the_most_it_can_take() -> None:
    seen: list[Call] = []

    def reply(_messages: list[ModelMessage], _parameters: ModelRequestParameters) -> Reply:
        seen.extend(ledger.running.values())
        return Reply(["72"], usage=USAGE)

    ledger = MemoryLedger()
    script = ScriptedModel(reply, model_name="gpt-5", system="openai")
    model = MeteredModel(script, ledger, phase=Phase.SLEEP, context="docs", max_output_tokens=3000)
    await model_request(model, ASK, model_settings=ModelSettings(max_tokens=2000))
    await model_request(model, ASK)
    assert [settings.get("max_tokens") for settings in (request.settings for request in script.requests)] == [
        2000,
        3000,
    ]
    assert [call.outcome for call in seen] == [RUNNING, RUNNING]
    price = price_of("gpt-5", "openai")
    assert price is not None
    least = len("how many?")
    for call, output_tokens in zip(seen, (2000, 3000), strict=True):
        assert call.reserved.cost_usd is not None
        assert output_tokens + least < call.reserved.tokens < output_tokens + 2000
        assert output_tokens * price.output / 1e6 < call.reserved.cost_usd < (output_tokens + 2000) * price.output / 1e6
    assert ledger.running == {}
    assert [call.reserved for call in ledger.calls] == [NOTHING, NOTHING]


async def test_without_caps_no_limit_is_sent() -> None:
    script = ScriptedModel(["72"])
    await model_request(MeteredModel(script, MemoryLedger(), phase=Phase.WAKE, context="c"), ASK)
    assert "max_tokens" not in script.requests[0].settings


async def test_the_models_own_limit_stays() -> None:
    ledger, script = MemoryLedger(), ScriptedModel(["72"])
    script._settings = ModelSettings(max_tokens=7)
    await model_request(MeteredModel(script, ledger, phase=Phase.SLEEP, context="c", max_output_tokens=3000), ASK)
    assert script.requests[0].settings["max_tokens"] == 7


async def test_a_tier_is_reserved_at_the_price_of_standard_where_that_is_dearer() -> None:
    reserved = {}
    for tier in (Tier.FLEX, Tier.STANDARD, Tier.PRIORITY):
        ledger = MemoryLedger()
        failing = ScriptedModel([ModelTimeout("slow")], model_name="gpt-5", system="openai")
        with pytest.raises(ModelTimeout):
            await model_request(MeteredModel(failing, ledger, phase=Phase.SLEEP, context="c", tier=tier), ASK)
        reserved[tier] = ledger.calls[0].reserved.cost_usd or 0.0
    assert reserved[Tier.FLEX] == reserved[Tier.STANDARD]
    assert reserved[Tier.PRIORITY] == pytest.approx(2 * reserved[Tier.STANDARD])


class Refusing(MemoryLedger):
    """Has no room."""

    async def begin(self, call: Call) -> None:
        raise CapReached("no room")


async def test_a_call_that_is_refused_is_not_made() -> None:
    script = ScriptedModel(["72"])
    model = MeteredModel(script, Refusing(), phase=Phase.SLEEP, context="c")
    with pytest.raises(CapReached):
        await model_request(model, ASK)
    with pytest.raises(CapReached):
        async with model_request_stream(model, ASK):
            pass
    assert script.requests == []


async def test_what_nobody_knows_of_a_failure_stays_in_doubt() -> None:
    model, sink = metered(ModelTimeout("slow"), RateLimited("no"), Reply(["72"], usage=USAGE))
    for error in (ModelTimeout, RateLimited):
        with pytest.raises(error):
            await model_request(model, ASK)
    await model_request(model, ASK)
    timeout, refused, answered = sink.calls
    assert timeout.reserved.tokens > 8000
    assert (timeout.reserved.cost_usd or 0) > 0.08
    assert refused.reserved == answered.reserved == NOTHING


async def test_a_cancelled_call_ends_in_doubt() -> None:
    sink = MemoryLedger()
    slow = ScriptedModel([Reply(["72"], delay_s=60)], model_name="gpt-5", system="openai")
    task = asyncio.create_task(model_request(MeteredModel(slow, sink, phase=Phase.SLEEP, context="c"), ASK))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [call] = sink.calls
    assert (call.outcome, call.cost_usd) == ("CancelledError", None)
    assert call.reserved.tokens > 8000


async def test_the_rest_of_a_stream_that_was_left_stays_in_doubt() -> None:
    model, sink = metered(Reply(["seventy two"], usage=USAGE))
    async with model_request_stream(model, ASK) as stream:
        async for _ in stream:
            break
    [call] = sink.calls
    assert call.usage.total_tokens + call.reserved.tokens > 8000


async def test_a_stream_is_one_call_when_it_closes() -> None:
    model, sink = metered(Reply(["seventy two"], usage=USAGE))
    async with model_request_stream(model, ASK) as stream:
        async for _ in stream:
            assert sink.calls == []
    [call] = sink.calls
    assert (call.outcome, call.usage) == (OK, USAGE)


async def test_a_stream_left_early_is_a_call_of_unknown_cost() -> None:
    model, sink = metered(Reply(["seventy two"], usage=USAGE))
    async with model_request_stream(model, ASK) as stream:
        async for _ in stream:
            break
    assert [(call.outcome, call.cost_usd) for call in sink.calls] == [(STOPPED, None)]


async def test_a_whole_stream_stays_paid_when_its_reader_fails() -> None:
    model, sink = metered(Reply(["72"], usage=USAGE))

    async def read_then_fail() -> None:
        async with model_request_stream(model, ASK) as stream:
            async for _ in stream:
                pass
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read_then_fail()
    assert [(call.outcome, call.usage) for call in sink.calls] == [(OK, USAGE)]


def keyed(ledger: MemoryLedger, *replies: AnyReply, draft: int = 0) -> tuple[Model, ScriptedModel]:
    script = ScriptedModel(replies, model_name="gpt-5", system="openai")
    return MeteredModel(script, ledger, phase=Phase.SLEEP, context="docs", job_id="j1", draft=draft), script


async def test_a_job_that_runs_again_pays_for_no_answer_twice() -> None:
    ledger = MemoryLedger()
    first, _ = keyed(ledger, Reply(["one"], usage=USAGE), Reply(["two"], usage=USAGE))
    answers = [await model_request(first, ASK) for _ in range(2)]
    again, script = keyed(ledger, "three")
    assert [await model_request(again, ASK) for _ in range(2)] == answers
    assert script.requests == []
    assert (await model_request(again, ASK)).parts == [TextPart("three")]
    assert [call.key for call in ledger.calls] == ["0.0", "0.1", "0.2"], "an answer that was there is no call"
    other, _ = keyed(ledger, "four", draft=1)
    assert (await model_request(other, ASK)).parts == [TextPart("four")]
    assert ledger.calls[-1].key == "1.0"


async def test_the_turn_moves_on_after_an_answer_alone() -> None:
    ledger = MemoryLedger()
    model, _ = keyed(ledger, ModelTimeout("slow"), RateLimited("no"), "one", "two")
    for error in (ModelTimeout, RateLimited):
        with pytest.raises(error):
            await model_request(model, ASK)
    await model_request(model, ASK)
    await model_request(model, ASK)
    assert [(call.key, call.outcome) for call in ledger.calls] == [
        ("0.0", "ModelTimeout"), ("0.0", "RateLimited"), ("0.0", OK), ("0.1", OK),
    ]  # fmt: skip
    assert len({call.id for call in ledger.calls}) == 4


async def test_a_streamed_answer_is_not_paid_twice_and_a_cut_one_is_no_answer() -> None:
    ledger = MemoryLedger()
    model, _ = keyed(ledger, Reply(["seventy two"], usage=USAGE), Reply(["seventy two"], usage=USAGE))
    async with model_request_stream(model, ASK) as stream:
        async for _ in stream:
            break
    async with model_request_stream(model, ASK) as stream:
        whole = [event async for event in stream]
    assert [(call.key, call.outcome) for call in ledger.calls] == [("0.0", STOPPED), ("0.0", OK)]
    again, script = keyed(ledger)
    async with model_request_stream(again, ASK) as stream:
        replayed = [event async for event in stream]
    assert whole
    assert replayed
    assert stream.get().parts == [TextPart("seventy two")]
    assert script.requests == []


async def test_a_reply_that_reports_no_usage_has_no_known_cost() -> None:
    class Silent(ScriptedModel):
        async def request(
            self,
            messages: list[ModelMessage],
            model_settings: ModelSettings | None,
            model_request_parameters: ModelRequestParameters,
        ) -> ModelResponse:
            return ModelResponse(parts=[TextPart("72")], usage=RequestUsage(unmeasured_requests=1), model_name="gpt-5")

    sink = MemoryLedger()
    silent = Silent([], model_name="gpt-5", system="openai")
    await model_request(MeteredModel(silent, sink, phase=Phase.WAKE, context="c"), ASK)
    assert [(call.outcome, call.cost_usd) for call in sink.calls] == [(OK, None)]


async def test_a_reply_with_counts_that_no_call_can_come_to_stays_in_doubt_and_is_used() -> None:
    class Boasting(ScriptedModel):
        async def request(
            self,
            messages: list[ModelMessage],
            model_settings: ModelSettings | None,
            model_request_parameters: ModelRequestParameters,
        ) -> ModelResponse:
            usage = RequestUsage(input_tokens=9 * 10**18, output_tokens=5)
            return ModelResponse(parts=[TextPart("72")], usage=usage, model_name="gpt-5")

    sink = MemoryLedger()
    boasting = Boasting([], model_name="gpt-5", system="openai")
    response = await model_request(MeteredModel(boasting, sink, phase=Phase.SLEEP, context="c"), ASK)
    assert response.text == "72"
    [call] = sink.calls
    assert (call.outcome, call.usage, call.cost_usd) == (OK, Usage(), None)
    assert call.reserved.tokens > 8000
