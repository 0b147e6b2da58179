"""A note as one line of a prompt."""

from __future__ import annotations

import re

from sleeptime.core.note import Note, NoteKind


def note_line(note: Note) -> str:
    """The note on one line, with its value and working where its text does not show them; free text keeps its lines."""
    if note.kind is NoteKind.TEXT:
        return note.text
    text = note.text
    if note.kind is NoteKind.QUESTION and note.subject and note.value:
        text = f"Q: {note.subject} A: {note.value}"
    extras = [extra for extra in (note.value, note.derivation) if extra and not _shows(text, extra)]
    return " ".join(f"{text} ({'; '.join(extras)})".split() if extras else text.split())


def nano_line(note: Note) -> str:
    """The note as nano writes notes itself: a sentence that ends with a full stop."""
    text = " ".join(note.text.split())
    return text if text.endswith(".") else f"{text}."


def _shows(text: str, extra: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(extra)}(?!\w)", text) is not None
