"""models.script_file: scripts written as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.errors import InputError, RateLimited
from sleeptime.core.usage import Usage
from sleeptime.models.scripted import ScriptedModel


def script(tmp_path: Path, data: object) -> ScriptedModel:
    path = tmp_path / "script.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return ScriptedModel.from_file(str(path))


async def ask(model: ScriptedModel, text: str = "hi", *tools: str) -> ModelResponse:
    parameters = ModelRequestParameters(function_tools=[ToolDefinition(name=tool) for tool in tools])
    return await model_request(model, [ModelRequest.user_text_prompt(text)], model_request_parameters=parameters)


async def test_replies_are_said_in_order(tmp_path: Path) -> None:
    usage = {"input_tokens": 7, "output_tokens": 2}
    model = script(
        tmp_path,
        {
            "model": "canned",
            "replies": [
                "one",
                [{"thought": "hm"}, {"tool": "write_notes", "args": {"notes": []}}],
                {"parts": ["two"], "usage": usage, "finish_reason": "length"},
                {"error": "RateLimited", "message": "slow down"},
            ],
        },
    )
    assert model.model_name == "canned"
    assert (await ask(model)).text == "one"
    assert [part.tool_name for part in (await ask(model)).parts if isinstance(part, ToolCallPart)] == ["write_notes"]
    cut = await ask(model)
    assert (cut.text, cut.finish_reason) == ("two", "length")
    assert Usage.from_inclusive(cut.usage) == Usage(**usage)
    with pytest.raises(RateLimited, match="slow down"):
        await ask(model)


async def test_the_first_rule_that_fits_answers_and_its_last_reply_repeats(tmp_path: Path) -> None:
    rules = [
        {"tools": "write_notes", "contains": "port", "replies": [{"tool": "write_notes", "args": {}}]},
        {"contains": "port", "replies": ["8080", "still 8080"]},
        {"replies": ["I do not know."]},
    ]
    model = script(tmp_path, {"rules": rules})
    assert (await ask(model, "which port", "write_notes")).finish_reason == "tool_call"
    assert [(await ask(model, "which port")).text for _ in range(3)] == ["8080", "still 8080", "still 8080"]
    assert (await ask(model, "why")).text == "I do not know."


async def test_a_request_that_no_rule_fits_is_an_error(tmp_path: Path) -> None:
    model = script(tmp_path, {"rules": [{"contains": "port", "replies": ["8080"]}]})
    with pytest.raises(InputError, match=r"no rule .* ends with 'why'"):
        await ask(model, "why")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "either 'replies' or 'rules'"),
        ({}, "either 'replies' or 'rules'"),
        ({"replies": [], "rules": []}, "either 'replies' or 'rules'"),
        ({"replies": []}, "at least one reply"),
        ({"replies": "one"}, "at least one reply"),
        ({"replies": [{"tol": "x"}]}, r"replies\[0\].*is not a reply; allowed: a text"),
        ({"replies": ["ok", 5]}, r"replies\[1\]: 5 is not a reply"),
        ({"replies": [{"error": "Boom"}]}, "RateLimited, ProviderDown"),
        ({"replies": [{"parts": ["x"], "usage": {"tokens": 1}}]}, "bad 'usage'"),
        ({"replies": [{"parts": ["x"], "usage": {"output_tokens": -1}}]}, "bad 'usage'"),
        ({"replies": [{"parts": ["x"], "usage": {"output_tokens": 10**30}}]}, "bad 'usage'"),
        ({"replies": [{"parts": ["x"], "usage": 5}]}, "bad 'usage'"),
        ({"replies": [{"parts": "x"}]}, "'parts' must be a list"),
        ({"replies": [{"parts": ["x"], "delay_s": "soon"}]}, "'delay_s' must be"),
        ({"replies": [{"parts": ["x"], "delay_s": -1}]}, "'delay_s' must be"),
        ({"rules": [{"contains": 5, "replies": ["x"]}]}, r"rules\[0\]: 'tools' and 'contains' must be texts"),
        ({"rules": ["x"]}, "list of objects"),
        ({"rules": [{"when": "x", "replies": ["y"]}]}, r"rules\[0\]: unknown \['when'\]"),
        ({"rules": [{"contains": "x"}]}, "at least one reply"),
    ],
)
def test_what_is_not_a_script_is_refused_with_its_place(data: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        script(tmp_path, data)


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="must be a JSON file"):
        ScriptedModel.from_file(str(path))


def test_a_script_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text("[" * 100_000)
    with pytest.raises(InputError, match="cannot read the script"):
        ScriptedModel.from_file(str(path))


async def test_a_tool_call_may_hold_what_is_no_unicode(tmp_path: Path) -> None:
    model = script(tmp_path, {"replies": [{"tool": "write_notes", "args": {"notes": ["\ud800"]}}]})
    (call,) = (await ask(model)).parts
    assert isinstance(call, ToolCallPart)
    assert call.args == {"notes": ["\ud800"]}
