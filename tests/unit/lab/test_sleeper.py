"""Sleeper: each draft is made once, whoever asks and however often; what failed for lack of a model is made again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import (
    BadReply,
    CapReached,
    InputError,
    PromptRejected,
    ProviderDown,
    RateLimited,
    SleeptimeError,
)
from sleeptime.core.note import Note
from sleeptime.core.outcome import Outcome
from sleeptime.lab.records import RecordBook
from sleeptime.lab.sleeper import Sleeper, draft_keys
from sleeptime.models.scripted import Reply, ScriptedModel, ToolCall
from sleeptime.sleep.settings import Combine, SleepSettings, Strategy
from sleeptime.sleep.sleep import sleep_on

SHOP = Context("shop", (Part("context.txt", "Tom has 24 boxes of 3 apples."),))
TEN = SleepSettings(drafts=10)
FIVE = replace(TEN, drafts=5)


def notes_call(value: int) -> ToolCall:
    note = {"kind": "fact", "text": f"Apples: {value}", "subject": f"apples {value}", "value": str(value)}
    return ToolCall("write_notes", {"notes": [note | {"parts": ["context.txt"]}]})


def numbering() -> ScriptedModel:
    """Writes another note with each call, and gives others time to ask for the same."""
    model = ScriptedModel(lambda messages, parameters: Reply([notes_call(len(model.requests))], delay_s=0.005))
    return model


@pytest.fixture
def book(tmp_path: Path) -> Iterator[RecordBook]:
    opened = RecordBook(tmp_path)
    yield opened
    opened.close()


async def test_those_who_ask_at_once_share_each_draft(book: RecordBook) -> None:
    model = numbering()
    sleeper = Sleeper(model, book)
    asked = [TEN, FIVE, replace(TEN, combine=Combine.CONCAT), replace(TEN, min_votes=2), TEN, SleepSettings()]
    results = await asyncio.gather(*(sleeper.sleep(SHOP, settings) for settings in asked))
    assert len(model.requests) == 10
    assert results[0] == results[4]
    assert [result.drafts for result in results] == [10, 5, 10, 10, 10, 1]


async def test_ten_drafts_hold_the_first_five(book: RecordBook) -> None:
    model = numbering()
    sleeper = Sleeper(model, book)
    five = await sleeper.sleep(SHOP, FIVE)
    kept = dict(book.drafts)
    ten = await sleeper.sleep(SHOP, TEN)
    assert len(model.requests) == 10
    assert [book.drafts[key] for key in draft_keys("shop", FIVE)] == list(kept.values())
    assert draft_keys("shop", TEN)[:5] == draft_keys("shop", FIVE)
    assert five.learned is not None
    assert ten.learned is not None
    assert ten.learned.notes[:5] == five.learned.notes


@pytest.mark.parametrize(
    "other",
    [replace(TEN, seed=1), replace(TEN, strategy=Strategy.RETHINK), replace(TEN, temperature=1.0)],
)
def test_other_recipes_have_other_drafts(other: SleepSettings) -> None:
    assert not set(draft_keys("shop", TEN)) & set(draft_keys("shop", other))
    assert not set(draft_keys("shop", TEN)) & set(draft_keys("farm", TEN))


async def test_a_later_run_calls_nobody_and_learns_the_same(book: RecordBook) -> None:
    first = await Sleeper(numbering(), book).sleep(SHOP, TEN)
    silent = ScriptedModel([], model_name="scripted")
    assert await Sleeper(silent, RecordBook(book.folder)).sleep(SHOP, TEN) == first
    assert not silent.requests


async def test_it_learns_what_the_command_would_have_learned(book: RecordBook) -> None:
    def says(note: Note) -> tuple[object, ...]:
        return note.kind, note.text, note.subject, note.value, note.votes, note.verdict

    mine = await Sleeper(numbering(), book).sleep(SHOP, TEN)
    theirs = await sleep_on(numbering(), SHOP, replace(TEN, concurrency=10))
    assert mine.learned is not None
    assert theirs.learned is not None
    assert list(map(says, mine.learned.notes)) == list(map(says, theirs.learned.notes))
    assert mine.usage == theirs.usage


@pytest.mark.parametrize("text", ["", "  \n\t"])
async def test_a_context_without_text_costs_no_call(book: RecordBook, text: str) -> None:
    context = Context("empty", (Part("context.txt", text),) if text else ())
    model = numbering()
    result = await Sleeper(model, book).sleep(context, FIVE)
    assert (result.outcome, result.learned, model.requests) == (Outcome.NOTHING_NEW, None, [])
    assert [draft.outcome for draft in book.drafts.values()] == [Outcome.NOTHING_NEW] * 5


async def test_a_reply_that_is_no_use_is_a_failed_draft_and_kept(book: RecordBook) -> None:
    model = ScriptedModel([BadReply("nonsense")])
    result = await Sleeper(model, book).sleep(SHOP, SleepSettings())
    assert result.outcome is Outcome.FAILED
    await Sleeper(model, RecordBook(book.folder)).sleep(SHOP, SleepSettings())
    assert len(model.requests) == 1


async def test_a_context_that_is_refused_is_a_failed_draft_once_another_was_taken(book: RecordBook) -> None:
    farm = Context("farm", (Part("context.txt", "Mia has 2 hens."),))
    model = ScriptedModel([PromptRejected("no", 400), notes_call(1), PromptRejected("no", 400)])
    sleeper = Sleeper(model, book)
    with pytest.raises(PromptRejected):
        await sleeper.sleep(SHOP, SleepSettings())
    assert not book.drafts
    assert (await sleeper.sleep(farm, SleepSettings())).outcome is Outcome.WROTE
    assert (await sleeper.sleep(SHOP, SleepSettings())).outcome is Outcome.FAILED
    await Sleeper(model, RecordBook(book.folder)).sleep(SHOP, SleepSettings())
    assert len(model.requests) == 3


@pytest.mark.parametrize(
    "error", [ProviderDown("down"), RateLimited("slow down"), CapReached("enough"), InputError("no"), KeyError("bug")]
)
async def test_a_draft_that_could_not_be_made_is_made_by_the_next_run(book: RecordBook, error: Exception) -> None:
    def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> Reply:
        return Reply([error if len(model.requests) == 2 else notes_call(1)], delay_s=0.01 * len(model.requests))

    model = ScriptedModel(reply)
    with pytest.raises(type(error)):
        await Sleeper(model, book).sleep(SHOP, FIVE)
    assert len(book.drafts) == 4, "the others were paid for"
    assert (await Sleeper(model, book).sleep(SHOP, FIVE)).drafts == 5
    assert len(model.requests) == 6


async def test_who_waits_for_a_draft_that_fails_makes_it(book: RecordBook) -> None:
    model = ScriptedModel([Reply([ProviderDown("down")], delay_s=0.01), notes_call(1)])
    sleeper = Sleeper(model, book)
    made = await asyncio.gather(*(sleeper.sleep(SHOP, SleepSettings()) for _ in range(3)), return_exceptions=True)
    assert [isinstance(result, SleeptimeError) for result in made] == [True, False, False]
    assert len(model.requests) == 2
