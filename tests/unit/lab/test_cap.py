"""Cap: whatever a call may cost is reserved before it is made, and what it did cost takes its place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.errors import BadReply, CapReached, InputError, ModelTimeout, ProviderDown, RateLimited
from sleeptime.core.price import Price, billed_cost_usd
from sleeptime.core.usage import Usage
from sleeptime.lab.cap import CappedModel
from sleeptime.models.scripted import Reply, ScriptedModel
from sleeptime.models.worst import MAX_OUTPUT_TOKENS

DEAR_OUTPUT = Price(input=0.0, cached_input=0.0, cache_write=0.0, output=1e6)
"""1 USD per generated token."""
DEAR_INPUT = Price(input=1e6, cached_input=1e5, cache_write=2e6, output=0.0)
ASKED = ModelRequest([UserPromptPart("How many apples?")])


def capped(model: ScriptedModel, cap_usd: float, price: Price = DEAR_OUTPUT) -> CappedModel:
    return CappedModel(model, price, cap_usd)


async def ask(model: CappedModel, max_tokens: int = 10) -> ModelResponse:
    return await model_request(model, [ASKED], model_settings=ModelSettings(max_tokens=max_tokens))


def saying(tokens: int, delay_s: float = 0.0) -> Callable[..., Reply]:
    return lambda messages, parameters: Reply(["72"], usage=Usage(output_tokens=tokens), delay_s=delay_s)


async def test_calls_go_through_until_the_next_could_overshoot() -> None:
    scripted = ScriptedModel(saying(4))
    model = capped(scripted, 21)
    for _ in range(3):
        await ask(model)
    with pytest.raises(CapReached, match=r"may cost \$10\.0000, and \$12\.0000 of the cap of \$21\.00 is spent"):
        await ask(model)
    assert (model.spent_usd, len(scripted.requests)) == (12, 3)
    await ask(model, max_tokens=9)
    assert model.spent_usd == 16


@pytest.mark.parametrize(("tokens", "calls"), [(10, 3), (7, 4), (1, 20)])
async def test_calls_side_by_side_never_overshoot_and_use_what_others_leave(tokens: int, calls: int) -> None:
    scripted = ScriptedModel(saying(tokens, delay_s=0.01))
    model = capped(scripted, 35)
    made = await asyncio.gather(*(ask(model) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, CapReached) for result in made) == 20 - calls
    assert (model.spent_usd, len(scripted.requests)) == (tokens * calls, calls)
    assert (model.refusal is None) == (calls == 20)


async def test_nothing_is_refused_while_a_call_is_under_way() -> None:
    model = capped(ScriptedModel(saying(10, delay_s=0.05)), 15)
    first = asyncio.create_task(ask(model))
    await asyncio.sleep(0)
    second = asyncio.create_task(ask(model))
    with pytest.raises(CapReached):
        await second
    assert first.done()


def test_a_cap_holds_from_one_event_loop_to_the_next() -> None:
    model = capped(ScriptedModel(saying(5, delay_s=0.001)), 40)

    async def three() -> list[ModelResponse | BaseException]:
        return await asyncio.gather(*(ask(model) for _ in range(4)), return_exceptions=True)

    made = [isinstance(result, CapReached) for _ in range(2) for result in asyncio.run(three())]
    assert sum(made) == 1
    assert model.spent_usd == 35


async def test_a_reply_longer_than_allowed_is_counted_as_it_was() -> None:
    model = capped(ScriptedModel(saying(50)), 60)
    await ask(model)
    assert model.spent_usd == 50
    with pytest.raises(CapReached):
        await ask(model, max_tokens=11)


async def test_a_call_without_a_limit_gets_one() -> None:
    scripted = ScriptedModel(saying(1))
    await model_request(capped(scripted, MAX_OUTPUT_TOKENS), [ASKED])
    assert scripted.requests[0].settings["max_tokens"] == MAX_OUTPUT_TOKENS
    with pytest.raises(CapReached):
        await model_request(capped(scripted, MAX_OUTPUT_TOKENS - 1), [ASKED])


async def test_a_reply_without_usage_costs_the_worst_case() -> None:
    model = capped(ScriptedModel(lambda messages, parameters: Reply(["72"], usage=Usage())), 100)
    await ask(model)
    assert model.spent_usd == 10


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (RateLimited("429"), 0),
        (ProviderDown("503"), 0),
        (InputError("refused before it was sent"), 0),
        (ModelTimeout("no reply in time, but perhaps work"), 10),
        (BadReply("cut"), 10),
        (KeyError("bug"), 10),
    ],
)
async def test_a_failure_costs_what_the_provider_may_bill(error: Exception, cost: float) -> None:
    model = capped(ScriptedModel([error]), 100)
    with pytest.raises(type(error)):
        await ask(model)
    assert model.spent_usd == cost


async def test_a_call_that_was_cancelled_may_have_cost_everything() -> None:
    model = capped(ScriptedModel(saying(1, delay_s=60)), 100)
    task = asyncio.create_task(ask(model))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.spent_usd == 10
    await asyncio.gather(*(_refused(ask(model, max_tokens=91)) for _ in range(2)))


async def _refused(call: Awaitable[ModelResponse]) -> None:
    with pytest.raises(CapReached):
        await call


TOOL = ToolDefinition(name="write_notes", description="d" * 500, parameters_json_schema={"type": "object"})
CALLED: list[ModelMessage] = [ASKED, ModelResponse([ToolCallPart("write_notes", {"notes": "n" * 900})])]


@pytest.mark.parametrize(
    ("messages", "parameters", "least"),
    [
        ([ModelRequest([UserPromptPart("\N{HIRAGANA LETTER A}" * 300)])], ModelRequestParameters(), 900),
        ([ModelRequest([UserPromptPart(["one" * 100, "two" * 100])])], ModelRequestParameters(), 600),
        ([ModelRequest([UserPromptPart("q")], instructions="i" * 700)], ModelRequestParameters(), 700),
        ([ASKED, ModelResponse([TextPart("t" * 800)])], ModelRequestParameters(), 800),
        (CALLED, ModelRequestParameters(), 900),
        ([ASKED], ModelRequestParameters(function_tools=[TOOL]), 500),
    ],
)
async def test_everything_that_is_sent_is_reserved_a_token_per_byte(
    messages: list[ModelMessage], parameters: ModelRequestParameters, least: int
) -> None:
    model = capped(ScriptedModel(saying(0)), 2 * least - 1, DEAR_INPUT)
    with pytest.raises(CapReached):
        await model.request(messages, None, parameters)
    price = 2  # writing to the cache is the dearest way to send a token
    roomy = capped(ScriptedModel(saying(1)), price * (least + 1500), DEAR_INPUT)
    await roomy.request(messages, None, parameters)


async def test_cached_input_is_billed_at_its_own_price() -> None:
    usage = Usage(input_tokens=1, cached_input_tokens=10, cache_write_tokens=1)
    model = capped(ScriptedModel(lambda messages, parameters: Reply(["72"], usage=usage)), 2000, DEAR_INPUT)
    await ask(model)
    assert model.spent_usd == billed_cost_usd(usage, DEAR_INPUT) == 4


@pytest.mark.parametrize("cap_usd", [-1, float("nan"), float("inf")])
def test_a_cap_is_an_amount_of_money(cap_usd: float) -> None:
    with pytest.raises(InputError, match="a cap is an amount of USD"):
        capped(ScriptedModel([]), cap_usd)


async def test_a_stream_cannot_slip_past() -> None:
    scripted = ScriptedModel(["72"])
    with pytest.raises(NotImplementedError):
        await capped(scripted, 1).request_stream([ASKED], None, ModelRequestParameters()).__aenter__()
    assert not scripted.requests
