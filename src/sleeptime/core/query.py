"""Query: what was asked of a context, and how it was served; the ledger measures savings on these."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from sleeptime.core.usage import Usage

AGENT: Final = "agent"
"""The route of a query that an agent worked on: many calls, and its answer the files that it modified. It is never
compared with queries of the other routes."""


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One answered query.

    Args:
        context: name of the context.
        text: the question.
        route: how it was served: ``"recall"``, ``"notes"``, ``"full"`` or `AGENT`.
        budget: the budget it was answered within, as `str` writes it; ``"steps:N"`` of an agent.
        answer: the model's answer; of an agent the files that it modified, one a line.
        notes_used: ids of the notes that were in the prompt, in its order; of an agent those that it was told.
        learned: number of the learned context that served it; ``None`` when none did.
        usage: tokens of all its wake calls, failed attempts included.
        cost_usd: what they cost; ``None`` when a price is unknown, which is not 0.
        latency_s: wall-clock seconds from question to answer, the opening of a database or model left out.
        at: when it was asked, in UTC.
        id: unique; the ``query_id`` of its calls.
    """

    context: str
    text: str
    route: str
    budget: str
    answer: str
    notes_used: tuple[str, ...] = ()
    learned: int | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    latency_s: float = 0.0
    at: datetime = field(default_factory=_now)
    id: str = field(default_factory=_new_id)
