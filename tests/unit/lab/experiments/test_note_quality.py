"""Note quality: which notes are right, and which queries they cover, from drafts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.note import Note, NoteKind
from sleeptime.lab.experiments.note_quality import is_right, quality_of
from sleeptime.lab.experiments.recipes import of_drafts, seeded
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.lab.statistics import Bootstrap
from sleeptime.sleep.settings import Combine
from tests.unit.lab.experiments.played import fact, problems, study, write_drafts

ASKED = problems(3, 2, lambda i: {"quantity": f"Tom q{i}"})
BOOTSTRAP = Bootstrap([problem.context_id for problem in ASKED], seed=0, resamples=200)


def function(value: str) -> Note:
    return Note(NoteKind.FUNCTION, f"Tom cost for n = {value}.", "Tom cost for n", value)


@pytest.mark.parametrize(
    ("note", "answer", "expected"),
    [
        (fact("Tom pens", "72"), "72", True),
        (fact("Tom pens", "72 pens"), "72", True),
        (fact("Tom pens", "71"), "72", False),
        (fact("Tom pens", "many"), "72", False),
        (function("72 * n"), "360", True),
        (function("n + 355"), "360", True),
        (function("72 * m"), "360", False),
        (function("n / 0"), "360", False),
        (function("__import__('os')"), "360", False),
        (fact("Tom pens", "72"), "unknown", False),
    ],
)
def test_a_note_is_right_when_it_gives_the_answer(note: Note, answer: str, expected: bool) -> None:
    query = "If each pen costs 5 coins, how many coins do the pens of Tom cost?"
    assert is_right(note, Problem("p", "c", query, answer, "worlds:shop", "c")) is expected


def first_draft_wrong(context: str, index: int) -> Sequence[Note]:
    """Context 0: right notes on both queries. Context 1: one wrong in the first draft alone. 2: none."""
    if context == "c0":
        return [fact("Tom q0", "0"), fact("Tom q1", "1"), fact("Mia x", "9")]
    if context == "c1":
        return [fact("tom Q2", "7" if index == 0 else "2")]
    return []


def test_right_notes_and_covered_queries_of_one_draft(tmp_path: Path) -> None:
    book, recipe = RecordBook(tmp_path), of_drafts(1)
    write_drafts(book, ASKED, recipe, first_draft_wrong)
    found = quality_of(study(book, ASKED), [recipe], BOOTSTRAP)
    assert found.notes.mean == pytest.approx(4 / 3)
    assert found.sizes == ({"c0": 3, "c1": 1, "c2": 0},)
    assert found.right is not None
    assert found.right.mean == pytest.approx(2 / 3)
    assert found.covered is not None
    assert found.covered.mean == pytest.approx(2 / 6)
    assert found.drafted_tokens.mean == 20


def test_concatenated_drafts_that_disagree_are_disputed(tmp_path: Path) -> None:
    book, recipe = RecordBook(tmp_path), of_drafts(2, Combine.CONCAT)
    write_drafts(book, ASKED, recipe, first_draft_wrong)
    found = quality_of(study(book, ASKED), [recipe], BOOTSTRAP)
    assert found.covered is not None
    assert found.covered.mean == pytest.approx(3 / 6)
    assert found.disputed is not None
    assert found.disputed.mean == pytest.approx(1 / 6)
    assert found.right is not None
    assert found.right.mean == pytest.approx(3 / 4)
    assert found.drafted_tokens.mean == 40


def notes_of(written: Mapping[str, Sequence[Note]], context: str, index: int) -> Sequence[Note]:
    return written.get(context, [])


def test_seeds_are_taken_together(tmp_path: Path) -> None:
    book, recipes = RecordBook(tmp_path), seeded(2, is_quick=False)
    for recipe, second in zip(recipes, ("7", "1", "1"), strict=True):
        both = {"c0": [fact("Tom q0", "0"), fact("Tom q1", second)]}
        write_drafts(book, ASKED, recipe, partial(notes_of, both))
    found = quality_of(study(book, ASKED), recipes, BOOTSTRAP)
    assert len(found.sizes) == 3
    assert found.notes.mean == pytest.approx(2 / 3)
    assert (found.notes.n, found.notes.clusters) == (9, 3)
    assert found.right is not None
    assert found.right.mean == pytest.approx(5 / 6)
    assert found.covered is not None
    assert found.covered.mean == pytest.approx(5 / 18)
    assert found.covered.n == 18


def test_queries_that_name_no_quantity_leave_rightness_open(tmp_path: Path) -> None:
    asked, book, recipe = problems(2, 1), RecordBook(tmp_path), of_drafts(1)
    write_drafts(book, asked, recipe, lambda context, index: [])
    bootstrap = Bootstrap(["c0", "c1"], seed=0, resamples=200)
    found = quality_of(study(book, asked), [recipe], bootstrap)
    assert (found.right, found.covered, found.disputed, found.verified) == (None, None, None, None)
    assert found.notes.mean == 0


def test_missing_drafts_are_counted_by_context(tmp_path: Path) -> None:
    book = RecordBook(tmp_path)
    write_drafts(book, ASKED[:2], of_drafts(2))
    with pytest.raises(InputError, match="2 of 3 contexts lack some of their 2 drafts"):
        quality_of(study(book, ASKED), [of_drafts(2)], BOOTSTRAP)
