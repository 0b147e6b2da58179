"""The tables, for SQLite and PostgreSQL alike; `migrations` builds the same by steps.

What must be unique is a unique index:

::

    part            one text, kept once per tenant whatever its names      unique (tenant, sha256)
    context         a name, and the version it stands at                   unique (tenant, name)
    context_version a version of a context that was seen                   unique (context, version)
    version_part    the ordered parts of a version; versions that only grew at the end share them
    repository      the git commit that a version was read at
    learned         a learned context of a version; at most one is live,   unique (context, number), (context, job),
                    and at most one waits                                  (context) if live, (context) if waiting
    note            the ordered notes of a learned context
    query           a query and how it was served
    call            a model call; names its context, so that it outlives it   one answer per (job, key)
    spend           what calls of a scope used on a day or in all, and what is reserved for those under way
    call_sum        the lines of the ledger: calls of a scope added up by phase, model and tier
    policy          when a context is slept on, and what that may cost
    wake_up         a context with a policy that changed since it was slept on, and when it is due
    sleep_state     what became of a context's sleeps so far: rest, quarantine, how far it was read
    job             a sleep that was asked for                        unique (context, work) while it is not over
    batch           requests of a job that a provider answers later   unique (job, key)
    worker          a process that runs jobs, and when it was last alive
    breaker         a model whose calls keep failing, and until when it is left alone
    rate            requests and tokens sent to a provider in a minute

Every table that a user's request can reach by a key of its own has the tenant; version and note rows are reached
through those.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sleeptime.core.context import MAX_NAME_CHARS

MAX_TENANT_CHARS = 100
"""Longest tenant, in characters: with a context name it fits one PostgreSQL index entry (2,704 bytes)."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in, aware and in UTC out, also on SQLite, which forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        assert value is None or value.tzinfo is not None, "a moment without a time zone is ambiguous"
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only in a column of the exact type INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


class Table(DeclarativeBase):
    """Base of the tables; the names of constraints are the same on both engines."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # read by SQLAlchemy from the class
        datetime: UtcDateTime,
        str: Text,
        dict[str, Any]: JSON,
        list[str]: JSON,
    }


class PartRow(Table):
    __tablename__ = "part"
    __table_args__ = (UniqueConstraint("tenant", "sha256"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    """Rows are looked up by this and not by the digest, so that the parts of one context lie beside each other."""
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS))
    sha256: Mapped[str] = mapped_column(String(64))
    text: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    """UTF-8 bytes."""


class ContextRow(Table):
    __tablename__ = "context"
    __table_args__ = (UniqueConstraint("tenant", "name"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS))
    name: Mapped[str] = mapped_column(String(MAX_NAME_CHARS))
    version: Mapped[str] = mapped_column(String(16))
    """The version it stands at; its row is in context_version."""
    decisions: Mapped[int] = mapped_column(server_default="0")
    """How often a user decided which learned context is live, or that none is."""
    created_at: Mapped[datetime]


class ContextVersionRow(Table):
    __tablename__ = "context_version"
    __table_args__ = (UniqueConstraint("context_id", "version"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    context_id: Mapped[int] = mapped_column(ForeignKey("context.id", ondelete="CASCADE"))
    version: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    line_id: Mapped[int | None] = mapped_column(RowId)
    """The version whose rows in version_part begin with this one's parts; None when the rows are its own. So appending
    to a context adds rows for what is new alone, and not for every version all that was there before."""
    num_parts: Mapped[int] = mapped_column(server_default="0")
    """How many of those rows are this version's."""


