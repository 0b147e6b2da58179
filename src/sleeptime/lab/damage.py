"""Damage: harm done to a c' before it is served, to see how an answer bears it."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.lab.arm import Damage, Harm

_NUMBER = re.compile(r"(?<!\d)\d{1,15}(?!\d)(?!.*\d)", re.DOTALL)
"""The last number of a text; none where that is one of more digits than any that means something."""


def damaged(learned: LearnedContext | None, damage: Damage, other: LearnedContext | None) -> LearnedContext | None:
    """A c' with harm done to it, the same for the same seed.

    Args:
        learned: what sleep wrote; None stays None.
        damage: what to do.
        other: c' of another context, for ``distractors`` and ``other``.
    """
    if learned is None:
        return None
    rng = random.Random(f"damage:{damage.seed}:{learned.context}")
    notes = list(learned.notes)
    # Without parts, a note rests on this version as a whole, so that it is served as if it were of this context.
    strange = [replace(note, depends_on=()) for note in other.notes] if other is not None else []
    match damage.harm:
        case Harm.EMPTY:
            notes = []
        case Harm.OTHER:
            notes = strange
        case Harm.DISTRACTORS:
            notes += rng.sample(strange, min(len(strange), round(damage.share * len(notes))))
            rng.shuffle(notes)
        case Harm.ERRORS:
            # Verdicts stay: these are errors that verification let through. By chance per note, so that a share holds
            # over contexts of any number of notes.
            notes = [_spoilt(note, damage.share, rng) for note in notes]
    return replace(learned, notes=tuple(notes))


def _spoilt(note: Note, share: float, rng: random.Random) -> Note:
    if note.kind is NoteKind.TEXT:
        return _with_errors(note, share, rng)
    return _with_error(note, rng) if rng.random() < share else note


def _with_error(note: Note, rng: random.Random) -> Note:
    """The note with another last number, as a slip leaves it: off by one, by ten, or with two digits exchanged.

    Its working ends in that number too, so that nothing in the note gives the slip away but the sum itself.
    """
    found = _NUMBER.search(note.value) or _NUMBER.search(note.text)
    if found is None:
        return note
    wrong = _slip(found.group(), rng)
    text, value, derivation = (_NUMBER.sub(wrong, said) for said in (note.text, note.value, note.derivation))
    return replace(note, text=text, value=value, derivation=derivation)


def _with_errors(note: Note, share: float, rng: random.Random) -> Note:
    """The free text with an error in a share of the lines that hold a number."""
    lines = [
        _NUMBER.sub(_slip(found.group(), rng), line)
        if (found := _NUMBER.search(line)) and rng.random() < share
        else line
        for line in note.text.splitlines()
    ]
    return replace(note, text="\n".join(lines))


def _slip(number: str, rng: random.Random) -> str:
    true = int(number)
    slips = {abs(true + step) for step in (-10, -1, 1, 10)} | {int(str(true)[::-1])}
    return str(rng.choice(sorted(slips - {true, 0})))
