"""A note as one line of a prompt."""

from __future__ import annotations

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
    """The note as nano reads it: a sentence that ends with a full stop; of a worked-out value, the value alone."""
    if note.kind is NoteKind.DERIVED and note.subject and note.value:
        return f"{note.subject} = {note.value}."
    text = " ".join(note.text.split())
    return text if text.endswith(".") else f"{text}."


def _shows(text: str, extra: str) -> bool:
    """Whether the extra stands in the text as whole words. No regular expression: one per note is slow to compile."""
    start = text.find(extra)
    while start >= 0:
        around = text[max(0, start - 1) : start] + text[start + len(extra) : start + len(extra) + 1]
        if not any(char.isalnum() or char == "_" for char in around):
            return True
        start = text.find(extra, start + 1)
    return False