class VersionPartRow(Table):
    __tablename__ = "version_part"
    __table_args__ = (Index(None, "part_id"), {"sqlite_with_rowid": False})
    version_id: Mapped[int] = mapped_column(ForeignKey("context_version.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(MAX_NAME_CHARS))
    part_id: Mapped[int] = mapped_column(ForeignKey("part.id"))


class RepositoryRow(Table):
    __tablename__ = "repository"
    version_id: Mapped[int] = mapped_column(ForeignKey("context_version.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str]
    commit_id: Mapped[str] = mapped_column(String(64))


class LearnedRow(Table):
    __tablename__ = "learned"
    __table_args__ = (
        UniqueConstraint("context_id", "number"),
        Index(
            "uq_learned_live",
            "context_id",
            unique=True,
            sqlite_where=text("status = 'live'"),
            postgresql_where=text("status = 'live'"),
        ),
        Index(
            "uq_learned_waiting",
            "context_id",
            unique=True,
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(None, "context_version_id"),
        Index("uq_learned_job", "context_id", "job_id", unique=True),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS))
    context_id: Mapped[int] = mapped_column(ForeignKey("context.id", ondelete="CASCADE"))
    context_version_id: Mapped[int] = mapped_column(ForeignKey("context_version.id", ondelete="CASCADE"))
    number: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    strategy: Mapped[str]
    model: Mapped[str]
    digest: Mapped[str] = mapped_column(String(16))
    job_id: Mapped[str | None]
    """The ``job_id`` of the calls that made it."""
    prompt_digest: Mapped[str | None]
    unread: Mapped[list[str]] = mapped_column(server_default="[]")
    """sha256 of parts that its sleep was to study and could not."""
    reason: Mapped[str] = mapped_column(server_default="")
    """Why it is not served, when a check or a user kept it back."""
    created_at: Mapped[datetime]
    status_at: Mapped[datetime | None]
    """When it came to its status; None for what version 0.1 wrote."""


class NoteRow(Table):
    __tablename__ = "note"
    __table_args__ = ({"sqlite_with_rowid": False},)
    learned_id: Mapped[int] = mapped_column(ForeignKey("learned.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    text: Mapped[str]
    subject: Mapped[str]
    value: Mapped[str]
    derivation: Mapped[str]
    depends_on: Mapped[list[str]]
    votes: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(16))
    made_from: Mapped[str | None] = mapped_column(String(16))
    """The context version it was made from, when that is not the one of its learned context: it was carried over."""


class QueryRow(Table):
    __tablename__ = "query"
    __table_args__ = (Index(None, "context_id", "at"), Index(None, "learned_id"))
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    context_id: Mapped[int] = mapped_column(ForeignKey("context.id", ondelete="CASCADE"))
    learned_id: Mapped[int | None] = mapped_column(ForeignKey("learned.id", ondelete="SET NULL"))
    text: Mapped[str]
    route: Mapped[str] = mapped_column(String(16))
    budget: Mapped[str] = mapped_column(String(32))
    answer: Mapped[str]
    notes_used: Mapped[list[str]]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_input_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[float | None]
    latency_s: Mapped[float]
    at: Mapped[datetime]


class CallRow(Table):
    __tablename__ = "call"
    __table_args__ = (
        Index(None, "tenant", "context", "at"),
        Index(None, "tenant", "job_id"),
        Index(
            "uq_call_answered",
            "tenant",
            "job_id",
            "key",
            unique=True,
            sqlite_where=text("outcome = 'ok' AND key IS NOT NULL"),
            postgresql_where=text("outcome = 'ok' AND key IS NOT NULL"),
        ),
        Index(
            "ix_call_running",
            "worker",
            sqlite_where=text("outcome = 'running'"),
            postgresql_where=text("outcome = 'running'"),
        ),
    )
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    phase: Mapped[str] = mapped_column(String(16))
    model: Mapped[str]
    tier: Mapped[str] = mapped_column(String(16))
    context: Mapped[str] = mapped_column(String(MAX_NAME_CHARS))
    query_id: Mapped[str | None]
    job_id: Mapped[str | None]
    outcome: Mapped[str]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_input_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[float | None]
    latency_s: Mapped[float]
    at: Mapped[datetime]
    key: Mapped[str | None] = mapped_column(String(64))
    """Which call of its job it is, the same when the job runs again."""
    reply: Mapped[str | None]
    """The reply of a job's call, as JSON, until the job is over."""
    worker: Mapped[str | None]
    """Who makes it."""
    reserved_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Worst case of a call under way, or of one whose end nobody knows."""
    reserved_usd: Mapped[float | None] = mapped_column(server_default="0")


class SpendRow(Table):
    __tablename__ = "spend"
    __table_args__ = (
        Index(
            "ix_spend_day",
            "day",
            sqlite_where=text("day <> ''"),
            postgresql_where=text("day <> ''"),
        ),
        Index(
            "ix_spend_most",
            "tenant",
            "lane",
            "tokens",
            sqlite_where=text("scope = 'context' AND day = ''"),
            postgresql_where=text("scope = 'context' AND day = ''"),
        ),
    )
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS), primary_key=True)
    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    """``tenant``, ``context`` or ``job``."""
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """UTC date, or empty for all days together; before the subject, so that the rows of a day lie beside each other."""
    subject: Mapped[str] = mapped_column(String(MAX_NAME_CHARS), primary_key=True)
    """Name of the context or id of the job; empty for the tenant."""
    lane: Mapped[str] = mapped_column(String(16), primary_key=True)
    """``sleep``, which caps hold, or ``wake``, which none does; so neither waits for the other's row."""
    calls: Mapped[int] = mapped_column(BigInteger)
    """Calls that ended; one whose end nobody knows is among them."""
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[float]
    unpriced_calls: Mapped[int] = mapped_column(BigInteger)
    """Calls whose cost nobody knows."""
    reserved_tokens: Mapped[int] = mapped_column(BigInteger)
    """Worst case of the calls under way."""
    reserved_usd: Mapped[float]
    doubt_tokens: Mapped[int] = mapped_column(BigInteger)
    """Worst case of calls whose end nobody knows."""
    doubt_usd: Mapped[float]


class CallSumRow(Table):
    __tablename__ = "call_sum"
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS), primary_key=True)
    scope: Mapped[str] = mapped_column(String(16), primary_key=True)
    """``tenant`` or ``context``."""
    subject: Mapped[str] = mapped_column(String(MAX_NAME_CHARS), primary_key=True)
    """Name of the context, empty for calls that served none; empty for the tenant."""
    line: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Digest of phase, model and tier: the name of a model can be longer than an index takes."""
    phase: Mapped[str] = mapped_column(String(16))
    model: Mapped[str]
    tier: Mapped[str] = mapped_column(String(16))
    calls: Mapped[int] = mapped_column(BigInteger)
    """Here and below: as in `core.totals.Totals`."""
    failed_calls: Mapped[int] = mapped_column(BigInteger)
    lost_calls: Mapped[int] = mapped_column(BigInteger)
    running_calls: Mapped[int] = mapped_column(BigInteger)
    unknown_calls: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_input_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    known_cost_usd: Mapped[float]
    latency_s: Mapped[float]


class PolicyRow(Table):
    __tablename__ = "policy"
    context_id: Mapped[int] = mapped_column(ForeignKey("context.id", ondelete="CASCADE"), primary_key=True)
    body: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class WakeUpRow(Table):
    __tablename__ = "wake_up"
    __table_args__ = (Index(None, "due_at"), Index(None, "tenant", "due_at"))
    context_id: Mapped[int] = mapped_column(ForeignKey("context.id", ondelete="CASCADE"), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS))
    first_change_at: Mapped[datetime]
    """Of the changes that no sleep has taken up yet."""
    last_change_at: Mapped[datetime]
    new_parts: Mapped[int]
    """Parts that the last sleep had not read; 0 where no trigger counts them."""
    due_at: Mapped[datetime | None]
    """Not before this; None while no trigger waits for a moment."""
    trigger: Mapped[str | None] = mapped_column(String(16))
    """Which trigger is due then."""


class SleepStateRow(Table):
    __tablename__ = "sleep_state"
    __table_args__ = (
        Index(
            "ix_sleep_state_quarantined",
            "tenant",
            "quarantined_at",
            sqlite_where=text("quarantined_at IS NOT NULL"),
            postgresql_where=text("quarantined_at IS NOT NULL"),
        ),
    )
    context_id: Mapped[int] = mapped_column(ForeignKey("context.id", ondelete="CASCADE"), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS))
    slept_version: Mapped[str | None] = mapped_column(String(16))
    """The context version that the last finished sleep had read: the cursor."""
    slept_at: Mapped[datetime | None]
    nothing_new: Mapped[int]
    """Sleeps in a row that found nothing new."""
    failures: Mapped[int]
    """Sleeps in a row that failed."""
    rests_until: Mapped[datetime | None]
    quarantined_at: Mapped[datetime | None]
    last_error: Mapped[str]


class JobRow(Table):
    __tablename__ = "job"
    __table_args__ = (
        Index(
            "uq_job_work",
            "context_id",
            "work",
            unique=True,
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index(None, "tenant", "state", "created_at"),
        Index(None, "context_id", "created_at"),
        Index(
            "ix_job_worker",
            "worker",
            "id",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index(
            "ix_job_unassigned",
            "priority",
            "created_at",
            sqlite_where=text("state = 'queued' AND worker IS NULL"),
            postgresql_where=text("state = 'queued' AND worker IS NULL"),
        ),
        Index(
            "ix_job_waiting",
            "due_at",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(MAX_TENANT_CHARS))
    context_id: Mapped[int] = mapped_column(ForeignKey("context.id", ondelete="CASCADE"))
    context_version: Mapped[str] = mapped_column(String(16))
    work: Mapped[str] = mapped_column(String(16))
    """Digest of context version, strategy and settings: the same work is not queued twice."""
    settings: Mapped[dict[str, Any]]
    trigger: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    wanted: Mapped[str] = mapped_column(String(16))
    """What a user wants of it: ``run``, ``pause`` or ``cancel``; takes effect before the next call."""
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str]
    learned: Mapped[int | None]
    """Number of the learned context it wrote."""
    digest: Mapped[str | None] = mapped_column(String(16))
    drafts: Mapped[int]
    drafts_done: Mapped[int]
    run: Mapped[int]
    """Which run of it is queued or under way, from 1; what an earlier one still does has no effect."""
    base: Mapped[int | None]
    """Number of the learned context that was live when it first began: what it builds on, in every run the same."""
    decisions: Mapped[int | None]
    """`ContextRow.decisions` when it first began."""
    deaths: Mapped[int]
    """Workers that died while they ran it."""
    worker: Mapped[str | None]
    """Who runs it; who is handing it to the queue, or that it is there; None for the next one to do so."""
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """When a waiting one goes on."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class BatchRow(Table):
    __tablename__ = "batch"
    __table_args__ = (
        Index(None, "handle"),
        Index(
            "ix_batch_open",
            "job_id",
            sqlite_where=text("state IN ('intended', 'submitted')"),
            postgresql_where=text("state IN ('intended', 'submitted')"),
        ),
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """That of its call."""
    provider: Mapped[str]
    handle: Mapped[str | None]
    """What the provider calls the batch; None between our intent and its answer."""
    state: Mapped[str] = mapped_column(String(16))
    intended_at: Mapped[datetime]
    """Before it was sent: the batch is not older at the provider."""
    deadline: Mapped[datetime]


class WorkerRow(Table):
    __tablename__ = "worker"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]


class BreakerRow(Table):
    __tablename__ = "breaker"
    model: Mapped[str] = mapped_column(String(255), primary_key=True)
    failures: Mapped[int]
    open_until: Mapped[datetime | None]
    last_error: Mapped[str]


class RateRow(Table):
    __tablename__ = "rate"
    provider: Mapped[str] = mapped_column(String(255), primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """Whole minutes since 1970."""
    requests: Mapped[int] = mapped_column(BigInteger)
    tokens: Mapped[int] = mapped_column(BigInteger)
