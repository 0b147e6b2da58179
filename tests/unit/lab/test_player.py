"""Player: what is served where a plain `ask` would stop, so that every arm answers every query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import InputError
from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.lab.arm import Arm, Damage, Harm
from sleeptime.lab.player import Player
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.lab.sleeper import draft_keys
from sleeptime.models.nano import NanoModel
from sleeptime.models.room import NANO_ANSWER_TOKENS, notes_room
from sleeptime.models.scripted import ScriptedModel, ToolCall
from sleeptime.nano.engine import Engine
from sleeptime.nano.tokenizer import Tokenizer
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import Combine, SleepSettings
from sleeptime.wake.route import Route
from tests.unit.nano.tiny import reciting_weights

SHOP = Problem("p1", "Tom has 24 boxes of 3 apples.", "How many apples?", "72", "worlds:shop", "shop")
FARM = Problem("p2", "Mia has 2 hens.", "How many hens?", "2", "worlds:farm", "farm")
NOTHING = ToolCall("write_notes", {"notes": []})


@pytest.fixture
def book(tmp_path: Path) -> Iterator[RecordBook]:
    opened = RecordBook(tmp_path)
    yield opened
    opened.close()


async def test_a_guess_that_says_nothing_is_unscored(book: RecordBook) -> None:
    record = await Player(ScriptedModel([""]), book, [SHOP]).play(SHOP, Arm("v0", is_guess=True))
    assert record.verdict == "unscored"
    assert SHOP.query not in record.reply


async def test_a_guess_is_kept_with_its_answer_and_what_both_took(book: RecordBook) -> None:
    model = ScriptedModel(["How many\n boxes", "The answer is 72."])
    record = await Player(model, book, [SHOP]).play(SHOP, Arm("v0", is_guess=True))
    assert record.reply == "How many boxes?\nThe answer is 72."
    assert record.verdict == "right"
    assert record.usage.output_tokens == 3 + 4
    assert SHOP.query not in model.requests[1].text


async def test_an_arm_that_serves_notes_answers_from_the_context_where_there_are_none(book: RecordBook) -> None:
    model = ScriptedModel([NOTHING, "The answer is 72."])
    record = await Player(model, book, [SHOP]).play(SHOP, Arm("v0", SleepSettings(), Route.NOTES))
    assert (record.route, record.notes, record.verdict) == ("full", 0, "right")


async def test_notes_of_another_context_need_another_context(book: RecordBook) -> None:
    arm = Arm("v0", SleepSettings(), damage=Damage(Harm.OTHER))
    with pytest.raises(InputError, match="at least 2 contexts"):
        await Player(ScriptedModel([NOTHING]), book, [SHOP]).play(SHOP, arm)


WORDS = [f"<|{name}|>" for name in ("pad", "context", "query", "notes", "v0", "answer", "end")]
WORDS += [*".?=*", *"0123456789", *["Tom", "Mia", "has", "apples", "pens", "how", "many", "cost"]]
NANO_PROBLEM = Problem("p1", "Tom has 24 apples.", "how many apples?", "72", "worlds:shop", "shop")


@pytest.fixture
def nano() -> NanoModel:
    tokenizer = Tokenizer(WORDS)
    return NanoModel(Engine(reciting_weights(tokenizer, ["? <|v0|> 72 <|end|>"])), tokenizer)


async def test_more_notes_than_nano_reads_at_once_are_chosen_to_fit(book: RecordBook, nano: NanoModel) -> None:
    recipe = SleepSettings(drafts=2, combine=Combine.CONCAT)
    for key in draft_keys("shop", recipe):
        notes = [f"Mia pens = {1000 * (key[2] + 1) + number}." for number in range(200)]
        written = tuple(Note(NoteKind.FACT, text, "Mia pens", text[11:-1]) for text in notes)
        book.add_draft(key, Draft(Outcome.WROTE, written))
    record = await Player(nano, book, [NANO_PROBLEM]).play(NANO_PROBLEM, Arm("v0", recipe))
    longest = 512
    assert record.verdict == "right"
    assert 0 < record.notes < 400
    assert longest - NANO_ANSWER_TOKENS - 9 <= record.usage.input_tokens <= longest - NANO_ANSWER_TOKENS


async def test_the_limit_that_is_set_holds_where_it_is_the_smaller(nano: NanoModel) -> None:
    context = Context("shop", (Part("shop.txt", "Tom has 24 apples."),))
    room = await notes_room(nano, context, "how many apples?", 50)
    assert room.limit_tokens == 50
    assert room.count("Tom apples = 24.") == 6
    assert room.count("zebras are no words of nano") > 0


async def test_a_context_that_fills_nano_leaves_no_room(nano: NanoModel) -> None:
    context = Context("shop", (Part("shop.txt", "Tom has 24 apples. " * 60),))
    assert (await notes_room(nano, context, "how many apples?", 16_000)).limit_tokens == 0


async def test_a_provider_model_keeps_the_limit_that_is_set() -> None:
    assert (await notes_room(ScriptedModel([]), Context("c", ()), "q", 16_000)).limit_tokens == 16_000
