"""models.scripted: a script says what the model says."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ThinkingPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.errors import InputError, ProviderDown
from sleeptime.core.usage import Usage
from sleeptime.models.scripted import Reply, ScriptedModel, Thought, ToolCall

ASK = [ModelRequest.user_text_prompt("how many apples are there")]


async def streamed(model: ScriptedModel) -> tuple[list[str], ModelResponse]:
    seen: list[str] = []
    async with model_request_stream(model, ASK) as stream:
        async for _ in stream:
            seen.append(stream.get().text or "")
        return seen, stream.get()


async def test_replies_come_in_order() -> None:
    model = ScriptedModel(["one", [Thought("hm"), "two", ToolCall("add", {"a": 1})]])
    assert (await model_request(model, ASK)).text == "one"
    second = await model_request(model, ASK)
    assert second.text == "two"
    assert second.finish_reason == "tool_call"
    assert [part.content for part in second.parts if isinstance(part, ThinkingPart)] == ["hm"]
    assert [part.args_as_dict() for part in second.parts if isinstance(part, ToolCallPart)] == [{"a": 1}]


async def test_an_exception_is_raised() -> None:
    with pytest.raises(ProviderDown, match="away"):
        await model_request(ScriptedModel([ProviderDown("away")]), ASK)


async def test_a_script_that_ran_out_says_what_was_asked() -> None:
    model = ScriptedModel(["one"])
    await model_request(model, ASK)
    with pytest.raises(InputError, match=r"holds 1 reply .* ended with: 'how many apples are there'"):
        await model_request(model, ASK)


async def test_words_are_counted_where_no_usage_is_given() -> None:
    response = await model_request(ScriptedModel([[Thought("let me see"), "there are 72"]]), ASK)
    assert Usage.from_inclusive(response.usage) == Usage(input_tokens=5, output_tokens=6, reasoning_tokens=3)


async def test_given_usage_is_reported_whole() -> None:
    usage = Usage(input_tokens=90, cached_input_tokens=10, cache_write_tokens=5, output_tokens=8, reasoning_tokens=3)
    model = ScriptedModel([Reply(["72"], usage=usage)] * 2)
    assert Usage.from_inclusive((await model_request(model, ASK)).usage) == usage
    assert Usage.from_inclusive((await streamed(model))[1].usage) == usage


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_function_may_answer(is_async: bool) -> None:
    def echo(messages: list[ModelMessage], parameters: ModelRequestParameters) -> str:
        return f"{len(messages)} messages, {len(parameters.function_tools)} tools"

    async def later(messages: list[ModelMessage], parameters: ModelRequestParameters) -> str:
        return echo(messages, parameters)

    model = ScriptedModel(later if is_async else echo)
    assert (await model_request(model, ASK)).text == "1 messages, 0 tools"


async def test_requests_are_kept() -> None:
    model = ScriptedModel(["72"], settings=ModelSettings(seed=3))
    tool = ToolDefinition(name="add")
    await model_request(
        model,
        ASK,
        model_settings=ModelSettings(temperature=0.5),
        model_request_parameters=ModelRequestParameters(function_tools=[tool]),
    )
    [request] = model.requests
    assert request.text == "how many apples are there"
    assert request.settings == {"seed": 3, "temperature": 0.5}
    assert request.tools == ("add",)


async def test_a_stream_comes_word_by_word_and_is_the_same_reply() -> None:
    text = "one  two\nthree "
    seen, response = await streamed(ScriptedModel([[Thought("hm"), text, ToolCall("add", {"a": 1})]]))
    assert response.text == text
    assert [part.content for part in response.parts if isinstance(part, ThinkingPart)] == ["hm"]
    assert [part.args_as_dict() for part in response.parts if isinstance(part, ToolCallPart)] == [{"a": 1}]
    assert set(seen) == {"", "one", "one ", "one  two\nthree", text}
    assert all(text.startswith(said) for said in seen)
    assert response.usage.output_tokens > 0


async def test_a_stream_breaks_where_the_script_says() -> None:
    model = ScriptedModel([["half", ProviderDown("cut")], [ProviderDown("at once")]])
    with pytest.raises(ProviderDown, match="cut"):
        await streamed(model)
    with pytest.raises(ProviderDown, match="at once"):
        await streamed(model)


async def test_a_reply_may_come_late_or_cut() -> None:
    started = time.perf_counter()
    response = await model_request(ScriptedModel([Reply(["72"], finish_reason="length", delay_s=0.05)]), ASK)
    assert time.perf_counter() - started >= 0.05
    assert response.finish_reason == "length"


async def test_an_agent_can_run_on_it() -> None:
    agent: Agent[None, str] = Agent(ScriptedModel([ToolCall("double", {"n": 36}), "it is 72"]))

    @agent.tool_plain
    def double(n: int) -> int:
        return 2 * n

    result: Any = await agent.run("double 36")
    assert result.output == "it is 72"
