"""Select the notes that go into a prompt: those that may be served, and of too many those nearest the query.

Nearness is lexical: Okapi BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, section 3.5)
over the notes themselves. Without any shared word the notes are taken in their order.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from sleeptime.core.context import Context
from sleeptime.core.note import LearnedContext, Note, Verdict
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.prompts.line import note_line

K1: Final = 1.2
"""How soon more occurrences of a word stop to matter; the usual value."""
B: Final = 0.75
"""How much long notes are held back; the usual value."""

_WORD: Final = re.compile(r"[^\W_]+")


def servable_notes(learned: LearnedContext | None, context: Context) -> tuple[Note, ...]:
    """The notes that hold for ``context`` as it is now, in their order.

    A note is left out when it is refuted or when a part that it depends on has changed or gone (`Note.holds`).
    """
    if learned is None or learned.context != context.name:
        return ()
    parts = {part.sha256 for part in context.parts}
    is_same_version = learned.context_version == context.version
    return tuple(
        note
        for note in learned.notes
        if note.verdict is not Verdict.REFUTED and note.holds(parts, is_same_version=is_same_version)
    )


def select_notes(
    notes: Sequence[Note], query: str, limit_tokens: int, count_tokens: TokenCounter = approximate_tokens
) -> tuple[Note, ...]:
    """Choose notes for a query.

    Args:
        notes: in the order of c'.
        query: what is asked.
        limit_tokens: size of the chosen notes as prompt lines, in tokens.
        count_tokens: tokens of a text; an estimate by default.

    Returns:
        All notes when they fit, so that the prompt stays the same from query to query and caches hit. Otherwise the
        best ones that fit, in the order of c'; of notes without a word of the query none, unless no note has one.
        Refuted notes never.
    """
    notes = [note for note in notes if note.verdict is not Verdict.REFUTED]
    sizes = [count_tokens(f"{note_line(note)}\n") for note in notes]
    if sum(sizes) <= limit_tokens:
        return tuple(notes)
    scores = _scores([_words(f"{note.text} {note.subject} {note.value}") for note in notes], _words(query))
    candidates = [i for i, score in enumerate(scores) if score > 0] or list(range(len(notes)))
    room, chosen = limit_tokens, []
    for i in sorted(candidates, key=lambda i: (-scores[i], i)):
        if sizes[i] <= room:
            room -= sizes[i]
            chosen.append(i)
    return tuple(notes[i] for i in sorted(chosen))


def _words(text: str) -> list[str]:
    """Words in lower case, without a plural s."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]


def _scores(documents: Sequence[Sequence[str]], query: Sequence[str]) -> list[float]:
    """BM25 of each document, in order; every score is at least 0."""
    counts = [Counter(document) for document in documents]
    mean_length = sum(map(len, documents)) / len(documents) if documents else 0.0
    scores = [0.0] * len(documents)
    for word in sorted(set(query)):
        containing = sum(word in count for count in counts)
        idf = math.log(1 + (len(documents) - containing + 0.5) / (containing + 0.5))
        for i, count in enumerate(counts):
            if frequency := count[word]:
                norm = K1 * (1 - B + B * len(documents[i]) / mean_length)
                scores[i] += idf * frequency * (K1 + 1) / (frequency + norm)
    return scores
