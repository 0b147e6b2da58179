"""Every kind of arm, on nano's released weights and on a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.models import Model

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm, Damage, Harm
from sleeptime.lab.datasets.selection import choose_problems
from sleeptime.lab.player import Player
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import Record, RecordBook
from sleeptime.models.nano import NanoModel
from sleeptime.models.scripted import ScriptedModel
from sleeptime.sleep.settings import Combine, SleepSettings, Strategy
from sleeptime.wake.route import Route
from tests.support.lab import boxes, reader

ONE = SleepSettings()
ARMS = [
    Arm("v0"),
    Arm("v4"),
    Arm("v0", is_guess=True),
    Arm("v0", temperature=0.7),
    Arm("v0", ONE),
    Arm("v0", ONE, Route.NOTES),
    Arm("v0", ONE, Route.FULL),
    Arm("v0", ONE, keep_raw=False),
    Arm("v0", SleepSettings(drafts=3)),
    Arm("v0", SleepSettings(drafts=3, combine=Combine.CONCAT)),
    Arm("v0", SleepSettings(drafts=3, min_votes=2, grounded_only=True)),
    Arm("v0", SleepSettings(strategy=Strategy.RETHINK)),
    *(Arm("v0", ONE, Route.NOTES, damage=Damage(harm, 0.5)) for harm in Harm),
]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[RecordBook]:
    opened = RecordBook(tmp_path)
    yield opened
    opened.close()


async def played(model: Model, book: RecordBook, problems: list[Problem], *arms: Arm) -> list[Record]:
    player = Player(model, book, problems)
    return await asyncio.gather(
        *(player.play(problem, arm, sample) for arm in arms for problem in problems for sample in range(arm.samples))
    )


def test_every_kind_of_arm_has_a_key_of_its_own() -> None:
    keys = [arm.key for arm in ARMS]
    assert len(set(keys)) == len(keys)
    assert Arm("v0", samples=5).key == Arm("v0").key
    assert Arm("v0", seed=1).key != Arm("v0").key


async def test_every_kind_of_arm_is_played_on_nano(book: RecordBook) -> None:
    problems = choose_problems(None, 2, queries=2)
    records = await played(NanoModel(), book, problems, *ARMS)
    assert len(records) == len(book.answers) == len(ARMS) * 4
    by_arm = {arm.key: book.of(arm.key) for arm in ARMS}
    for arm in ARMS:
        for record in by_arm[arm.key]:
            assert record.reply
            assert record.verdict in ("right", "wrong", "unscored")
            assert (record.route == "full") or arm.sleep is not None
            assert (record.notes > 0) == (record.route in ("notes", "recall"))
            assert record.usage.output_tokens > 0 or record.route == "recall"
    assert all(record.route == "full" for record in by_arm[Arm("v0", ONE, Route.FULL).key])
    assert all(record.notes == 0 for record in by_arm[ARMS[-2].key]), "an empty c' has no notes to serve"
    # Calls that ran beside these change neither a reply nor a draft.
    alone = RecordBook(book.folder / "alone")
    for arm in (ARMS[0], ARMS[3], ARMS[8], ARMS[11]):
        for problem in problems:
            record = await Player(NanoModel(), alone, problems).play(problem, arm)
            assert (record.reply, record.verdict) == (
                book.answers[record.key].reply,
                book.answers[record.key].verdict,
            )
    alone.close()


async def test_samples_differ_from_each_other_and_not_from_run_to_run(book: RecordBook) -> None:
    problems = choose_problems(None, 2, queries=2)
    sampled = Arm("v2", temperature=1.0, samples=4)
    first = [record.reply for record in await played(NanoModel(), book, problems, sampled)]
    other = RecordBook(book.folder / "other")
    assert [record.reply for record in await played(NanoModel(), other, problems, sampled)] == first
    assert any(len(set(first[start : start + 4])) > 1 for start in range(0, 16, 4))
    seeded = await played(NanoModel(), other, problems, replace(sampled, seed=1, samples=1))
    assert [record.reply for record in seeded] == first[1::4], "sample i has the seed of the arm + i"
    other.close()


async def test_every_kind_of_arm_but_rethink_is_played_on_a_provider_like_model(book: RecordBook) -> None:
    arms = [arm for arm in ARMS if arm.sleep is None or arm.sleep.strategy is Strategy.NOTES]
    records = await played(reader(), book, boxes(2), *arms)
    assert {record.verdict for record in records if "other" not in record.arm and "errors" not in record.arm} == {
        "right"
    }
    others = book.of(Arm("v0", ONE, Route.NOTES, damage=Damage(Harm.OTHER, 0.5)).key)
    assert [(record.route, record.notes) for record in others] == [("notes", 1)] * 2


async def test_temperature_and_seed_of_each_sample_are_sent(book: RecordBook) -> None:
    model = reader()
    await played(model, book, boxes(1), Arm("v0", temperature=0.7, seed=10, samples=3), Arm("v1"))
    sent = [(request.settings.get("temperature"), request.settings.get("seed")) for request in model.requests]
    assert sent == [(0.7, 10), (0.7, 11), (0.7, 12), (0.0, None)]


async def test_what_is_played_is_not_played_again(book: RecordBook) -> None:
    model = reader()
    [first] = await played(model, book, boxes(1), Arm("v0"))
    [again] = await played(model, RecordBook(book.folder), boxes(1), Arm("v0"))
    assert len(model.requests) == 1
    assert again == replace(first, latency_s=again.latency_s)
    assert again == book.answers[again.key]


async def test_a_guess_with_characters_that_cannot_be_kept_is_still_answered(book: RecordBook) -> None:
    model = ScriptedModel(["How many\x00 boxes\ud800", "The answer is 1."])
    [record] = await played(model, book, boxes(1), Arm("v0", is_guess=True))
    assert record.verdict == "right"
    assert RecordBook(book.folder).answers[record.key].reply.startswith("How many\ufffd boxes\ufffd?")


def test_one_context_id_stands_for_one_text(book: RecordBook) -> None:
    problems = [replace(problem, context_id="same") for problem in boxes(2)]
    with pytest.raises(InputError, match="'p2-0' has another context than earlier ones with the context_id 'same'"):
        Player(reader(), book, problems)
