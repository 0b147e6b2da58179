"""The lines that nano writes, as notes."""

from __future__ import annotations

import pytest

from sleeptime.models.nano_notes import notes_of, whole_lines


@pytest.mark.parametrize(
    ("line", "kind", "subject", "value", "derivation"),
    [
        ("Tom apples = 24 * 3 = 72.", "derived", "Tom apples", "72", "24 * 3 = 72"),
        ("Tom change = 34 - 24 = 10.", "derived", "Tom change", "10", "34 - 24 = 10"),
        ("Tom cost for n = 72 * n.", "function", "Tom cost for n", "72 * n", ""),
        ("Tom left for n = n - 24.", "function", "Tom left for n", "n - 24", ""),
        ("Tom apples = 72.", "fact", "Tom apples", "72", ""),
    ],
)
def test_a_line_becomes_a_note(line: str, kind: str, subject: str, value: str, derivation: str) -> None:
    assert notes_of(line) == [
        {"kind": kind, "text": line, "subject": subject, "value": value, "derivation": derivation, "parts": []}
    ]


@pytest.mark.parametrize(
    "line", ["Tom apples.", "= 3.", "Tom = = 3.", "Tom = 3 4 * = 7 = 9.", "Tom = apples.", ".", ""]
)
def test_a_line_that_states_nothing_is_left_out(line: str) -> None:
    assert notes_of(line) == []


def test_lines_cut_off_or_said_before_are_left_out() -> None:
    text = "Tom apples = 72. Mia pens = 3. Tom apples = 72. Tom cost = 72 *"
    assert whole_lines(text) == ["Tom apples = 72.", "Mia pens = 3."]
    assert [note["subject"] for note in notes_of(text)] == ["Tom apples", "Mia pens"]
