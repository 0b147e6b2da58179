"""sleep.notes: typed notes that name what they rest on, and a clear end whatever the model does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic_ai.messages import ToolCallPart, ToolReturnPart

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import ModelTimeout
from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.core.outcome import Outcome
from sleeptime.models.scripted import AnyReply, ScriptedModel, ToolCall
from sleeptime.sleep.notes import _items, _Written
from sleeptime.sleep.outcome import SleepResult
from sleeptime.sleep.settings import SleepSettings
from sleeptime.sleep.sleep import sleep_on

A, B = Part("a.md", "Tom has 24 boxes of 3 apples."), Part("b.md", "Ann has 4 pears.")
CONTEXT = Context("shop", (A, B))
DERIVED = {
    "kind": "derived",
    "text": "Tom has 72 apples.",
    "subject": "Tom apples",
    "value": 72,
    "derivation": "24 * 3 = 72",
    "parts": ["a.md"],
}


def write(*notes: object) -> ToolCall:
    return ToolCall("write_notes", {"notes": list(notes)})


def text(words: str, **more: object) -> dict[str, Any]:
    return {"kind": "fact", "text": words, **more}


async def write_notes(*script: AnyReply, max_note_tokens: int = 1250) -> tuple[SleepResult, ScriptedModel]:
    model = ScriptedModel(list(script))
    return await sleep_on(model, CONTEXT, SleepSettings(max_note_tokens=max_note_tokens)), model


def written(result: SleepResult) -> list[Note]:
    assert result.learned is not None
    return list(result.learned.notes)


def told(model: ScriptedModel) -> list[ToolReturnPart]:
    return [part for part in model.requests[-1].messages[-1].parts if isinstance(part, ToolReturnPart)]


async def test_one_call_writes_typed_notes_with_verdict_and_dependencies() -> None:
    result, model = await write_notes(write(DERIVED))
    assert result.outcome is Outcome.WROTE
    assert written(result) == [
        Note(
            NoteKind.DERIVED,
            "Tom has 72 apples.",
            "Tom apples",
            "72",
            "24 * 3 = 72",
            (A.sha256,),
            verdict=Verdict.VERIFIED,
        )
    ]
    assert (len(model.requests), model.requests[0].tools) == (1, ("write_notes",))


@pytest.mark.parametrize("parts", [[], None, ["c.md"], ["a.md", "c.md"], ["a.md", "b.md"]])
async def test_a_note_depends_on_all_parts_unless_it_names_known_ones(parts: object) -> None:
    result, _ = await write_notes(write(text("x", parts=parts)))
    assert written(result)[0].depends_on == (A.sha256, B.sha256)


async def test_notes_of_several_calls_in_one_reply_are_all_kept() -> None:
    result, _ = await write_notes([write(text("one")), write(text("two"))])
    assert [note.text for note in written(result)] == ["one", "two"]


async def test_a_note_without_text_says_its_subject_and_value() -> None:
    result, _ = await write_notes(
        write(
            {"kind": "function", "subject": "cost for n", "value": "3 * n"},
            {"kind": "question", "subject": "How many?", "value": "72", "text": None},
        )
    )
    assert [note.text for note in written(result)] == ["cost for n = 3 * n", "How many? 72"]


async def test_an_empty_list_is_nothing_new() -> None:
    result, _ = await write_notes(write())
    assert (result.outcome, result.learned) == (Outcome.NOTHING_NEW, None)


async def test_notes_that_cannot_be_read_are_left_out_when_others_can() -> None:
    result, _ = await write_notes(write(text("good"), {"kind": "spell", "text": "x"}, "just words", text("  ")))
    assert [note.text for note in written(result)] == ["good"]
    assert result.reason == "3 notes could not be read"


def test_a_note_with_a_number_without_end_is_left_out() -> None:
    endless = ToolCallPart("write_notes", {"notes": [text("good"), text("endless", value=10**5000)]})
    found = _Written.read([endless], CONTEXT)
    assert ([note.text for note in found.notes], found.unreadable) == (["good"], 1)


async def test_when_no_note_can_be_read_the_model_is_told_why() -> None:
    result, model = await write_notes(write({"kind": "spell", "text": "x"}), write(text("good")))
    assert [note.text for note in written(result)] == ["good"]
    assert told(model)[0].outcome == "retried"
    assert "kind: Input should be" in str(told(model)[0].content)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (ToolCall("take_notes", {"notes": []}), "unknown tool 'take_notes'"),
        (ToolCall("write_notes"), "without a list of notes"),
        (ToolCall("write_notes", {"notes": "nothing"}), "without a list of notes"),
        (ToolCall("write_notes", {"INVALID_JSON": '{"notes": [{'}), "without a list of notes"),
        (write({"text": "no kind"}), "none of its notes could be read (kind: Field required)"),
        (write(text("")), "they have no text"),
        ("Tom has 72 apples.", "it called no tool"),
        ("", "it called no tool"),
        ([], "it called no tool"),
    ],
)
async def test_three_useless_replies_fail_and_one_good_reply_in_time_does_not(bad: AnyReply, complaint: str) -> None:
    result, model = await write_notes(bad, bad, bad)
    assert (result.outcome, result.learned, len(model.requests)) == (Outcome.FAILED, None, 3)
    assert complaint in result.reason
    recovered, _ = await write_notes(bad, bad, write(text("good")))
    assert [note.text for note in written(recovered)] == ["good"]


async def test_notes_over_the_cap_are_refused_once_and_may_be_shortened() -> None:
    long = [text(f"note {i} " + "word " * 20) for i in range(5)]
    result, model = await write_notes(write(*long), write(text("short")), max_note_tokens=60)
    assert [note.text for note in written(result)] == ["short"]
    assert "at most 60 are allowed" in str(told(model)[0].content)


@pytest.mark.parametrize("last", ["again", "silent", "empty", "down"])
async def test_a_model_that_stays_over_the_cap_keeps_what_fits(last: str) -> None:
    long = write(*[text(f"note {i} " + "word " * 16) for i in range(5)])
    after: dict[str, list[AnyReply]] = {
        "again": [long],
        "silent": ["no", "no"],
        "empty": [write(), "no"],
        "down": [ModelTimeout("late")],
    }
    result, _ = await write_notes(long, *after[last], max_note_tokens=60)
    assert [note.text[:6] for note in written(result)] == ["note 0", "note 1"]
    assert "3 notes over the cap were left out" in result.reason


async def test_one_note_that_is_over_the_cap_by_itself_fails() -> None:
    huge = write(text("word " * 1000))
    result, _ = await write_notes(huge, huge, huge, max_note_tokens=60)
    assert result.outcome is Outcome.FAILED
    assert "over the cap" in result.reason


@pytest.mark.parametrize(
    ("args", "items"),
    [
        ('{"notes": [1]}', [1]),
        ({"notes": json.dumps([1])}, [1]),
        ('{"notes": [1', None),
        ({"notes": "[" * 100_000}, None),
        ("[1]", None),
        ("", None),
        ({"notes": {"kind": "fact"}}, None),
    ],
)
def test_arguments_are_read_in_the_forms_models_send_them(args: str | dict[str, Any], items: list[Any] | None) -> None:
    assert _items(ToolCallPart("write_notes", args)) == items
