"""Pieces: the parts that one draft reads together. What is too much for one prompt is read in several.

A piece is bounded twice: by tokens, for a model reads long prompts badly, and by parts, for what one draft may keep is
limited and would be spread thin over many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sleeptime.core.context import Context, Part
from sleeptime.core.note import Note
from sleeptime.sleep.settings import SleepSettings


@dataclass(frozen=True, slots=True)
class Piece:
    """Parts that one draft reads together.

    Args:
        parts: in reading order.
        studied: sha256 of those that are studied; the others are read to understand them.
        memories: texts that drafts of `rethink` start from: draft i rewrites text i, and begins with the first again
            when there are fewer.
        subject: what its drafts are about beside the parts, in words of the strategy; of `repository`, a commit.
    """

    parts: tuple[Part, ...]
    studied: frozenset[str]
    memories: tuple[str, ...] = ()
    subject: str = ""

    def context(self, name: str) -> Context:
        """The piece as a context of its own."""
        return Context(name, self.parts)

    def memory(self, draft: int) -> str:
        """What draft number ``draft`` starts from; ``""`` for nothing."""
        return self.memories[draft % len(self.memories)] if self.memories else ""

    def kept(self, notes: Iterable[Note]) -> tuple[Note, ...]:
        """Of the notes that a draft made of it, those that rest on what is studied: the others are there already."""
        return tuple(note for note in notes if not note.depends_on or not self.studied.isdisjoint(note.depends_on))


def whole(parts: Sequence[Part], tokens: Sequence[int], settings: SleepSettings) -> tuple[Piece, ...]:
    """All parts, in as few pieces as the limits allow; a small context is one piece.

    Args:
        parts: of the context.
        tokens: of each part.
        settings: the limits.
    """
    runs = even_runs(range(len(parts)), tokens, settings)
    pieces = (tuple(parts[i] for i in run) for run in runs)
    return tuple(
        Piece(piece, frozenset(part.sha256 for part in piece)) for piece in pieces if any(map(has_text, piece))
    )


def even_runs(positions: Sequence[int], tokens: Sequence[int], settings: SleepSettings) -> list[list[int]]:
    """Positions cut into as few runs as the limits allow, and those as even in number as they stay so few.

    >>> even_runs(range(5), [1] * 5, SleepSettings(piece_parts=4))
    [[0, 1, 2], [3, 4]]
    """
    found = runs(positions, tokens, settings.piece_tokens, settings.piece_parts)
    if len(found) < 2:
        return found
    # A part that is left over alone would be read without anything around it.
    even = runs(positions, tokens, settings.piece_tokens, -(-len(positions) // len(found)))
    return even if len(even) == len(found) else found


def runs(positions: Iterable[int], tokens: Sequence[int], max_tokens: int, max_parts: int) -> list[list[int]]:
    """Positions cut wherever the next part would be too much; a part above the limit is alone."""
    found: list[list[int]] = []
    room = 0
    for i in positions:
        if not found or tokens[i] > room or len(found[-1]) >= max_parts:
            found.append([])
            room = max_tokens
        found[-1].append(i)
        room -= tokens[i]
    return found


def beside(
    studied: Sequence[int], wanted: Iterable[int], tokens: Sequence[int], settings: SleepSettings
) -> Collection[int]:
    """Positions of a piece: what is studied, and as much of what is wanted beside it as there is room for.

    Args:
        studied: positions that are studied.
        wanted: positions to read beside them, the most wanted first.
        tokens: of each part.
        settings: the limits; what is beside may double the number of parts.
    """
    chosen = set(studied)
    room = settings.piece_tokens - sum(tokens[i] for i in chosen)
    for i in wanted:
        if i not in chosen and tokens[i] <= room and len(chosen) < 2 * settings.piece_parts:
            chosen.add(i)
            room -= tokens[i]
    return chosen


def has_text(part: Part) -> bool:
    """Whether there is anything in it to study."""
    return bool(part.text.strip())
