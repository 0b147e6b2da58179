"""sleep.sleep and sleep.drafts: independent drafts, combined, with one clear outcome."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import BadReply, ForeignText, InputError, RateLimited
from sleeptime.core.note import LearnedContext
from sleeptime.core.outcome import Outcome
from sleeptime.core.usage import Usage
from sleeptime.models.scripted import AnyReply, Reply, ScriptedModel, ToolCall
from sleeptime.sleep.settings import Combine, SleepSettings, Strategy
from sleeptime.sleep.sleep import sleep_on

CONTEXT = Context("shop", (Part("a.md", "Tom has 24 boxes of 3 apples."),))
USED = Usage(input_tokens=10, cached_input_tokens=5, output_tokens=7)


def apples(number: int, derivation: str = "") -> AnyReply:
    note = {"kind": "derived", "text": "x", "subject": "Tom apples", "value": number, "derivation": derivation}
    return Reply([ToolCall("write_notes", {"notes": [note]})], usage=USED)


def values(learned: LearnedContext | None) -> list[tuple[str, int]]:
    assert learned is not None
    return [(note.value, note.votes) for note in learned.notes]


async def test_the_first_draft_is_greedy_and_each_has_its_own_seed() -> None:
    model = ScriptedModel([apples(72)] * 3)
    await sleep_on(model, CONTEXT, SleepSettings(drafts=3, seed=40), model_settings=ModelSettings(max_tokens=9))
    sent = [(request.settings["temperature"], request.settings["seed"]) for request in model.requests]
    assert sent == [(0.0, 40), (0.7, 41), (0.7, 42)]
    assert all(request.settings["max_tokens"] == 9 for request in model.requests)


def test_rethinking_asks_for_a_cache_and_a_single_call_does_not() -> None:
    caches = {strategy: SleepSettings(strategy=strategy).of_draft(0).get("cache") for strategy in Strategy}
    assert caches == {Strategy.RETHINK: True, Strategy.NOTES: None, Strategy.REPOSITORY: True}


async def test_no_temperature_is_sent_to_models_that_refuse_one() -> None:
    model = ScriptedModel([apples(72)] * 2)
    await sleep_on(model, CONTEXT, SleepSettings(drafts=2, temperature=None))
    assert all("temperature" not in request.settings for request in model.requests)


async def test_drafts_are_merged_by_vote_and_their_usage_adds_up() -> None:
    result = await sleep_on(ScriptedModel([apples(72), apples(70), apples(72)]), CONTEXT, SleepSettings(drafts=3))
    assert (result.outcome, values(result.learned), result.drafts) == (Outcome.WROTE, [("72", 2)], 3)
    assert result.usage == USED + USED + USED
    assert result.reason == "dropped when combined: 1 contradicted"


async def test_concatenation_keeps_all() -> None:
    settings = SleepSettings(drafts=2, combine=Combine.CONCAT)
    result = await sleep_on(ScriptedModel([apples(72), apples(70)]), CONTEXT, settings)
    assert values(result.learned) == [("72", 1), ("70", 1)]


async def test_memories_are_concatenated_in_the_order_of_the_drafts() -> None:
    replies = [
        [ToolCall("rethink_memory", {"new_memory": f"m{i}"}), ToolCall("finish_rethinking_memory")] for i in (1, 2)
    ]
    settings = SleepSettings(Strategy.RETHINK, drafts=2, combine=Combine.CONCAT)
    result = await sleep_on(ScriptedModel(replies), CONTEXT, settings)
    assert result.learned is not None
    assert [note.text for note in result.learned.notes] == ["m1", "m2"]


async def test_a_draft_that_fails_does_not_disturb_the_others() -> None:
    script = [apples(72), RateLimited("429"), RuntimeError("a bug"), "no tool", "no tool", "no tool", apples(72)]
    model = ScriptedModel(script)
    result = await sleep_on(model, CONTEXT, SleepSettings(drafts=5, concurrency=1))
    assert (result.outcome, result.drafts) == (Outcome.WROTE, 2)
    assert values(result.learned) == [("72", 2)]
    assert result.reason.startswith("3 of 5 drafts failed: RateLimited: 429; RuntimeError: a bug; ")


async def test_when_all_drafts_fail_the_first_reasons_are_given() -> None:
    script = [BadReply(f"cut {i}") for i in range(5)]
    result = await sleep_on(ScriptedModel(script), CONTEXT, SleepSettings(drafts=5))
    assert (result.outcome, result.learned, result.drafts) == (Outcome.FAILED, None, 0)
    assert result.reason == "5 of 5 drafts failed: BadReply: cut 0; BadReply: cut 1; BadReply: cut 2; and 2 more"


async def test_one_draft_that_finds_nothing_makes_it_nothing_new_and_not_a_failure() -> None:
    script: list[AnyReply] = [BadReply("cut"), ToolCall("write_notes", {"notes": []})]
    result = await sleep_on(ScriptedModel(script), CONTEXT, SleepSettings(drafts=2))
    assert result.outcome is Outcome.NOTHING_NEW
    assert result.reason == "1 of 2 drafts failed: BadReply: cut; the model found nothing worth noting"


async def test_notes_that_are_all_dropped_never_make_an_empty_learned_context() -> None:
    result = await sleep_on(ScriptedModel([apples(70, "24 * 3 = 70")]), CONTEXT)
    assert (result.outcome, result.learned) == (Outcome.NOTHING_NEW, None)
    assert result.reason == "no statement was left of 1 draft; dropped when combined: 1 refuted"


async def test_the_notes_in_service_are_nothing_new() -> None:
    first = await sleep_on(ScriptedModel([apples(72, "24 * 3 = 72")]), CONTEXT)
    assert first.learned is not None
    script = [apples(72, "24 * 3 = 72")] * 2
    again = await sleep_on(ScriptedModel(script), CONTEXT, SleepSettings(drafts=2), live=first.learned)
    assert (again.outcome, again.reason) == (Outcome.NOTHING_NEW, "the notes are those in service")
    other = await sleep_on(ScriptedModel([apples(71)]), CONTEXT, live=first.learned)
    assert other.outcome is Outcome.WROTE


async def test_the_same_notes_on_a_new_version_are_written_for_that_version() -> None:
    first = await sleep_on(ScriptedModel([apples(72)]), CONTEXT)
    renamed = Context("shop", (Part("b.md", CONTEXT.parts[0].text),))
    again = await sleep_on(ScriptedModel([apples(72)]), renamed, live=first.learned)
    assert again.learned is not None
    assert first.learned is not None
    assert again.learned.notes == first.learned.notes
    assert again.learned.context_version == renamed.version


@pytest.mark.parametrize("parts", [(), (Part("a", ""),), (Part("a", " \n"), Part("b", ""))])
async def test_a_context_without_text_makes_no_call(parts: tuple[Part, ...]) -> None:
    model = ScriptedModel([])
    result = await sleep_on(model, Context("empty", parts))
    assert (result.outcome, model.requests) == (Outcome.NOTHING_NEW, [])


async def test_a_context_that_the_model_cannot_read_is_the_callers_error() -> None:
    with pytest.raises(ForeignText, match="unknown word"):
        await sleep_on(ScriptedModel([ForeignText("unknown word 'x'")] * 3), CONTEXT, SleepSettings(drafts=3))


async def test_progress_tells_how_many_drafts_are_done() -> None:
    told: list[tuple[int, int]] = []
    model = ScriptedModel([apples(72), BadReply("cut"), apples(72)])
    await sleep_on(model, CONTEXT, SleepSettings(drafts=3), progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


async def test_drafts_run_side_by_side_within_the_bound() -> None:
    running, most = 0, 0

    async def slow(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return apples(72)

    await sleep_on(ScriptedModel(slow), CONTEXT, SleepSettings(drafts=7, concurrency=3))
    assert most == 3


async def test_cancelling_a_sleep_cancels_its_drafts() -> None:
    model = ScriptedModel([Reply([], delay_s=60)] * 2)
    task = asyncio.create_task(sleep_on(model, CONTEXT, SleepSettings(drafts=2)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(model.requests) == 2


async def test_the_digest_tells_strategies_and_profiles_apart() -> None:
    nothing = ToolCall("write_notes", {"notes": []})
    digests = [
        (await sleep_on(ScriptedModel([reply]), CONTEXT, settings)).prompt_digest
        for reply, settings in (
            (nothing, SleepSettings()),
            (nothing, SleepSettings(profile="nano")),
            (ToolCall("finish_rethinking_memory"), SleepSettings(Strategy.RETHINK)),
        )
    ]
    assert len(set(digests)) == 3
    assert all(len(digest) == 16 for digest in digests)


async def test_the_nano_profile_sends_control_words_alone() -> None:
    model = ScriptedModel([apples(72)])
    await sleep_on(model, CONTEXT, SleepSettings(profile="nano", effort="low"))
    assert " ".join(model.requests[0].text.split()) == "<|context|> Tom has 24 boxes of 3 apples. <|sleep1|>"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strategy": "dream"}, "strategy 'dream' is not known; allowed: rethink, notes"),
        ({"combine": "sum"}, "allowed: concat, merge"),
        ({"drafts": 0}, "drafts is at least 1"),
        ({"max_rethinks": 0}, "max_rethinks is at least 1"),
        ({"min_votes": 2}, "at most the number of drafts"),
        ({"effort": "huge"}, "allowed: low, medium, high"),
        ({"temperature": 3.0}, "between 0 and 2"),
        ({"profile": "other"}, "allowed: default, nano"),
    ],
)
def test_settings_out_of_range_say_what_is_allowed(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SleepSettings(**change)  # type: ignore[arg-type]  # wrong on purpose


def test_settings_take_words_for_strategy_and_combination() -> None:
    settings = SleepSettings("rethink", combine="concat")  # type: ignore[arg-type]  # as they come from a command line
    assert (settings.strategy, settings.combine) == (Strategy.RETHINK, Combine.CONCAT)


async def test_the_strategy_for_repositories_needs_somebody_who_makes_its_drafts() -> None:
    with pytest.raises(InputError, match="git repository"):
        await sleep_on(ScriptedModel([]), CONTEXT, SleepSettings(Strategy.REPOSITORY))
