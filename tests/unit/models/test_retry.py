"""models.retry: what is tried again, how often, and how long it waits."""

from __future__ import annotations

from random import Random

import pytest
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest

from sleeptime.core.call import OK, Phase
from sleeptime.core.errors import BadReply, ModelTimeout, ProviderDown, RateLimited, RequestRejected
from sleeptime.models.metered import MeteredModel
from sleeptime.models.retry import RetryModel, RetryPolicy
from sleeptime.models.scripted import ScriptedModel
from tests.support.calls import MemoryLedger

ASK = [ModelRequest.user_text_prompt("why?")]
FAST = RetryPolicy(attempts=3, base_s=0.001, cap_s=0.001, retry_after_limit_s=1.0)


def test_the_default_policy_waits_as_documented() -> None:
    policy, rng = RetryPolicy(), Random(0)
    for _ in range(100):
        waits = [policy.wait_s(attempt, None, rng) for attempt in (1, 2, 3, 4)]
        assert waits[3] is None
        lower, upper = [0.25, 0.5, 1.0], [0.5, 1.0, 2.0]
        for wait, least, most in zip(waits[:3], lower, upper, strict=True):
            assert wait is not None
            assert least <= wait <= most
        asked = policy.wait_s(1, 20.0, rng)
        assert asked is not None
        assert 20.0 <= asked <= 22.0
    assert policy.wait_s(1, 60.5, rng) is None


def test_waits_are_bounded_and_drawn_from_the_given_generator() -> None:
    policy = RetryPolicy(attempts=30, base_s=1.0, cap_s=4.0)
    draws = [[policy.wait_s(attempt, None, rng) for attempt in range(1, 30)] for rng in (Random(5), Random(5))]
    assert draws[0] == draws[1]
    assert all(wait is not None and wait <= 4.0 for wait in draws[0])


async def test_passing_failures_are_tried_again() -> None:
    script = ScriptedModel([ProviderDown("away"), ModelTimeout("slow"), "because"])
    response = await model_request(RetryModel(script, rng=Random(1), policy=FAST), ASK)
    assert response.text == "because"
    assert len(script.requests) == 3


@pytest.mark.parametrize("error", [BadReply("odd"), RequestRejected("no", 400), ZeroDivisionError()], ids=repr)
async def test_other_failures_are_raised_at_once(error: Exception) -> None:
    script = ScriptedModel([error, "because"])
    with pytest.raises(type(error)) as raised:
        await model_request(RetryModel(script, rng=Random(1), policy=FAST), ASK)
    assert raised.value is error
    assert len(script.requests) == 1


async def test_a_wait_beyond_the_limit_is_not_waited() -> None:
    script = ScriptedModel([RateLimited("slow", retry_after_s=1.5), "because"])
    with pytest.raises(RateLimited):
        await model_request(RetryModel(script, rng=Random(1), policy=FAST), ASK)
    assert len(script.requests) == 1


async def test_a_stream_is_tried_again_only_until_it_begins() -> None:
    sink = MemoryLedger()
    script = ScriptedModel([ProviderDown("away"), ["half an answer", ProviderDown("gone")]])
    model = RetryModel(MeteredModel(script, sink, phase=Phase.SLEEP, context="c"), rng=Random(1), policy=FAST)
    seen = []
    with pytest.raises(ProviderDown, match="gone"):  # noqa: PT012 - the stream fails while it is read
        async with model_request_stream(model, ASK) as stream:
            async for _ in stream:
                seen.append(stream.get().text)
    assert seen[-1] == "half an answer"
    assert sink.outcomes == ["ProviderDown", "ProviderDown"]


async def test_a_stream_that_works_is_passed_on_whole() -> None:
    sink = MemoryLedger()
    model = RetryModel(
        MeteredModel(ScriptedModel(["one two"]), sink, phase=Phase.SLEEP, context="c"), rng=Random(1), policy=FAST
    )
    async with model_request_stream(model, ASK) as stream:
        async for _ in stream:
            pass
        assert stream.get().text == "one two"
    assert sink.outcomes == [OK]
