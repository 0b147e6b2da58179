"""Route: how a query is served."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sleeptime.core.budget import Budget, Verbosity
from sleeptime.core.command import command
from sleeptime.core.context import Context
from sleeptime.core.errors import NotFound
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict


class Route(StrEnum):
    """How a query is served."""

    AUTO = "auto"
    """The first of the others that is possible; no notes at v3 and v4 (`wants_notes`)."""
    RECALL = "recall"
    """A verified answer to this very question, without a model call."""
    NOTES = "notes"
    """A model reads the notes, and the context too."""
    FULL = "full"
    """A model reads the context alone: test-time compute only, the paper's baseline."""


THOROUGH: Final = (Verbosity(3), Verbosity(4))
"""Budgets at which every step is worked out from the context."""


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """The route taken, and the answer when it is recalled.

    Args:
        route: never ``auto``.
        recalled: the verified question, for ``recall`` alone.
    """

    route: Route
    recalled: Note | None = None


def wants_notes(asked: Route, budget: Budget) -> bool:
    """Whether notes are worth a place in the prompt.

    ``auto`` leaves them out where every step is worked out from the context anyway: a note could then only mislead
    (docs/decisions/017). The paper's crossover is at its high budgets too (arXiv:2504.13171, section 5.1).
    """
    return asked is not Route.FULL and not (asked is Route.AUTO and budget in THOROUGH)


def choose_route(
    asked: Route, query: str, context: Context, learned: LearnedContext | None, notes: Sequence[Note]
) -> RouteChoice:
    """Choose the route.

    Args:
        asked: the route that was asked for.
        query: the question.
        context: what it is asked of, as it is now.
        learned: the c' in service.
        notes: those of its notes that may be served and fit the prompt's limit.

    Raises:
        NotFound: ``recall`` or ``notes`` was asked for and is impossible.
    """
    recalled = _recalled(query, context, learned) if asked in (Route.AUTO, Route.RECALL) else None
    if recalled is not None:
        return RouteChoice(Route.RECALL, recalled)
    if asked is Route.RECALL:
        raise NotFound(
            f"context {context.name!r} has no verified answer to this very question; "
            "ask by --route auto, or sleep on it with more drafts"
        )
    if asked is Route.NOTES and not notes:
        raise NotFound(
            f"context {context.name!r} has no notes that can be served; "
            f"run `{command('sleep', context.name)}` first, raise the limit on notes, or ask by --route full"
        )
    return RouteChoice(Route.NOTES if notes and asked is not Route.FULL else Route.FULL)


def _recalled(query: str, context: Context, learned: LearnedContext | None) -> Note | None:
    """The verified question that is asked, if all that match give one answer.

    A pre-answer may rest on what a context does not say, which no list of parts can name: it is served only for the
    very version of the context that it was made from, also when it was carried over to a later one.
    """
    if learned is None or learned.context != context.name:
        return None
    question = normal_question(query)
    matching = [
        note
        for note in learned.notes
        if note.kind is NoteKind.QUESTION
        and note.verdict is Verdict.VERIFIED
        and (note.made_from or learned.context_version) == context.version
        and note.value
        and normal_question(note.subject) == question
    ]
    return matching[0] if len({note.value for note in matching}) == 1 else None


def normal_question(text: str) -> str:
    """A question without regard to case, spacing, typographic variants and final marks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip("?.! ")
