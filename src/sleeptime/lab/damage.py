"""Damage: harm done to a c' before it is served, to see how an answer bears it."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from sleeptime.core.note import LearnedContext, Note
from sleeptime.lab.arm import Damage, Harm

_NUMBER = re.compile(r"\d+(?!.*\d)", re.DOTALL)


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
            # By chance per note, so that a share holds over contexts of any number of notes.
            notes = [_with_error(note, rng) if rng.random() < damage.share else note for note in notes]
    return replace(learned, notes=tuple(notes))


def _with_error(note: Note, rng: random.Random) -> Note:
    """The note with another last number, as a slip leaves it: off by one, by ten, or with two digits exchanged."""
    found = _NUMBER.search(note.value) or _NUMBER.search(note.text)
    if found is None:
        return note
    true = int(found.group())
    slips = {abs(true + step) for step in (-10, -1, 1, 10)} | {int(str(true)[::-1])}
    wrong = str(rng.choice(sorted(slips - {true, 0})))
    return replace(note, text=_NUMBER.sub(wrong, note.text), value=_NUMBER.sub(wrong, note.value))
