"""models.metered: one call per request, with what it used and what it cost."""

from __future__ import annotations

import pytest
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from sleeptime.core.call import OK, Phase
from sleeptime.core.errors import BadReply, ModelTimeout, RateLimited
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


@pytest.mark.parametrize(("tier", "factor"), [(Tier.PRIORITY, 2.0), (Tier.FLEX, 0.5), (Tier.BATCH, 0.5)])
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
