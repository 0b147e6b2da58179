"""prompts.line: a note on one line."""

from __future__ import annotations

from sleeptime.core.note import Note, NoteKind
from sleeptime.prompts.line import nano_line, note_line


def test_value_and_working_are_added_where_the_text_does_not_show_them() -> None:
    note = Note(NoteKind.DERIVED, "Tom's apples", "Tom apples", "72", "24 * 3 = 72")
    assert note_line(note) == "Tom's apples (72; 24 * 3 = 72)"


def test_a_value_inside_a_longer_number_is_not_shown_yet() -> None:
    assert note_line(Note(NoteKind.DERIVED, "Tom has 172 apples", value="72")) == "Tom has 172 apples (72)"
    assert note_line(Note(NoteKind.DERIVED, "Tom has 72 apples", value="72")) == "Tom has 72 apples"


def test_a_question_shows_question_and_answer() -> None:
    note = Note(NoteKind.QUESTION, "apples question", "How many apples?", "72")
    assert note_line(note) == "Q: How many apples? A: 72"


def test_a_note_stays_on_one_line_but_free_text_keeps_its_lines() -> None:
    assert note_line(Note(NoteKind.FACT, "a\n\nb")) == "a b"
    assert note_line(Note(NoteKind.TEXT, "a\n\nb")) == "a\n\nb"


def test_a_nano_line_ends_with_one_full_stop() -> None:
    assert nano_line(Note(NoteKind.DERIVED, "All = 3 + 4 = 7.")) == "All = 3 + 4 = 7."
    assert nano_line(Note(NoteKind.DERIVED, "All = 3 + 4 = 7")) == "All = 3 + 4 = 7."


def test_nano_reads_a_derived_value_without_its_working() -> None:
    note = Note(NoteKind.DERIVED, "Tom apples = 24 * 3 = 72.", "Tom apples", "72", "24 * 3 = 72")
    assert nano_line(note) == "Tom apples = 72."
