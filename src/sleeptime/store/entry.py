"""What the store lists: one line per context and per learned context, and the states a learned context goes through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sleeptime.core.context import Context
from sleeptime.core.note import LearnedContext


class Status(StrEnum):
    """State of a learned context.

    ======== ======== ===================================================
    from     to       by
    ======== ======== ===================================================
    (none)   staged   `Store.stage`
    staged   live     `Store.make_live`, unless it came too late
    live     retired  `Store.make_live` or `Store.rollback` of another one
    retired  live     `Store.rollback`
    ======== ======== ===================================================

    At most one per context is live, which an index holds.
    """

    STAGED = "staged"
    LIVE = "live"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One context in a list.

    Args:
        name: its name.
        version: the version it stands at.
        parts: how many parts that version has.
        size_bytes: UTF-8 bytes of those parts.
        live: number of the live learned context, ``None`` when there is none.
        created_at: when it was first added, in UTC.
    """

    name: str
    version: str
    parts: int
    size_bytes: int
    live: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LearnedEntry:
    """One learned context in a list.

    Args:
        number: 1 for the first of its context, then counting up.
        status: its state.
        context_version: the version that sleep read.
        strategy: the strategy that wrote it.
        model: the model that wrote it.
        digest: `LearnedContext.digest`.
        notes: how many notes it has.
        job_id: the ``job_id`` of the calls that made it, if it was told.
        prompt_digest: digest of the prompt it was written with, if it was told.
        created_at: when it was staged, in UTC.
    """

    number: int
    status: Status
    context_version: str
    strategy: str
    model: str
    digest: str
    notes: int
    job_id: str | None
    prompt_digest: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Serving:
    """What a query is answered from, all of one moment.

    Args:
        context: at the version it stands at.
        learned: the live learned context with the notes that still hold, ``None`` when nothing does.
        number: its number, ``None`` with it.
    """

    context: Context
    learned: LearnedContext | None
    number: int | None
