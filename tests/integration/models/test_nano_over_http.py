"""nano behind a real HTTP server that speaks the OpenAI wire format, driven as a user drives vLLM or Ollama."""

import random
from collections.abc import Iterator
from functools import partial
from itertools import islice

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from sleeptime.core.budget import Verbosity
from sleeptime.core.call import Phase
from sleeptime.core.context import Context, Part
from sleeptime.core.outcome import Outcome
from sleeptime.lab.worlds import TRAINING, Split, generate_worlds
from sleeptime.models.budgets import budget_request
from sleeptime.models.metered import MeteredModel
from sleeptime.models.nano import NanoModel
from sleeptime.models.resolve import resolve_model
from sleeptime.models.retry import RetryModel
from sleeptime.sleep.settings import SleepSettings, Strategy
from sleeptime.sleep.sleep import sleep_on
from sleeptime.wake.answer import answer
from sleeptime.wake.route import Route
from tests.support.calls import MemoryLedger
from tests.support.openai_server import OpenAIServer, Status, openai_server

JOINER = "\u200d"
"""pydantic-ai breaks what looks like a chat-template token with it, so that data cannot act as one."""


class ServedNano(WrapperModel):
    """The thin adapter: nano's control words look like chat-template tokens, and are mended on arrival."""

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        for message in messages:
            for part in message.parts:
                if isinstance(part, UserPromptPart) and isinstance(part.content, str):
                    part.content = part.content.replace(JOINER, "")
        return await super().request(messages, model_settings, model_request_parameters)


WORLD = next(islice(generate_worlds(Split.TEST, 21, TRAINING), 1))
CONTEXT = Context("world", (Part("facts.txt", WORLD.text),))


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with openai_server(ServedNano(NanoModel())) as served:
        yield served


@pytest.mark.parametrize("strategy", [Strategy.NOTES, Strategy.RETHINK])
async def test_notes_written_over_the_wire_are_those_written_in_process(
    server: OpenAIServer, strategy: Strategy
) -> None:
    server.play(ServedNano(NanoModel()))
    settings = SleepSettings(strategy=strategy, profile="nano")
    async with resolve_model(server.name("nano")) as remote:
        over_wire = await sleep_on(remote, CONTEXT, settings)
    local = await sleep_on(NanoModel(), CONTEXT, settings)
    assert over_wire.outcome is local.outcome is Outcome.WROTE
    assert over_wire.learned is not None
    assert local.learned is not None
    assert over_wire.learned.notes == local.learned.notes
    assert over_wire.usage.output_tokens == local.usage.output_tokens


async def test_answers_and_their_cached_tokens_come_over_the_wire(server: OpenAIServer) -> None:
    model = NanoModel()
    server.play(ServedNano(model), Status(500))
    slept = await sleep_on(model, CONTEXT, SleepSettings(profile="nano"))
    sink = MemoryLedger()
    budget = Verbosity(0)
    async with resolve_model(server.name("nano")) as remote:
        metered = RetryModel(MeteredModel(remote, sink, phase=Phase.WAKE, context="world"), rng=random.Random(0))
        plan = budget_request(remote, budget)
        for query in WORLD.queries[:2]:
            ask = partial(answer, budget=budget, plan=plan, route=Route.NOTES, profile="nano")
            over_wire = await ask(metered, CONTEXT, slept.learned, query.text)
            local = await ask(model, CONTEXT, slept.learned, query.text)
            assert over_wire.text == local.text
            assert over_wire.usage.output_tokens == local.usage.output_tokens
    outcomes = [call.outcome for call in sink.calls]
    assert outcomes == ["ProviderDown", "ok", "ok"]
    assert sink.calls[-1].usage.cached_input_tokens > 0
