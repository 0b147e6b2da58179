"""Combine drafts: one after the other as in the paper, or merged by vote.

The paper concatenates, and gets worse after five drafts (arXiv:2504.13171, section 5). Merging lets drafts agree:

- A note whose working does not compute is dropped before anything else, so it can neither win nor contradict.
- Derived values, functions and questions are about one subject each. Drafts that give a subject one value add up; of
  two values that contradict each other the one with more votes stays, then the one whose working is grounded in the
  context; when that decides nothing, none stays. A draft that contradicts itself on a subject has no vote on it.
- Values that cannot be compared (an answer in a sentence) do not contradict; the most frequent, then shortest stays.
- Facts and plans with the same words are one statement. They are not set against each other: the context decides.

The set of notes does not depend on the order of the drafts, and an empty draft or one of refuted notes changes nothing.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations

from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.sleep.arithmetic import read_function, read_number
from sleeptime.sleep.verify import QUESTION_VOTES, judged

_VOTED: frozenset[NoteKind] = frozenset({NoteKind.DERIVED, NoteKind.FUNCTION, NoteKind.QUESTION})
_MAX_NAME_WORDS = 3
"""A value of so few words is taken for a name ("Tom", "on Monday"): two different ones contradict each other."""

Subject = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Combined:
    """Drafts made into one.

    Args:
        notes: in order of first appearance.
        dropped: how many statements were lost, by reason.
    """

    notes: tuple[Note, ...]
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def losses(self) -> str:
        """The dropped statements in words, such as ``"2 refuted, 1 contradicted"``; ``""`` when there are none."""
        return ", ".join(f"{number} {reason}" for reason, number in sorted(self.dropped.items()))


def concat(drafts: Sequence[Sequence[Note]]) -> Combined:
    """All notes of all drafts, draft after draft, nothing checked (arXiv:2504.13171, section 5); equal notes once."""
    votes = Counter(note_id for draft in drafts for note_id in {note.id for note in draft})
    notes = {note.id: note for draft in drafts for note in draft}
    return Combined(tuple(replace(note, votes=votes[note_id]) for note_id, note in notes.items()))


def merge(
    drafts: Sequence[Sequence[Note]], *, context_text: str, min_votes: int = 1, grounded_only: bool = False
) -> Combined:
    """Merge drafts by vote, as the module says.

    Args:
        drafts: notes per draft.
        context_text: what the notes were made from; numbers in working must come from there to be verified.
        min_votes: statements with fewer votes are dropped; free text is exempt, for no two drafts say the same.
        grounded_only: drop notes whose working has numbers of unknown origin.
    """
    dropped: Counter[str] = Counter()
    subjects = _subjects(drafts, context_text, dropped)
    kept: list[_Claim] = []
    for claims in subjects.values():
        consistent = _undefeated(claims)
        staying = _in_one_wording(consistent)
        dropped["contradicted"] += len(claims) - len(consistent)
        dropped["worded otherwise"] += len(consistent) - len(staying)
        kept += staying
    enough = [claim for claim in kept if len(claim.voters) >= min_votes or claim.is_free_text]
    dropped["below the least votes"] += len(kept) - len(enough)
    ordered = sorted(enough, key=lambda claim: claim.first_seen)
    notes, ungrounded = judged([claim.note() for claim in ordered], context_text)
    if grounded_only:
        dropped["not grounded in the context"] += len(ungrounded)
        notes = tuple(note for i, note in enumerate(notes) if i not in ungrounded)
    return Combined(notes, +dropped)


@dataclass(slots=True)
class _Claim:
    """One value for one subject, with everyone who said so.

    Args:
        sort: values of one sort can contradict each other; ``"prose"`` and ``"same words"`` cannot.
        units: the units it was said in.
    """

    sort: str
    voters: set[int] = field(default_factory=set)
    units: set[str] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)
    first_seen: tuple[int, int] = (0, 0)
    is_grounded: bool = False

    @property
    def is_free_text(self) -> bool:
        return self.notes[0].kind is NoteKind.TEXT

    @property
    def weight(self) -> tuple[int, bool]:
        return len(self.voters), self.is_grounded

    def contradicts(self, other: _Claim) -> bool:
        """Whether both cannot be true; numbers in different units may be."""
        if self is other or self.sort != other.sort or self.sort in ("prose", "same words"):
            return False
        return "" in self.units | other.units or not self.units.isdisjoint(other.units)

    def note(self) -> Note:
        """The note that speaks for all, chosen by what it says and not by who said it."""
        chosen = min(self.notes, key=_note_rank)
        parts = {note.depends_on for note in self.notes}
        depends_on = chosen.depends_on if len(parts) == 1 else tuple(sorted({part for some in parts for part in some}))
        return replace(chosen, depends_on=depends_on, votes=len(self.voters), verdict=Verdict.UNVERIFIED)


def _subjects(
    drafts: Sequence[Sequence[Note]], context_text: str, dropped: Counter[str]
) -> dict[Subject, list[_Claim]]:
    """Gather who claims what about which subject; refuted notes and votes of self-contradicting drafts are left out."""
    positions = [(d, i) for d, draft in enumerate(drafts) for i in range(len(draft))]
    # Votes are not counted yet: here a question is judged by its working alone.
    pool, _ = judged([replace(drafts[d][i], votes=QUESTION_VOTES) for d, i in positions], context_text)
    claims: defaultdict[Subject, dict[object, _Claim]] = defaultdict(dict)
    refuted: set[str] = set()
    for position, note in zip(positions, pool, strict=True):
        if note.verdict is Verdict.REFUTED:
            refuted.add(note.id)
            continue
        subject, sort, value, unit = claimed(note)
        claim = claims[subject].setdefault((sort, value), _Claim(sort, first_seen=position))
        claim.voters.add(position[0])
        claim.units.add(unit)
        claim.notes.append(note)
        claim.is_grounded |= note.verdict is Verdict.VERIFIED
    dropped["refuted"] = len(refuted)
    for named in claims.values():
        _silence_self_contradictions(list(named.values()))
    return {subject: list(named.values()) for subject, named in claims.items()}


def _silence_self_contradictions(claims: list[_Claim]) -> None:
    silenced: list[tuple[_Claim, set[int]]] = []
    for one, other in combinations(claims, 2):
        if one.contradicts(other) and (both := one.voters & other.voters):
            silenced += [(one, both), (other, both)]
    for claim, drafts in silenced:
        claim.voters -= drafts


def _undefeated(claims: list[_Claim]) -> list[_Claim]:
    """The claims that someone votes for and that nothing of the same or more weight contradicts."""
    return [
        claim
        for claim in claims
        if claim.voters and not any(other.weight >= claim.weight and claim.contradicts(other) for other in claims)
    ]


def _in_one_wording(claims: list[_Claim]) -> list[_Claim]:
    """The claims, with the best one alone of those that answer in a sentence."""
    prose = [claim for claim in claims if claim.sort == "prose"]
    return [claim for claim in claims if claim.sort != "prose" or claim is min(prose, key=_prose_rank)]


def _note_rank(note: Note) -> tuple[bool, bool, int, str]:
    return note.verdict is not Verdict.VERIFIED, not note.derivation, len(note.text), note.id


def _prose_rank(claim: _Claim) -> tuple[int, bool, int, str]:
    note = claim.note()
    return -len(claim.voters), not claim.is_grounded, len(note.value), note.id


def claimed(note: Note) -> tuple[Subject, str, object, str]:
    """What a note is about, the sort of its value, the value in a form that can be compared, and its unit."""
    if note.kind not in _VOTED or not note.subject:
        return (note.kind, _normal(note.text)), "same words", "", ""
    subject = (note.kind, "about", _normal(note.subject))
    if note.kind is NoteKind.FUNCTION and (points := read_function(note.value or note.text)) is not None:
        return subject, "function", points, ""
    number: tuple[Fraction, str] | None = read_number(note.value)
    if number is not None:
        return subject, "number", number[0], number[1]
    words = _normal(note.value or note.text)
    return subject, "name" if len(words.split()) <= _MAX_NAME_WORDS else "prose", words, ""


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .,;:!?\"'")
