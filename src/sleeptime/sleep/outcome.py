"""What a draft and a whole sleep came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.outcome import Outcome
from sleeptime.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Draft:
    """One independent sample of a strategy.

    Args:
        outcome: ``wrote``, ``nothing new`` (the model said so) or ``failed``.
        notes: what it wrote; empty unless ``wrote``.
        reason: why it ended as it did, in words for a user; ``""`` when it simply wrote.
        usage: tokens of all its requests that were answered.
    """

    outcome: Outcome
    notes: tuple[Note, ...] = ()
    reason: str = ""
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        assert (self.outcome is Outcome.WROTE) == bool(self.notes), "a draft has notes if and only if it wrote"


@dataclass(frozen=True, slots=True)
class SleepResult:
    """How a sleep ended.

    Args:
        outcome: ``wrote``, ``nothing new``, ``failed``, or ``skipped`` when there was nothing to study.
        learned: the new c'; never empty, and ``None`` unless ``wrote``.
        reason: why there is no new c', or what was lost on the way; ``""`` when all went well.
        drafts: how many drafts wrote notes, of all pieces together.
        usage: tokens of all answered requests of all drafts.
        prompt_digest: 16 hex digits of the prompt and the tools that the model was given.
        studied: how many parts were to be studied.
        carried: how many notes of the new c' are carried over from the one before.
        left: why some parts are left for another sleep (`LearnedContext.unread`): ``failed`` or ``capped``; ``None``
            when none are.
    """

    outcome: Outcome
    learned: LearnedContext | None
    reason: str
    drafts: int
    usage: Usage
    prompt_digest: str
    studied: int = 0
    carried: int = 0
    left: Outcome | None = None

    def __post_init__(self) -> None:
        has_notes = self.learned is not None and bool(self.learned.notes)
        assert (self.outcome is Outcome.WROTE) == has_notes, "a sleep has a learned context if and only if it wrote"
