"""The lines that nano writes when it sleeps, as arguments of the sleep tools. Knows nothing of decoding."""

from __future__ import annotations

import re
from typing import TypedDict

_LINE_END = re.compile(r"(?<=\.)\s+")
_DERIVED = re.compile(r"(?P<subject>[^=]+) = (?P<derivation>[^=]*[-+*/][^=]* = (?P<value>\d+))\.")
_FUNCTION = re.compile(r"(?P<subject>[^=]+) = (?P<value>[^=]*\bn\b[^=]*)\.")
_STATED = re.compile(r"(?P<subject>[^=]+) = (?P<value>\d+)\.")


class NanoNote(TypedDict):
    """One entry of the tool `write_notes`. nano names no parts, so that a note rests on the whole context."""

    kind: str
    text: str
    subject: str
    value: str
    derivation: str
    parts: list[str]


def whole_lines(text: str) -> list[str]:
    """The lines of notes, each a sentence; one that was cut off or said before is left out."""
    lines = [line for line in _LINE_END.split(text.strip()) if line.endswith(".")]
    return list(dict.fromkeys(lines))


def notes_of(text: str) -> list[NanoNote]:
    """The notes that a completion holds; a line that states no value and no function is left out.

    "Tom apples = 24 * 3 = 72." is a derived value, "Tom cost for n = 72 * n." a function, "Tom apples = 72." a fact.
    """
    notes: list[NanoNote] = []
    for line in whole_lines(text):
        for kind, form in (("derived", _DERIVED), ("function", _FUNCTION), ("fact", _STATED)):
            if match := form.fullmatch(line):
                said = {"derivation": "", **match.groupdict()}
                note = NanoNote(
                    kind=kind,
                    text=line,
                    subject=said["subject"],
                    value=said["value"],
                    derivation=said["derivation"],
                    parts=[],
                )
                notes.append(note)
                break
    return notes
