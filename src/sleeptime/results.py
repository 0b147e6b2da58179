"""What `add`, `sleep`, `notes`, `ledger`, `status` and `doctor` give back. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sleeptime.core.call import Phase
from sleeptime.core.caps import Cap
from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.outcome import Outcome
from sleeptime.core.spend import Lane, Scope, Spend
from sleeptime.core.totals import LedgerRow, Totals
from sleeptime.core.usage import Usage
from sleeptime.ledger.savings import Saving
from sleeptime.sources.entry import Skipped
from sleeptime.store.entry import AgentQuery, Committed, LearnedEntry, Status
from sleeptime.store.listed import Listed
from sleeptime.store.overview_store import Overview


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did.

    Args:
        context: its name.
        version: the version it now stands at.
        is_new: False when it stood there already.
        parts: number of parts that it has now.
        num_bytes: UTF-8 bytes of them.
        skipped: what was left out inside folders and repositories.
        appended: names of the parts that were put behind those that were there; ``None`` when all were given.
    """

    context: str
    version: str
    is_new: bool
    parts: int
    num_bytes: int
    skipped: tuple[Skipped, ...] = ()
    appended: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Slept:
    """How a sleep ended.

    Args:
        context: name of the context.
        context_version: the version it read.
        outcome: only `wrote` made a learned context that is live now, or waits for approval.
        reason: why it is neither, or what was lost on the way; "" when all went well.
        usage: of every call, failed ones included.
        cost_usd: of every call; None when a price is unknown.
        job_id: of the calls in the ledger.
        version: number of the learned context that was kept, whether it is live or not; None without one.
        status: what became of it: live, waiting, refused, or staged when it came too late; None without one.
        notes: its notes, as they are served or would be; empty unless it is live or waits.
        studied: how many parts were read to be thought about; all of them, or those that had changed.
        carried: how many of the notes are carried over, as they were.
        digest: of what was learned, `LearnedContext.digest`; None without a version.
    """

    context: str
    context_version: str
    outcome: Outcome
    reason: str
    usage: Usage
    cost_usd: float | None
    job_id: str
    version: int | None = None
    status: Status | None = None
    notes: tuple[Note, ...] = ()
    studied: int = 0
    carried: int = 0
    digest: str | None = None

    def as_committed(self, committed: Committed, learned: LearnedContext, carried: int) -> Slept:
        """The same, with what became of what it wrote."""
        reason = "; ".join(text for text in (committed.told(self.context), self.reason) if text)
        kept = replace(
            self,
            outcome=committed.outcome,
            reason=reason,
            version=committed.number,
            status=committed.status,
            digest=learned.digest,
        )
        return replace(kept, notes=learned.notes, carried=carried) if kept.outcome is Outcome.WROTE else kept


@dataclass(frozen=True, slots=True)
class LearnedNotes:
    """A learned context, and which of its notes hold.

    Args:
        entry: its line in the list; None when the context was never slept on, or nothing is live.
        learned: the notes, None with it.
        in_service: ids of the notes that may be served: not refuted, and what they rest on is unchanged.
        versions: every learned context of this context, by number.
    """

    context: str
    entry: LearnedEntry | None
    learned: LearnedContext | None
    in_service: frozenset[str] = frozenset()
    versions: tuple[LearnedEntry, ...] = ()

    @property
    def waiting(self) -> int | None:
        """Number of the learned context that waits for approval."""
        return next((entry.number for entry in self.versions if entry.status is Status.WAITING), None)


@dataclass(frozen=True, slots=True)
class NotesDiff:
    """What changed from one learned context to another, by what the notes say and rest on."""

    context: str
    before: int
    after: int
    added: tuple[Note, ...]
    removed: tuple[Note, ...]
    kept: tuple[Note, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class BudgetSaving:
    """What sleep saved on the queries of one context that were answered within one budget."""

    budget: str
    saving: Saving


@dataclass(frozen=True, slots=True)
class CapLeft:
    """A cap on sleep, and what it leaves.

    Args:
        scope: on whose calls it is.
        cap: without any limit when there is none.
        spend: what counts against it today; None for a cap on single sleeps, each of which begins at nothing.
    """

    scope: Scope
    cap: Cap
    spend: Spend | None

    @property
    def left(self) -> Cap:
        """What may still be spent."""
        return self.cap.left(self.spend or Spend())


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every model call, added up.

    Args:
        rows: by context, phase, model and tier; of all contexts, those that used most tokens.
        totals: by phase, over all of them.
        savings: by budget, where queries were answered both with notes and without; of one context only.
        by_agent: the newest queries that an agent worked on, and how many there are; of one context only. They are in
            none of the savings.
        contexts: how many contexts have calls.
        day: the UTC date.
        today: what was spent on that day, by lane.
        caps: on sleep: per sleep, per context and day (of one context only), per day.
    """

    rows: tuple[LedgerRow, ...]
    totals: dict[Phase, Totals]
    savings: tuple[BudgetSaving, ...]
    by_agent: Listed[AgentQuery]
    contexts: int
    day: str
    today: dict[Lane, Spend]
    caps: tuple[CapLeft, ...]


@dataclass(frozen=True, slots=True)
class SleepStatus:
    """How sleep stands, and what it has spent today.

    Args:
        overview: jobs, wake-ups, quarantines, workers and breakers.
        dead_after_s: without a heartbeat for so long, a worker is taken for dead, seconds.
        day: the UTC date.
        today: what was spent on that day, by lane.
        caps: as of the ledger.
    """

    overview: Overview
    dead_after_s: float
    day: str
    today: dict[Lane, Spend]
    caps: tuple[CapLeft, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` looked at."""

    name: str
    is_ok: bool
    detail: str
