"""Acceptance: what a new learned context must pass before it is served in place of the live one.

Pure rules on values: not empty, not too long, and not forgetful of what was verified. Knows nothing of where learned
contexts are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.core.note import LearnedContext, Note, Verdict
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.prompts.line import note_line
from sleeptime.sleep.merge import Subject, claimed

_EXAMPLES: Final = 3
_SHARED_WORDS: Final = 0.5
"""Of the shorter of two subjects: another draft rarely words one the same."""


@dataclass(frozen=True, slots=True)
class AcceptanceRules:
    """How much a new learned context may be and may lose.

    Args:
        max_tokens: its size as prompt lines, in tokens: each query looks through all of them.
        max_lost_verified: the share of the verified notes in service that it may no longer say: 0 for none, 1 for all.

    With the defaults, a c' may lose 4 of 8 verified notes and not 5, 1 of 2 and not 1 of 1.

    Raises:
        InputError: a value out of range.
    """

    max_tokens: int = 1_000_000
    max_lost_verified: float = 0.5

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise InputError(f"max_learned_tokens is at least 1, got {self.max_tokens}")
        if not 0 <= self.max_lost_verified <= 1:
            raise InputError(f"max_lost_verified is a share between 0 and 1, got {self.max_lost_verified}")

    def check(self, learned: LearnedContext, holding: Sequence[Note], served: Sequence[Note]) -> str:
        """What speaks against serving it, in one line; "" when nothing does. Arguments as for `accept`."""
        return accept(learned, self, holding=holding, served=served).reason


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Whether a learned context may be served.

    Args:
        reasons: what speaks against it, each in words that say what to do; empty when nothing does.
    """

    reasons: tuple[str, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    @property
    def reason(self) -> str:
        """All reasons in one line; "" when it is accepted."""
        return "; ".join(self.reasons)


def accept(
    learned: LearnedContext,
    rules: AcceptanceRules,
    *,
    holding: Sequence[Note],
    served: Sequence[Note],
    count_tokens: TokenCounter = approximate_tokens,
) -> Acceptance:
    """Judge a new learned context.

    Args:
        learned: the new one.
        rules: what it must pass.
        holding: those of its notes that hold for the context as it is now; all, when the context has not changed.
        served: the notes of the live one that hold, which it would replace; none when nothing is live.
        count_tokens: tokens of a text; an estimate by default.
    """
    reasons = (_emptiness(learned), _excess(learned, rules, count_tokens), _forgetting(holding, served, rules))
    return Acceptance(tuple(reason for reason in reasons if reason))


def _emptiness(learned: LearnedContext) -> str:
    if not learned.notes:
        return "it has no notes"
    if all(note.verdict is Verdict.REFUTED for note in learned.notes):
        return "every one of its notes is refuted, so none could be served"
    return ""


def _excess(learned: LearnedContext, rules: AcceptanceRules, count_tokens: TokenCounter) -> str:
    size = sum(count_tokens(f"{note_line(note)}\n") for note in learned.notes)
    if size <= rules.max_tokens:
        return ""
    return (
        f"it is about {size:,} tokens long and {rules.max_tokens:,} are allowed; "
        "merge drafts, keep less of each (max_note_tokens), or allow more (max_learned_tokens)"
    )


def _forgetting(holding: Sequence[Note], served: Sequence[Note], rules: AcceptanceRules) -> str:
    verified = [note for note in served if note.verdict is Verdict.VERIFIED]
    lost = forgotten(verified, holding)
    if len(lost) <= rules.max_lost_verified * len(verified):
        return ""
    examples = ", ".join(repr(note.text) for note in lost[:_EXAMPLES])
    more = f" and {len(lost) - _EXAMPLES:,} more" if len(lost) > _EXAMPLES else ""
    return (
        f"it no longer says {len(lost):,} of the {len(verified):,} verified notes in service ({examples}{more}) and "
        f"may lose {rules.max_lost_verified:.0%} of them; allow more with max_lost_verified"
    )


def forgotten(before: Sequence[Note], after: Sequence[Note]) -> tuple[Note, ...]:
    """The notes of ``before`` that ``after`` does not say.

    A note is said again in the same words, or by the same value of the same subject; a subject is the same when at
    least half of the words of the shorter one are in the other. Words and values are compared as between drafts
    (`merge`), and what is refuted says nothing.
    """
    words: set[tuple[Subject, str, object]] = set()
    subjects: defaultdict[tuple[str, object], list[set[str]]] = defaultdict(list)
    for note in after:
        if note.verdict is not Verdict.REFUTED:
            subject, sort, value, _ = claimed(note)
            words.add((subject, sort, value))
            subjects[sort, value].append(_words(subject))

    def is_said(note: Note) -> bool:
        subject, sort, value, _ = claimed(note)
        if (subject, sort, value) in words:
            return True
        return value != "" and any(_are_alike(_words(subject), other) for other in subjects.get((sort, value), ()))

    return tuple(note for note in before if not is_said(note))


def _words(subject: Subject) -> set[str]:
    return set(subject[-1].split())


def _are_alike(one: set[str], other: set[str]) -> bool:
    shorter = min(len(one), len(other))
    return bool(shorter) and len(one & other) >= _SHARED_WORDS * shorter
