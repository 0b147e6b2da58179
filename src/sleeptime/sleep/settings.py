"""Settings of a sleep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, get_args

from pydantic_ai.settings import ModelSettings

from sleeptime.core.budget import EffortLevel
from sleeptime.core.errors import InputError
from sleeptime.prompts.load import PROFILES


class Strategy(StrEnum):
    """How one draft is made."""

    RETHINK = "rethink"
    """The paper's own: a text, rewritten by tool calls (arXiv:2504.13171, section 3 and appendix F)."""
    NOTES = "notes"
    """Typed notes, each with its working and the parts it rests on."""
    REPOSITORY = "repository"
    """An agent that explores a git repository, one earlier change at a time (arXiv:2504.13171, section 6)."""


class Combine(StrEnum):
    """How drafts become one learned context."""

    CONCAT = "concat"
    """The paper's own: one after the other, nothing checked (arXiv:2504.13171, section 5)."""
    MERGE = "merge"
    """Agree per statement, count votes, drop what is contradicted or does not compute."""


PAPER_NOTE_TOKENS: Final = 1250
"""The released code caps its memory block at 5,000 characters; at four characters per token."""

PAPER_RETHINKS: Final = 10
"""``rethink_memory`` calls per draft in the released code (arXiv:2504.13171, appendix F)."""

_AT_LEAST_1: Final = (
    "drafts",
    "max_rethinks",
    "max_note_tokens",
    "max_changes",
    "max_steps",
    "min_votes",
    "concurrency",
    "piece_tokens",
    "piece_parts",
)


@dataclass(frozen=True, slots=True)
class SleepSettings:
    """How to sleep.

    Args:
        strategy: how one draft is made.
        drafts: how many independent drafts (k), at least 1.
        combine: how they become one learned context.
        effort: what the prompt asks for; a provider's own effort comes with the model settings of a request.
        temperature: of every draft but the first, which is greedy (temperature 0); ``None`` sends no temperature at
            all, for models that refuse one.
        seed: of the first draft; draft i has ``seed + i``.
        max_rethinks: ``rethink_memory`` calls of one draft, or notes of one that studies a change.
        max_note_tokens: size of what one draft may keep, in tokens.
        max_changes: changes that strategy `repository` studies.
        max_steps: steps of one draft of that strategy.
        min_votes: merge drops statements that fewer drafts made; free text is exempt.
        grounded_only: merge drops worked-out values with a number that is neither in the context nor in another note.
        concurrency: drafts under way at once.
        profile: prompt profile.
        piece_tokens: most tokens of the parts that one draft reads together; a larger part is read alone.
        piece_parts: most parts that one draft studies together.
        neighbours: parts before and after a changed one that are read with it.

    Raises:
        InputError: a value out of range; the message names it.
    """

    strategy: Strategy = Strategy.NOTES
    drafts: int = 1
    combine: Combine = Combine.MERGE
    effort: EffortLevel = "high"
    temperature: float | None = 0.7
    seed: int = 0
    max_rethinks: int = PAPER_RETHINKS
    max_note_tokens: int = PAPER_NOTE_TOKENS
    max_changes: int = 12
    max_steps: int = 20
    min_votes: int = 1
    grounded_only: bool = False
    concurrency: int = 4
    profile: str = "default"
    piece_tokens: int = 8_000
    piece_parts: int = 16
    neighbours: int = 2

    def __post_init__(self) -> None:
        for name, kind in (("strategy", Strategy), ("combine", Combine)):
            given = getattr(self, name)
            if given not in list(kind):
                raise InputError(f"{name} {given!r} is not known; allowed: {', '.join(kind)}")
            object.__setattr__(self, name, kind(given))
        for name in _AT_LEAST_1:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is at least 1, got {getattr(self, name)}")
        if self.neighbours < 0:
            raise InputError(f"neighbours is at least 0, got {self.neighbours}")
        if self.min_votes > self.drafts:
            raise InputError(f"min_votes is at most the number of drafts ({self.drafts}), got {self.min_votes}")
        if self.effort not in get_args(EffortLevel):
            raise InputError(f"effort {self.effort!r} is not known; allowed: {', '.join(get_args(EffortLevel))}")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise InputError(f"temperature is between 0 and 2, got {self.temperature}")
        if self.profile not in PROFILES:
            raise InputError(f"prompt profile {self.profile!r} is not known; allowed: {', '.join(PROFILES)}")

    def of_draft(self, index: int) -> ModelSettings:
        """Model settings of draft ``index``, counted from 0: the first is greedy, each has a seed of its own.

        ``rethink`` and ``repository`` send all again with each of their calls, so providers are asked to cache it,
        where they do so only when asked; the one call of ``notes`` would pay for a cache that nobody reads.
        """
        settings = ModelSettings(seed=self.seed + index)
        if self.strategy is not Strategy.NOTES:
            settings["cache"] = True
        if self.temperature is not None:
            settings["temperature"] = self.temperature if index else 0.0
        return settings
