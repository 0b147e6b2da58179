"""Note and learned context (c'): what sleep writes and wake reads.

Knows nothing of how notes are made, checked, chosen or kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum


class NoteKind(StrEnum):
    """What sort of statement a note is."""

    FACT = "fact"
    """Said by the context itself."""
    DERIVED = "derived"
    """A value worked out from facts; the working is in `Note.derivation`."""
    FUNCTION = "function"
    """A rule with an unknown ("cost for n = 3 * n + 2"), for queries that bring a number of their own."""
    QUESTION = "question"
    """An anticipated question (`Note.subject`) with its answer (`Note.value`)."""
    PLAN = "plan"
    """A way to go about a likely task."""
    TEXT = "text"
    """Free text: the whole c' of the paper's own strategy is one such note."""


class Verdict(StrEnum):
    """What verification found."""

    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    REFUTED = "refuted"


def _digest(*fields: object) -> str:
    """First 16 hex digits of the sha256 of the fields, unambiguously joined."""
    return hashlib.sha256(json.dumps(fields, ensure_ascii=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Note:
    """One statement of c'.

    Args:
        kind: what sort of statement it is.
        text: the statement as a model reads it.
        subject: what it is about, the key under which drafts are merged; ``""`` when it has none.
        value: its value or answer; ``""`` when it has none.
        derivation: the working, such as ``"24 * 3 = 72"``; ``""`` when it has none.
        depends_on: sha256 of each part it rests on. A change of any takes the note out of service.
        votes: how many drafts said it, at least 1.
        verdict: what verification found.
        made_from: the `Context.version` it was made from, when that is not the one of its c': it was carried over from
            an earlier c', as it was. ``""`` when it is. Not part of what the note says.
    """

    kind: NoteKind
    text: str
    subject: str = ""
    value: str = ""
    derivation: str = ""
    depends_on: tuple[str, ...] = ()
    votes: int = 1
    verdict: Verdict = Verdict.UNVERIFIED
    made_from: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """16 hex digits of what the note says and rests on; votes and verdict do not change it."""
        return _digest(self.kind, self.text, self.subject, self.value, self.derivation, self.depends_on)

    def holds(self, parts: Collection[str], *, is_same_version: bool) -> bool:
        """Whether what the note rests on is unchanged; one that names no part rests on its whole context version.

        Args:
            parts: sha256 of each part of the context as it is now.
            is_same_version: the context stands at the version that the note was made from.
        """
        return all(part in parts for part in self.depends_on) if self.depends_on else is_same_version


@dataclass(frozen=True, slots=True)
class LearnedContext:
    """c': an immutable set of notes derived from one context version.

    Args:
        context: name of the context.
        context_version: the `Context.version` that sleep read.
        notes: in the order in which they are served.
        strategy: the sleep strategy that wrote it (``"rethink"``, ``"notes"``).
        model: name of the model that wrote it.
        unread: sha256 of parts that this sleep was to study and could not; the next one is to try again.
    """

    context: str
    context_version: str
    notes: tuple[Note, ...]
    strategy: str
    model: str
    unread: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """16 hex digits of what it is and says, votes and verdicts included."""
        notes = [(note.id, note.votes, note.verdict) for note in self.notes]
        return _digest(self.context, self.context_version, notes, self.strategy, self.model)
