"""models.forced: thinking is cut at the budget or continued with "Wait" (arXiv:2501.19393, section 3.1)."""

from __future__ import annotations

from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.settings import ModelSettings

from sleeptime.core.budget import Forced
from sleeptime.core.call import OK, Phase
from sleeptime.core.usage import Usage
from sleeptime.models.forced import ANSWER, ForcedModel
from sleeptime.models.metered import MeteredModel
from sleeptime.models.scripted import Reply, ScriptedModel, Thought, ToolCall
from tests.support.calls import MemoryLedger

ASK = [ModelRequest.user_text_prompt("what is 24 times 3")]


def begun(script: ScriptedModel, index: int) -> str | None:
    """The beginning of its own reply that request number ``index`` gave the model, if any."""
    last = script.requests[index].messages[-1]
    return last.text if isinstance(last, ModelResponse) else None


def thought(response: ModelResponse) -> str:
    return "".join(part.content for part in response.parts if isinstance(part, ThinkingPart))


async def test_long_thinking_is_cut_and_answered() -> None:
    script = ScriptedModel([Reply(["<think>24 and 24"], finish_reason="length", usage=Usage(output_tokens=5)), "72"])
    settings = ModelSettings(max_tokens=100, stop_sequences=["\n\n"], temperature=0.6)
    response = await model_request(ForcedModel(script, Forced(5)), ASK, model_settings=settings)
    assert response.text == "72"
    assert thought(response) == "24 and 24"
    thinking, answering = script.requests
    assert begun(script, 0) is None
    assert thinking.settings.get("max_tokens") == 5
    assert thinking.settings.get("stop_sequences") == ["\n\n", "</think>"]
    assert begun(script, 1) == f"<think>24 and 24\n</think>\n{ANSWER}"
    assert answering.settings.get("max_tokens") == 100
    assert answering.settings.get("stop_sequences") == ["\n\n"]
    assert answering.settings.get("temperature") == 0.6
    assert answering.settings.get("extra_body") == {"continue_final_message": True, "add_generation_prompt": False}


async def test_short_thinking_is_continued_with_wait() -> None:
    script = ScriptedModel(
        [
            Reply(["<think>24 and 24</think>ignored"], usage=Usage(output_tokens=4)),
            Reply([" and 24"], usage=Usage(output_tokens=3)),
            Reply([" is 72"], usage=Usage(output_tokens=3), finish_reason="length"),
            Reply(["72"], usage=Usage(output_tokens=1)),
        ]
    )
    response = await model_request(ForcedModel(script, Forced(10)), ASK)
    assert [request.settings.get("max_tokens") for request in script.requests] == [10, 6, 3, None]
    assert begun(script, 1) == "<think>24 and 24\nWait"
    assert begun(script, 2) == "<think>24 and 24\nWait and 24\nWait"
    assert thought(response) == "24 and 24\nWait and 24\nWait is 72"
    assert response.usage.output_tokens == 11


async def test_thinking_in_parts_of_its_own_is_forced_too() -> None:
    script = ScriptedModel([Reply([Thought("24 and 24")], usage=Usage(output_tokens=4)), [Thought("hm"), "72"]])
    response = await model_request(ForcedModel(script, Forced(4)), ASK)
    assert (thought(response), response.text) == ("24 and 24", "72")


async def test_waiting_ends() -> None:
    script = ScriptedModel(["a", "b", "c", "72"])
    response = await model_request(ForcedModel(script, Forced(1000), max_waits=2), ASK)
    assert (thought(response), response.text) == ("a\nWaitb\nWaitc", "72")
    silent = ScriptedModel(["", "72"])
    assert (await model_request(ForcedModel(silent, Forced(1000)), ASK)).text == "72"
    assert len(silent.requests) == 2


async def test_words_are_counted_where_the_server_counts_nothing() -> None:
    script = ScriptedModel([Reply(["<think>one two three"], usage=Usage()), "72"])
    await model_request(ForcedModel(script, Forced(3)), ASK)
    assert len(script.requests) == 2


async def test_a_tool_call_ends_the_thinking() -> None:
    script = ScriptedModel([ToolCall("add", {"a": 1})])
    response = await model_request(ForcedModel(script, Forced(50)), ASK)
    assert [type(part) for part in response.parts] == [ToolCallPart]


async def test_a_stream_gives_the_same_reply() -> None:
    script = ScriptedModel([Reply(["<think>24 and 24"], finish_reason="length"), "72"])
    async with model_request_stream(ForcedModel(script, Forced(3)), ASK) as stream:
        events = [event async for event in stream]
    assert events
    assert [type(part) for part in stream.get().parts] == [ThinkingPart, TextPart]


async def test_each_step_is_in_the_ledger() -> None:
    sink = MemoryLedger()
    script = ScriptedModel([Reply(["<think>24"], finish_reason="length"), "72"])
    await model_request(ForcedModel(MeteredModel(script, sink, phase=Phase.WAKE, context="c"), Forced(3)), ASK)
    assert sink.outcomes == [OK, OK]
