"""NanoModel: text, notes and rethinking from a prompt of control words; usage, streams, batches and clear errors."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.errors import ForeignText, InputError
from sleeptime.models import nano_queue
from sleeptime.models.nano import NanoModel
from sleeptime.nano.engine import Engine
from sleeptime.nano.tokenizer import Tokenizer
from tests.unit.nano.tiny import TINY, reciting_weights, tiny_weights

WORDS = [f"<|{name}|>" for name in ("pad", "context", "query", "notes", "v0", "v1", "sleep3", "answer", "end")]
WORDS += [*".?=*", *"0123456789", *["Tom", "Mia", "has", "apples", "pens", "how", "many", "cost", "for", "n"]]
CONTEXT = "<|context|> Mia has 24 apples. Tom has 3 pens."
ASKED_V0 = f"{CONTEXT} <|query|> how many apples? <|v0|>"
ASKED_V1 = f"{CONTEXT} <|query|> how many apples? <|v1|>"
SLEEP = f"{CONTEXT} <|sleep3|>"
NOTES = "Tom cost = 23 * 4 = 92. Mia cost for n = 8 * n."
RECITED = [
    "? <|v0|> 72 <|end|>",
    "? <|v1|> Tom has 93 * 8 = 15. <|answer|> 72 <|end|>",
    f". <|sleep3|> {NOTES} <|end|>",
]
WRITE_NOTES = ToolDefinition(name="write_notes")
RETHINK = [ToolDefinition(name="rethink_memory"), ToolDefinition(name="finish_rethinking_memory")]
PLAIN = ModelRequestParameters()


@pytest.fixture
def nano() -> NanoModel:
    tokenizer = Tokenizer(WORDS)
    return NanoModel(Engine(reciting_weights(tokenizer, RECITED)), tokenizer)


@pytest.fixture
def random_nano() -> NanoModel:
    tokenizer = Tokenizer(WORDS)
    assert len(tokenizer) <= TINY.vocab
    return NanoModel(
        Engine(tiny_weights()), Tokenizer([*WORDS, *(f"word{chr(97 + n)}" for n in range(TINY.vocab - len(WORDS)))])
    )


def user(text: str) -> list[ModelMessage]:
    return [ModelRequest(parts=[UserPromptPart(text)])]


def text_of(response: ModelResponse) -> str:
    [part] = response.parts
    assert isinstance(part, TextPart)
    return part.content


def call_of(response: ModelResponse) -> ToolCallPart:
    [part] = response.parts
    assert isinstance(part, ToolCallPart)
    return part


async def test_verbosity_zero_gives_the_answer_alone(nano: NanoModel) -> None:
    response = await model_request(nano, user(ASKED_V0))
    assert text_of(response) == "72"
    assert (response.finish_reason, response.model_name, response.provider_name) == ("stop", "nano", "nano")


async def test_steps_stand_before_the_answer_on_its_own_line(nano: NanoModel) -> None:
    assert text_of(await model_request(nano, user(ASKED_V1))) == "Tom has 93 * 8 = 15.\nAnswer: 72"


async def test_usage_counts_tokens_and_those_read_before(nano: NanoModel) -> None:
    num_prompt = len(Tokenizer(WORDS).encode(ASKED_V0, allow_control=True))
    first, second = [(await model_request(nano, user(asked))).usage for asked in (ASKED_V0, ASKED_V1)]
    assert (first.input_tokens, first.cache_read_tokens, first.output_tokens) == (num_prompt, 0, 3)
    assert (second.input_tokens, second.cache_read_tokens, second.output_tokens) == (num_prompt, 16, 14)


async def test_a_request_to_write_notes_is_answered_by_that_call(nano: NanoModel) -> None:
    parameters = ModelRequestParameters(function_tools=[WRITE_NOTES], allow_text_output=False)
    response = await model_request(nano, user(SLEEP), model_request_parameters=parameters)
    call = call_of(response)
    assert (call.tool_name, response.finish_reason) == ("write_notes", "tool_call")
    notes = call.args_as_dict()["notes"]
    assert [(n["kind"], n["subject"], n["value"]) for n in notes] == [
        ("derived", "Tom cost", "92"),
        ("function", "Mia cost for n", "8 * n"),
    ]


async def test_the_tool_may_be_an_output_tool(nano: NanoModel) -> None:
    parameters = ModelRequestParameters(output_mode="tool", output_tools=[WRITE_NOTES], allow_text_output=False)
    assert (
        call_of(await model_request(nano, user(SLEEP), model_request_parameters=parameters)).tool_name == "write_notes"
    )


async def test_notes_cut_by_the_token_limit_hold_whole_lines_only(nano: NanoModel) -> None:
    parameters = ModelRequestParameters(function_tools=[WRITE_NOTES])
    settings = ModelSettings(max_tokens=14)
    response = await model_request(nano, user(SLEEP), model_settings=settings, model_request_parameters=parameters)
    assert [note["text"] for note in call_of(response).args_as_dict()["notes"]] == ["Tom cost = 23 * 4 = 92."]


async def test_rethinking_is_one_rewrite_and_then_the_end(nano: NanoModel) -> None:
    parameters = ModelRequestParameters(function_tools=RETHINK)
    first = await model_request(nano, user(SLEEP), model_request_parameters=parameters)
    assert call_of(first).args_as_dict() == {"new_memory": NOTES.replace(". ", ".\n")}
    returned = ToolReturnPart("rethink_memory", "ok", tool_call_id=call_of(first).tool_call_id)
    history = [*user(SLEEP), first, ModelRequest(parts=[returned])]
    second = await model_request(nano, history, model_request_parameters=parameters)
    assert (call_of(second).tool_name, second.usage.output_tokens) == ("finish_rethinking_memory", 0)


async def test_tools_it_does_not_know_are_no_hindrance(nano: NanoModel) -> None:
    parameters = ModelRequestParameters(function_tools=[ToolDefinition(name="search")])
    assert text_of(await model_request(nano, user(ASKED_V0), model_request_parameters=parameters)) == "72"


async def test_what_stands_around_its_prompt_is_not_read(nano: NanoModel) -> None:
    parts: list[ModelRequestPart] = [
        SystemPromptPart("Be brief, dear assistant."),
        UserPromptPart([CONTEXT, CachePoint(), ASKED_V0[len(CONTEXT) :]]),
    ]
    messages: list[ModelMessage] = [
        ModelRequest(parts=parts),
        ModelRequest(parts=[UserPromptPart("Please try again.")]),
    ]
    assert text_of(await model_request(nano, messages)) == "72"


@pytest.mark.parametrize("asked", [ASKED_V0, ASKED_V1])
async def test_a_stream_adds_up_to_the_whole_reply_and_never_takes_back_a_digit(nano: NanoModel, asked: str) -> None:
    whole = await model_request(nano, user(asked))
    said: list[str] = []
    async with nano.request_stream(user(asked), None, PLAIN) as stream:
        async for event in stream:
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                said.append(event.part.content)
            if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                said.append(event.delta.content_delta)
    assert "".join(said) == text_of(whole) == text_of(stream.get())
    assert all("7" not in piece or "72" in piece for piece in said)
    assert stream.usage.output_tokens == whole.usage.output_tokens
    assert stream.get().finish_reason == "stop"
    assert (asked == ASKED_V0) == (len(said) == 1)


async def test_a_tool_call_streams_whole(nano: NanoModel) -> None:
    parameters = ModelRequestParameters(function_tools=[WRITE_NOTES])
    async with nano.request_stream(user(SLEEP), None, parameters) as stream:
        async for _ in stream:
            pass
    assert len(call_of(stream.get()).args_as_dict()["notes"]) == 2
    assert stream.usage.output_tokens > 0


async def test_parallel_requests_share_one_reading_of_their_prompt(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nano_queue, "GATHER_S", 0.2)
    responses = await asyncio.gather(*(model_request(nano, user(ASKED_V1)) for _ in range(8)))
    assert len({text_of(response) for response in responses}) == 1
    fresh = [response.usage.input_tokens - response.usage.cache_read_tokens for response in responses]
    assert sum(fresh) < 2 * responses[0].usage.input_tokens


async def test_sampling_follows_its_seed(random_nano: NanoModel) -> None:
    async def draw(seed: int) -> str:
        settings = ModelSettings(temperature=2.0, top_p=0.95, seed=seed, max_tokens=12)
        return text_of(await model_request(random_nano, user(ASKED_V0), model_settings=settings))

    drawn = await asyncio.gather(*(draw(seed) for seed in (1, 2, 3, 4)))
    assert len(set(drawn)) == 4
    assert await draw(2) == drawn[1]


async def test_the_model_s_own_settings_are_defaults() -> None:
    tokenizer = Tokenizer(WORDS)
    nano = NanoModel(Engine(reciting_weights(tokenizer, RECITED)), tokenizer, settings=ModelSettings(max_tokens=2))
    response = await model_request(nano, user(ASKED_V1))
    assert (text_of(response), response.finish_reason) == ("Tom has", "length")


async def test_a_stop_sequence_of_one_token_ends_the_reply(nano: NanoModel) -> None:
    response = await model_request(nano, user(ASKED_V1), model_settings=ModelSettings(stop_sequences=["="]))
    assert text_of(response) == "Tom has 93 * 8"


async def test_a_foreign_word_is_named_with_the_models_to_use_instead(nano: NanoModel) -> None:
    with pytest.raises(ForeignText, match=r"unknown word 'zebras'.*openai-compatible:URL#MODEL"):
        await model_request(nano, user("<|context|> Mia has zebras. <|v0|>"))
    with pytest.raises(ForeignText, match="zebras"):
        async with nano.request_stream(user("<|context|> Mia has zebras. <|v0|>"), None, PLAIN):
            pass


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ModelSettings(temperature=-1.0), "temperature is -1"),
        (ModelSettings(top_p=0.0), "top_p is 0"),
        (ModelSettings(seed=-3), "seed is -3"),
        (ModelSettings(max_tokens=0), "max_tokens is 0"),
        (ModelSettings(stop_sequences=["Tom has"]), "not at 'Tom has'"),
        (ModelSettings(stop_sequences=["zebra"]), "not at 'zebra'"),
    ],
)
async def test_a_setting_it_cannot_follow_is_an_error(nano: NanoModel, settings: ModelSettings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        await model_request(nano, user(ASKED_V0), model_settings=settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("how many apples?", "no prompt in its own control words"),
        (ASKED_V0 * 30, "prompt has [0-9]+ tokens; nano reads at most 511"),
    ],
)
async def test_a_prompt_that_is_not_for_it_is_an_error(nano: NanoModel, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        await model_request(nano, user(content))
    with pytest.raises(InputError, match=message):
        async with nano.request_stream(user(content), None, PLAIN):
            pass


async def test_pictures_are_refused(nano: NanoModel) -> None:
    picture = UserPromptPart([ASKED_V0, BinaryContent(b"x", media_type="image/png")])
    with pytest.raises(InputError, match="reads text only, not BinaryContent"):
        await model_request(nano, [ModelRequest(parts=[picture])])


def test_a_tokenizer_without_its_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="give both, or neither"):
        NanoModel(tokenizer=Tokenizer(WORDS))
