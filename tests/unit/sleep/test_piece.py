"""sleep.piece: what is too much for one prompt is read in several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.context import Part
from sleeptime.core.note import Note, NoteKind
from sleeptime.sleep.piece import Piece, beside, even_runs, whole
from sleeptime.sleep.settings import SleepSettings

SIZES = st.lists(st.integers(0, 30), min_size=1, max_size=60)


@given(SIZES, st.integers(1, 40), st.integers(1, 12))
def test_every_position_is_in_one_run_and_no_run_is_over_a_limit(sizes: list[int], tokens: int, parts: int) -> None:
    found = even_runs(range(len(sizes)), sizes, SleepSettings(piece_tokens=tokens, piece_parts=parts))
    assert [i for run in found for i in run] == list(range(len(sizes)))
    for run in found:
        assert len(run) <= parts
        assert len(run) == 1 or sum(sizes[i] for i in run) <= tokens


@pytest.mark.parametrize(("count", "expected"), [(16, [16]), (17, [9, 8]), (33, [11, 11, 11]), (200, [16] * 12 + [8])])
def test_no_part_is_left_over_alone(count: int, expected: list[int]) -> None:
    assert [len(run) for run in even_runs(range(count), [1] * count, SleepSettings())] == expected


def test_a_small_context_is_one_piece_as_it_is() -> None:
    parts = (Part("a", "one"), Part("b", " "), Part("c", "three"))
    (piece,) = whole(parts, [1, 1, 1], SleepSettings())
    assert piece.parts == parts
    assert piece.context("c").parts == parts


def test_a_piece_without_any_text_is_not_read() -> None:
    parts = tuple(Part(f"p{i}", "text" if i < 2 else " ") for i in range(6))
    pieces = whole(parts, [1] * 6, SleepSettings(piece_parts=2))
    assert [piece.parts for piece in pieces] == [parts[:2]]


def test_what_is_beside_comes_in_the_order_it_is_wanted_as_far_as_there_is_room() -> None:
    settings = SleepSettings(piece_tokens=10, piece_parts=2)
    sizes = [1, 1, 5, 4, 1, 1]
    assert sorted(beside([2], [3, 1, 4, 0], sizes, settings)) == [1, 2, 3]
    assert sorted(beside([0], [5, 4, 3, 1, 2], sizes, settings)) == [0, 3, 4, 5], "at most twice the parts"


def test_a_draft_keeps_notes_on_what_is_studied() -> None:
    studied, neighbour = Part("a", "one"), Part("b", "two")
    notes = [
        Note(NoteKind.FACT, "x", depends_on=(studied.sha256,)),
        Note(NoteKind.FACT, "y", depends_on=(neighbour.sha256,)),
        Note(NoteKind.FACT, "z", depends_on=(studied.sha256, neighbour.sha256)),
    ]
    piece = Piece((studied, neighbour), frozenset({studied.sha256}))
    assert piece.kept(notes) == (notes[0], notes[2])


def test_each_draft_starts_from_a_text_of_its_own_where_there_are_enough() -> None:
    piece = Piece((), frozenset(), ("first", "second"))
    assert [piece.memory(draft) for draft in range(3)] == ["first", "second", "first"]
    assert Piece((), frozenset()).memory(0) == ""
