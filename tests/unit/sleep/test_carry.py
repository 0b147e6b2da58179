"""sleep.carry: carried notes stay as they are, and give way to verified newer text alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.sleep.carry import carry_over


def derived(
    value: str, *, part: str = "old", subject: str = "Tom apples", verified: bool = False, votes: int = 1
) -> Note:
    verdict = Verdict.VERIFIED if verified else Verdict.UNVERIFIED
    return Note(
        NoteKind.DERIVED, f"{subject}: {value}", subject, value, depends_on=(part,), votes=votes, verdict=verdict
    )


def test_carried_notes_come_first_in_their_order_and_unchanged() -> None:
    carried = [replace(derived("5", subject=name, votes=3), made_from="v1") for name in ("b", "a")]
    new = [derived("1", part="new", subject="c")]
    combined = carry_over(carried, [new])
    assert combined.notes == (*carried, *new)
    assert [(note.votes, note.made_from) for note in combined.notes[:2]] == [(3, "v1")] * 2
    assert not combined.dropped


@pytest.mark.parametrize("is_carried_verified", [False, True])
@pytest.mark.parametrize(("is_new_verified", "expected"), [(True, "3"), (False, "5")])
def test_only_a_verified_contradiction_takes_the_place_of_a_carried_note(
    is_carried_verified: bool, is_new_verified: bool, expected: str
) -> None:
    carried, new = (
        derived("5", verified=is_carried_verified, votes=9),
        derived("3", part="new", verified=is_new_verified),
    )
    combined = carry_over([carried], [[new]])
    assert [note.value for note in combined.notes] == [expected]
    assert combined.losses == f"1 {'overruled by newer text' if is_new_verified else 'contradicted by a carried note'}"


def test_what_a_carried_note_says_is_not_said_twice() -> None:
    carried = derived("5")
    combined = carry_over([carried], [[derived("5.0", part="new", verified=True)]])
    assert combined.notes == (carried,)
    assert combined.losses == "1 carried over already"


def test_values_in_other_units_do_not_contradict() -> None:
    combined = carry_over([derived("5 boxes")], [[derived("60 apples", part="new", verified=True)]])
    assert [note.value for note in combined.notes] == ["5 boxes", "60 apples"]


def test_sentences_facts_and_texts_stand_beside_each_other() -> None:
    def question(value: str) -> Note:
        return Note(NoteKind.QUESTION, value, "Who approves travel?", value)

    carried = [question("The head of the department approves it"), Note(NoteKind.FACT, "Travel is approved.")]
    new = [question("Finance approves all travel as of May"), Note(NoteKind.FACT, "Travel is not approved.")]
    assert carry_over(carried, [new]).notes == (*carried, *new)


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        (derived("5"), derived("7"), []),
        (derived("5", votes=2), derived("7", verified=True), ["5"]),
        (derived("5"), derived("7", verified=True), ["7"]),
        (derived("5"), derived("5", part="other"), ["5"]),
    ],
)
def test_pieces_that_contradict_each_other_are_weighed_and_those_that_agree_say_it_once(
    one: Note, other: Note, left: list[str]
) -> None:
    for pieces in ([[one], [other]], [[other], [one]]):
        assert [note.value for note in carry_over([], pieces).notes] == left
