"""Carry: put the notes that are carried over and the notes of each piece into one learned context.

Drafts of one piece read the same, and vote (`merge`). Pieces read different parts, so here nobody votes:

- A carried note stays byte for byte. Only a new one that is verified and contradicts it takes its place: that was made
  from newer text.
- A new note that says what a carried one says is left out, and so is one that contradicts it without being verified.
- Of notes of different pieces that contradict each other the one with more votes stays, then the verified one; when
  that decides nothing, none stays. Of those that say the same the first stays.
- Answers in sentences, facts, plans and texts do not contradict each other: both stay.

Carried notes come first and in their order, so that a prompt that holds them begins as it did and caches hit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sleeptime.core.note import Note, Verdict
from sleeptime.sleep.merge import Combined, Subject, claimed


@dataclass(frozen=True, slots=True)
class _Said:
    """A note with its place among others and what it claims."""

    place: int
    note: Note
    sort: str
    value: object
    unit: str

    @property
    def weight(self) -> tuple[int, bool]:
        return self.note.votes, self.note.verdict is Verdict.VERIFIED

    def agrees(self, other: _Said) -> bool:
        """Whether both say the same of their subject."""
        return (self.sort, self.value) == (other.sort, other.value)

    def contradicts(self, other: _Said) -> bool:
        """Whether both cannot be true of their subject; numbers in different units may be."""
        if self.sort != other.sort or self.value == other.value or self.sort in ("prose", "same words"):
            return False
        return self.unit == other.unit or "" in (self.unit, other.unit)


def carry_over(carried: Sequence[Note], pieces: Iterable[Sequence[Note]]) -> Combined:
    """Put them together, as the module says.

    Args:
        carried: notes of an earlier c' that hold.
        pieces: new notes, of each piece.
    """
    new = [note for notes in pieces for note in notes]
    old_about, new_about = _by_subject(carried), _by_subject(new)
    dropped: Counter[str] = Counter()
    left_out: set[int] = set()
    overruled: set[int] = set()
    for subject, said in new_about.items():
        there = old_about.get(subject, [])
        for nth, one in enumerate(said):
            contradicted = [other for other in there if one.contradicts(other)]
            if any(one.agrees(other) for other in there):
                reason = "carried over already"
            elif any(one.agrees(other) for other in said[:nth]):
                reason = "said of two pieces"
            elif any(one.contradicts(other) and other.weight >= one.weight for other in said):
                reason = "contradicted"
            elif contradicted and one.note.verdict is not Verdict.VERIFIED:
                reason = "contradicted by a carried note"
            else:
                overruled |= {other.place for other in contradicted}
                continue
            left_out.add(one.place)
            dropped[reason] += 1
    dropped["overruled by newer text"] = len(overruled)
    notes = [note for i, note in enumerate(carried) if i not in overruled]
    notes += [note for i, note in enumerate(new) if i not in left_out]
    return Combined(tuple(notes), +dropped)


def _by_subject(notes: Sequence[Note]) -> dict[Subject, list[_Said]]:
    found: defaultdict[Subject, list[_Said]] = defaultdict(list)
    for place, note in enumerate(notes):
        subject, sort, value, unit = claimed(note)
        found[subject].append(_Said(place, note, sort, value, unit))
    return found
