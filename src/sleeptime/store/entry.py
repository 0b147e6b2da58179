"""What the store lists and tells: contexts, learned contexts, the states these go through, and which are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sleeptime.core.command import command
from sleeptime.core.context import Context
from sleeptime.core.errors import InputError
from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.outcome import Outcome
from sleeptime.core.query import Query


class Status(StrEnum):
    """State of a learned context.

    ======== ======== ==========================================================================
    from     to       by
    ======== ======== ==========================================================================
    (none)   staged   `Store.stage`, and `Store.commit_sleep`, which goes on at once:
    staged   live     `Store.commit_sleep`, unless it came too late; `Store.approve`
    staged   waiting  `Store.commit_sleep`, when approval is asked for
    staged   refused  `Store.commit_sleep`, when the check has reasons; `Store.reject`
    waiting  live     `Store.approve`
    waiting  refused  `Store.reject`; a newer one that is live or waits
    live     retired  another one that is live
    live     refused  `Store.reject`; then none is live
    retired  live     `Store.rollback`
    refused  live     `Store.approve`
    staged   (none)   `Store.prune`, and the same from retired and refused
    ======== ======== ==========================================================================

    At most one per context is live and at most one waits, which indexes hold.
    """

    STAGED = "staged"
    """Kept, and not served: it came too late, for the context changed or a user decided otherwise."""
    WAITING = "waiting"
    """A user is to look at it first."""
    LIVE = "live"
    RETIRED = "retired"
    """It was live, and another one took its place."""
    REFUSED = "refused"
    """A check or a user kept it back; its reason says why."""


Check = Callable[[LearnedContext, tuple[Note, ...], tuple[Note, ...]], str]
"""What speaks against serving a learned context, in words; ``""`` when nothing does. Is given all of it, those of its
notes that hold for the context as it is now, and those of the live one that do. Waits for nothing: a transaction is
open while it thinks."""


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
class Appended:
    """What appending to a context did.

    Args:
        version: the version it stands at now.
        names: of the parts that were added, in order; empty when all were there.
        num_parts: how many parts it has now.
        num_bytes: UTF-8 bytes of all of them.
    """

    version: str
    names: tuple[str, ...]
    num_parts: int
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Unstudied:
    """What a sleep starts from, all of one moment.

    Args:
        context: at the version that is to be slept on.
        base: the learned context to build on, with every note, whether it holds or not; ``None`` when there is none.
        read: sha256 of each part of the version that it was made from, in order.
    """

    context: Context
    base: LearnedContext | None
    read: tuple[str, ...]


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
        reason: why it is not served, when something or someone kept it back; "" otherwise.
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
    reason: str = ""


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


@dataclass(frozen=True, slots=True)
class AgentQuery:
    """A query that an agent worked on.

    Args:
        query: as it was kept.
        last_call: how its last call ended: ``"ok"``, or the kind of the error with which the model failed it.
    """

    query: Query
    last_call: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The learned contexts of a context, all of one moment.

    Args:
        context: at the version it stands at.
        versions: one line per learned context, by number.
        entry: the line of the one asked for, or of the live one; ``None`` when nothing is live.
        learned: its content with every note, ``None`` with it.
    """

    context: Context
    versions: tuple[LearnedEntry, ...]
    entry: LearnedEntry | None
    learned: LearnedContext | None


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a learned context.

    Args:
        number: under which it is kept.
        status: `Status.LIVE`, or why not: it waits, was refused, or came too late and stays staged.
        reason: in words; "" when it is live.
    """

    number: int
    status: Status
    reason: str

    @property
    def outcome(self) -> Outcome:
        """How the sleep that wrote it ended: what was refused is a failure, and what came too late was in vain."""
        if self.status is Status.REFUSED:
            return Outcome.FAILED
        return Outcome.SKIPPED if self.status is Status.STAGED else Outcome.WROTE

    def told(self, name: str) -> str:
        """What became of it and what to do, for a user; "" when it is live.

        Args:
            name: of its context.
        """
        serve = command("notes", name, f"--approve {self.number}")
        match self.status:
            case Status.WAITING:
                return f"version {self.number} waits for approval: {serve}"
            case Status.REFUSED:
                return f"refused: {self.reason}; it is kept as version {self.number}, to serve it all the same: {serve}"
            case Status.STAGED:
                return f"{self.reason}; these are kept as version {self.number}, to serve them all the same: {serve}"
        return ""


MAX_KEEP_DAYS: Final = 36_500


@dataclass(frozen=True, slots=True)
class Keep:
    """Which learned contexts of a context are kept when it is pruned; any one of these keeps it.

    The live one, one that waits and one that an unfinished job builds on are always kept.

    Args:
        last: it is among this many newest ones, at least 1, so that a number is never given twice.
        days: it came to its status, such as retired, within this many days.
        queried: a query was answered from it. When False, such a query no longer knows its version.

    Raises:
        InputError: a value out of range.
    """

    last: int = 10
    days: float = 30.0
    queried: bool = True

    def __post_init__(self) -> None:
        if self.last < 1:
            raise InputError(f"pruning keeps at least the newest version, got {self.last} to keep")
        if not 0 <= self.days <= MAX_KEEP_DAYS:
            raise InputError(f"days to keep a version are between 0 and {MAX_KEEP_DAYS}, got {self.days}")

    def since(self, now: datetime) -> datetime:
        """Versions that came to their status after this moment are kept."""
        return now - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning did.

    Args:
        context: name of the context.
        versions: numbers of the learned contexts that are gone, or with a dry run would be.
        kept: how many are left.
    """

    context: str
    versions: tuple[int, ...]
    kept: int
