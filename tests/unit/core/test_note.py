"""core.note: a note's identity is what it says and rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict

NOTE = Note(NoteKind.DERIVED, "Tom has 72 apples.", "Tom apples", "72", "24 * 3 = 72", ("aa", "bb"))
LEARNED = LearnedContext("shop", "v" * 16, (NOTE,), "notes", "nano")


def test_votes_and_verdict_do_not_change_a_note_id() -> None:
    assert replace(NOTE, votes=3, verdict=Verdict.VERIFIED).id == NOTE.id
    assert len(NOTE.id) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"kind": NoteKind.FACT},
        {"text": "x"},
        {"subject": "x"},
        {"value": "x"},
        {"derivation": "x"},
        {"depends_on": ("aabb",)},
    ],
)
def test_content_and_dependencies_change_a_note_id(change: dict[str, object]) -> None:
    assert replace(NOTE, **change).id != NOTE.id  # type: ignore[arg-type]  # replace() cannot be typed by a dict


def test_a_note_holds_as_long_as_what_it_rests_on_is_unchanged() -> None:
    assert NOTE.holds({"aa", "bb", "cc"}, is_same_version=False)
    assert not NOTE.holds({"aa"}, is_same_version=True)
    on_the_whole = replace(NOTE, depends_on=())
    assert on_the_whole.holds(set(), is_same_version=True)
    assert not on_the_whole.holds({"aa"}, is_same_version=False)


def test_neighbouring_fields_do_not_run_together() -> None:
    assert Note(NoteKind.FACT, "ab", "c").id != Note(NoteKind.FACT, "a", "bc").id


@pytest.mark.parametrize(
    "change",
    [
        {"notes": (replace(NOTE, votes=2),)},
        {"notes": (replace(NOTE, verdict=Verdict.REFUTED),)},
        {"notes": ()},
        {"context_version": "w" * 16},
        {"model": "other"},
    ],
)
def test_learned_context_digest_covers_the_whole_value(change: dict[str, object]) -> None:
    assert replace(LEARNED, **change).digest != LEARNED.digest  # type: ignore[arg-type]  # as above
    assert replace(LEARNED).digest == LEARNED.digest
