"""Grounds: let a note rest on every part that it is seen to take something from, also on parts that it does not name.

A model that names the parts of a note may forget one. Where the working was verified, its numbers tell: one that stands
in none of the named parts comes from a part that holds it, or from another note. The note then rests on those parts
too, all of them where there are several, so that a change of any takes it out of service.

Of a note that nothing verified, any number may be its own. One that stands in none of the named parts and in a single
other one is taken to come from there; what is held by several tells nothing. What it takes from a part in words alone
is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from sleeptime.core.context import Part
from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.sleep.arithmetic import numbers_in, read_number
from sleeptime.sleep.verify import plain, read_working


def grounded(notes: Sequence[Note], parts: Sequence[Part]) -> tuple[Note, ...]:
    """The notes, resting on all that they are seen to take something from; refuted ones are left as they are.

    Args:
        notes: judged on the text of these parts (`verify.judged`).
        parts: that they were made from.
    """
    if len(parts) < 2:
        return tuple(notes)
    source = _Source(parts)
    before: tuple[Note, ...] = ()
    after = tuple(notes)
    while after != before:  # what a note rests on, those rest on that start from its value
        before = after
        values = _parts_by_value(before)
        after = tuple(_resting_on(note, source.further(note, values)) for note in before)
    return after


class _Source:
    """What each part says."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._numbers = {part.sha256: numbers_in(part.text) for part in parts}
        self._words = {part.sha256: plain(part.text) for part in parts}

    def further(self, note: Note, values: Mapping[Fraction, Sequence[str]]) -> Iterator[str]:
        """Parts that a note may take something from and does not name."""
        if note.verdict is Verdict.REFUTED:
            return
        known = frozenset[Fraction]().union(*(self._numbers.get(part, ()) for part in note.depends_on))
        if note.verdict is Verdict.UNVERIFIED:
            for number in sorted(numbers_in(f"{note.text}\n{note.value}\n{note.derivation}") - known):
                holders = self._holding(number) or values.get(number, ())
                yield from holders if len(set(holders)) == 1 else ()
            return
        if note.kind is NoteKind.FACT and (holders := self._saying(note.text)):
            yield from () if set(holders) & set(note.depends_on) else holders
            return
        for operands, results in read_working(note).steps:
            for number in sorted(operands - known):
                yield from self._holding(number) or values.get(number, ())
            known |= results

    def _holding(self, number: Fraction) -> list[str]:
        return [part for part, held in self._numbers.items() if number in held]

    def _saying(self, text: str) -> list[str]:
        return [part for part, words in self._words.items() if plain(text) in words]


def _parts_by_value(notes: Sequence[Note]) -> dict[Fraction, tuple[str, ...]]:
    """What the notes rest on that arrived at a value."""
    found: dict[Fraction, tuple[str, ...]] = {}
    for note in notes:
        value = read_number(note.value)
        if note.verdict is Verdict.VERIFIED and value is not None:
            found[value[0]] = (*found.get(value[0], ()), *note.depends_on)
    return found


def _resting_on(note: Note, further: Iterable[str]) -> Note:
    return replace(note, depends_on=tuple(dict.fromkeys((*note.depends_on, *further))))
