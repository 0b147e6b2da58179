"""Damage: what each harm does to a c', the same for the same seed, and nothing else."""

from __future__ import annotations

from itertools import starmap

import pytest

from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.lab.arm import Damage, Harm
from sleeptime.lab.damage import damaged
from sleeptime.sleep.verify import arithmetic


def note(number: int) -> Note:
    value = 10 * number + 2
    return Note(
        NoteKind.DERIVED,
        f"Tom pens{number} = {value - 7} + 7 = {value}.",
        f"Tom pens{number}",
        str(value),
        f"{value - 7} + 7 = {value}",
        verdict=Verdict.VERIFIED,
    )


NOTES = tuple(note(number) for number in range(1, 201))
LEARNED = LearnedContext("shop", "v1", NOTES, "notes", "nano")
OTHER = LearnedContext("farm", "v2", (Note(NoteKind.FACT, "Mia eggs = 3.", depends_on=("abc",)),) * 40, "notes", "nano")


def harmed(harm: Harm, share: float = 1.0, seed: int = 0) -> tuple[Note, ...]:
    found = damaged(LEARNED, Damage(harm, share, seed), OTHER)
    assert found is not None
    assert (found.context, found.context_version) == ("shop", "v1")
    return found.notes


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_errors_spoil_about_the_share_of_the_notes(share: float) -> None:
    changed = [after for before, after in zip(NOTES, harmed(Harm.ERRORS, share), strict=True) if before != after]
    assert len(changed) / len(NOTES) == pytest.approx(share, abs=0.05)


def test_an_error_stands_in_text_value_and_working_alike() -> None:
    for before, after in zip(NOTES, harmed(Harm.ERRORS), strict=True):
        assert after.value != before.value
        assert int(after.value) > 0
        assert after.text == f"{after.subject} = {int(before.value) - 7} + 7 = {after.value}."
        assert after.derivation == f"{int(before.value) - 7} + 7 = {after.value}"
        assert arithmetic(after) is Verdict.REFUTED
        assert after.verdict is Verdict.VERIFIED, "the error is one that verification let through"


def test_the_same_seed_does_the_same_harm() -> None:
    assert harmed(Harm.ERRORS, 0.3, 1) == harmed(Harm.ERRORS, 0.3, 1)
    assert harmed(Harm.ERRORS, 0.3, 1) != harmed(Harm.ERRORS, 0.3, 2)


def test_no_share_is_no_harm() -> None:
    assert harmed(Harm.ERRORS, 0.0) == NOTES


def test_free_text_is_spoilt_line_by_line() -> None:
    text = "\n".join(f"Tom has {number} pens today." for number in range(100, 300)) + "\nNothing else."
    memory = LearnedContext("shop", "v1", (Note(NoteKind.TEXT, text),), "rethink", "nano")
    found = damaged(memory, Damage(Harm.ERRORS, 0.1), None)
    assert found is not None
    lines = list(zip(text.splitlines(), found.notes[0].text.splitlines(), strict=True))
    assert 8 <= sum(starmap(str.__ne__, lines)) <= 34
    assert lines[-1][0] == lines[-1][1]


def test_a_note_without_a_number_or_with_an_endless_one_is_left_alone() -> None:
    for text in ("Tom is tall.", f"Tom has {'9' * 5_000} pens."):
        plain = LearnedContext("shop", "v1", (Note(NoteKind.FACT, text),), "notes", "nano")
        assert damaged(plain, Damage(Harm.ERRORS), None) == plain


def test_distractors_are_added_to_all_true_notes_and_rest_on_this_context() -> None:
    found = harmed(Harm.DISTRACTORS, 0.1)
    strange = [each for each in found if each not in NOTES]
    assert sorted(each.text for each in found if each in NOTES) == sorted(each.text for each in NOTES)
    assert len(strange) == 20
    assert {each.depends_on for each in strange} == {()}


def test_no_more_distractors_than_there_are_notes_elsewhere() -> None:
    assert len(harmed(Harm.DISTRACTORS, 1.0)) == 240


def test_the_notes_of_another_context_replace_its_own() -> None:
    assert {each.text for each in harmed(Harm.OTHER)} == {"Mia eggs = 3."}


def test_an_empty_c_holds_nothing_and_none_stays_none() -> None:
    assert harmed(Harm.EMPTY) == ()
    assert damaged(None, Damage(Harm.EMPTY), OTHER) is None
