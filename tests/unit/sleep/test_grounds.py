"""sleep.grounds: a note rests on the parts that its numbers or words come from, also on those it does not name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sleeptime.core.context import Context, Part
from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.models.scripted import ScriptedModel, ToolCall
from sleeptime.sleep.grounds import grounded
from sleeptime.sleep.sleep import sleep_on
from sleeptime.sleep.verify import judged

BAGS, APPLES, PEARS = (
    Part("bags", "Tom has 3 bags."),
    Part("apples", "A bag holds 24 apples."),
    Part("pears", "Ann: 5."),
)
PARTS = (BAGS, APPLES, PEARS)


def rests(*notes: Note) -> list[list[str]]:
    """Names of the parts that each note rests on, once it was judged."""
    names = {part.sha256: part.name for part in PARTS}
    verdicts, _ = judged(notes, "\n".join(part.text for part in PARTS))
    return [[names[part] for part in note.depends_on] for note in grounded(verdicts, PARTS)]


def derived(value: str, working: str, *parts: Part) -> Note:
    return Note(NoteKind.DERIVED, f"= {value}", f"of {value}", value, working, tuple(part.sha256 for part in parts))


def test_a_number_of_a_part_that_is_not_named_makes_the_note_rest_on_it() -> None:
    assert rests(derived("72", "3 * 24 = 72", BAGS)) == [["bags", "apples"]]
    assert rests(derived("72", "3 * 24 = 72", BAGS, APPLES)) == [["bags", "apples"]]


def test_a_value_of_another_note_brings_what_that_rests_on() -> None:
    first, second = derived("72", "3 * 24 = 72", BAGS), derived("77", "72 + 5 = 77", PEARS)
    third = derived("154", "77 + 77 = 154", PEARS)
    assert rests(third, second, first) == [["pears", "bags", "apples"], ["pears", "bags", "apples"], ["bags", "apples"]]


def test_a_number_that_several_parts_hold_makes_the_note_rest_on_all_of_them() -> None:
    twin = Part("twin", "There are 24 hours.")
    note = replace(derived("72", "3 * 24 = 72", BAGS), verdict=Verdict.VERIFIED)
    (found,) = grounded([note], (*PARTS, twin))
    assert found.depends_on == tuple(part.sha256 for part in (BAGS, APPLES, twin))


def test_a_fact_rests_on_a_part_that_says_it() -> None:
    assert rests(Note(NoteKind.FACT, "a bag holds 24 apples", depends_on=(PEARS.sha256,))) == [["pears", "apples"]]
    assert rests(Note(NoteKind.FACT, "a bag holds 24 apples", depends_on=(APPLES.sha256,))) == [["apples"]]


@pytest.mark.parametrize(
    "note",
    [
        derived("9", "4 + 5 = 9", PEARS),
        derived("8", "3 + 5 = 9", PEARS),
        derived("many", "a lot", PEARS),
        Note(NoteKind.FACT, "not said anywhere", depends_on=(PEARS.sha256,)),
    ],
)
def test_what_cannot_be_told_is_left_as_it_is(note: Note) -> None:
    assert rests(note) == [["pears"]]


def test_a_number_that_one_other_part_alone_holds_tells_where_an_unverified_note_comes_from() -> None:
    said = Note(NoteKind.FACT, "24 fit into each, so Tom carries plenty", depends_on=(BAGS.sha256,))
    assert judged([said], "\n".join(part.text for part in PARTS))[0][0].verdict is Verdict.UNVERIFIED
    assert rests(said) == [["bags", "apples"]]
    answer = Note(NoteKind.QUESTION, "Who has more?", "Who has more?", "Ann, by 5 to 3", depends_on=(BAGS.sha256,))
    assert rests(answer) == [["bags", "pears"]]


def test_a_number_that_several_other_parts_hold_tells_nothing_of_an_unverified_note() -> None:
    twin = Part("twin", "There are 24 hours.")
    said = Note(NoteKind.FACT, "24 fit into each, so Tom carries plenty", depends_on=(BAGS.sha256,))
    (found,) = grounded([said], (*PARTS, twin))
    assert found == said


async def test_notes_of_a_sleep_go_out_of_service_with_a_part_that_they_did_not_name() -> None:
    note = {"kind": "derived", "subject": "apples", "value": 72, "derivation": "3 * 24 = 72", "parts": ["bags"]}
    context = Context("shop", PARTS)
    learned = (await sleep_on(ScriptedModel([ToolCall("write_notes", {"notes": [note]})]), context)).learned
    assert learned is not None
    (kept,) = learned.notes
    assert not kept.holds({BAGS.sha256, PEARS.sha256}, is_same_version=False)
    assert kept.holds({BAGS.sha256, APPLES.sha256}, is_same_version=False)
