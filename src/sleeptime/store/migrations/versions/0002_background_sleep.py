"""Sleep in the background: jobs, policies, wake-ups, spend, workers, and calls that are known before they are made.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the new tables, and let calls and learned contexts say more."""
    op.create_table(
        "breaker",
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", MOMENT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", name="pk_breaker"),
    )
    op.create_table(
        "rate",
        sa.Column("provider", sa.String(length=255), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "minute", name="pk_rate"),
    )
    op.create_table(
        "spend",
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.Column("unpriced_calls", sa.BigInteger(), nullable=False),
        sa.Column("reserved_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reserved_usd", sa.Double(), nullable=False),
        sa.Column("doubt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("doubt_usd", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "scope", "day", "subject", "lane", name="pk_spend"),
    )
    for name, columns, condition in (
        ("ix_spend_day", ["day"], "day <> ''"),
        ("ix_spend_most", ["tenant", "lane", "tokens"], "scope = 'context' AND day = ''"),
    ):
        where = sa.text(condition)
        op.create_index(name, "spend", columns, unique=False, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "call_sum",
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("line", sa.String(length=16), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("failed_calls", sa.BigInteger(), nullable=False),
        sa.Column("lost_calls", sa.BigInteger(), nullable=False),
        sa.Column("running_calls", sa.BigInteger(), nullable=False),
        sa.Column("unknown_calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("known_cost_usd", sa.Double(), nullable=False),
        sa.Column("latency_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "scope", "subject", "line", name="pk_call_sum"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("heartbeat_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("context_id", ROW_ID, nullable=False),
        sa.Column("context_version", sa.String(length=16), nullable=False),
        sa.Column("work", sa.String(length=16), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("wanted", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("learned", sa.Integer(), nullable=True),
        sa.Column("digest", sa.String(length=16), nullable=True),
        sa.Column("drafts", sa.Integer(), nullable=False),
        sa.Column("drafts_done", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=True),
        sa.Column("decisions", sa.Integer(), nullable=True),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["context_id"], ["context.id"], name="fk_job_context_id_context", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
    )
    op.create_index("ix_job_context_id_created_at", "job", ["context_id", "created_at"], unique=False)
    op.create_index("ix_job_tenant_state_created_at", "job", ["tenant", "state", "created_at"], unique=False)
    for name, columns, condition in (
        ("ix_job_unassigned", ["priority", "created_at"], "state = 'queued' AND worker IS NULL"),
        ("ix_job_waiting", ["due_at"], "state = 'waiting'"),
        ("ix_job_worker", ["worker", "id"], "finished_at IS NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "job", columns, unique=False, sqlite_where=where, postgresql_where=where)
    op.create_index(
        "uq_job_work",
        "job",
        ["context_id", "work"],
        unique=True,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "policy",
        sa.Column("context_id", ROW_ID, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name="fk_policy_context_id_context", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("context_id", name="pk_policy"),
    )
    op.create_table(
        "sleep_state",
        sa.Column("context_id", ROW_ID, nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("slept_version", sa.String(length=16), nullable=True),
        sa.Column("slept_at", MOMENT, nullable=True),
        sa.Column("nothing_new", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests_until", MOMENT, nullable=True),
        sa.Column("quarantined_at", MOMENT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name="fk_sleep_state_context_id_context", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("context_id", name="pk_sleep_state"),
    )
    op.create_index(
        "ix_sleep_state_quarantined",
        "sleep_state",
        ["tenant", "quarantined_at"],
        unique=False,
        sqlite_where=sa.text("quarantined_at IS NOT NULL"),
        postgresql_where=sa.text("quarantined_at IS NOT NULL"),
    )
    op.create_table(
        "wake_up",
        sa.Column("context_id", ROW_ID, nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("first_change_at", MOMENT, nullable=False),
        sa.Column("last_change_at", MOMENT, nullable=False),
        sa.Column("new_parts", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("trigger", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name="fk_wake_up_context_id_context", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("context_id", name="pk_wake_up"),
    )
    op.create_index("ix_wake_up_due_at", "wake_up", ["due_at"], unique=False)
    op.create_index("ix_wake_up_tenant_due_at", "wake_up", ["tenant", "due_at"], unique=False)
    op.create_table(
        "batch",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("intended_at", MOMENT, nullable=False),
        sa.Column("deadline", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_batch_job_id_job", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "key", name="pk_batch"),
    )
    op.create_index("ix_batch_handle", "batch", ["handle"], unique=False)
    op.create_index(
        "ix_batch_open",
        "batch",
        ["job_id"],
        unique=False,
        sqlite_where=sa.text("state IN ('intended', 'submitted')"),
        postgresql_where=sa.text("state IN ('intended', 'submitted')"),
    )
    op.add_column("call", sa.Column("key", sa.String(length=64), nullable=True))
    op.add_column("call", sa.Column("reply", sa.Text(), nullable=True))
    op.add_column("call", sa.Column("worker", sa.Text(), nullable=True))
    op.add_column("call", sa.Column("reserved_tokens", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("call", sa.Column("reserved_usd", sa.Double(), server_default="0", nullable=True))
    _add_up_calls()
    _add_up_lines()
    op.create_index(
        "ix_call_running",
        "call",
        ["worker"],
        unique=False,
        sqlite_where=sa.text("outcome = 'running'"),
        postgresql_where=sa.text("outcome = 'running'"),
    )
    op.create_index(
        "uq_call_answered",
        "call",
        ["tenant", "job_id", "key"],
        unique=True,
        sqlite_where=sa.text("outcome = 'ok' AND key IS NOT NULL"),
        postgresql_where=sa.text("outcome = 'ok' AND key IS NOT NULL"),
    )
    op.add_column("context", sa.Column("decisions", sa.Integer(), server_default="0", nullable=False))
    op.add_column("context_version", sa.Column("line_id", ROW_ID, nullable=True))
    op.add_column("context_version", sa.Column("num_parts", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE context_version SET num_parts = "
        "(SELECT count(*) FROM version_part WHERE version_part.version_id = context_version.id)"
    )
    op.add_column("note", sa.Column("made_from", sa.String(length=16), nullable=True))
    op.add_column("learned", sa.Column("unread", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("learned", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.add_column("learned", sa.Column("status_at", MOMENT, nullable=True))
    op.create_index("uq_learned_job", "learned", ["context_id", "job_id"], unique=True)
    op.create_index(
        "uq_learned_waiting",
        "learned",
        ["context_id"],
        unique=True,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )


def _add_up_calls() -> None:
    """Sum up the calls that are there: those of each context and tenant, on each day and in all, and those of a job."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    date = "substr(at, 1, 10)" if is_sqlite else "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    for scope, subject, day, such in (
        ("job", "job_id", "''", "job_id IS NOT NULL"),
        ("context", "context", date, "context <> ''"),
        ("context", "context", "''", "context <> ''"),
        ("tenant", "''", date, "true"),
        ("tenant", "''", "''", "true"),
    ):
        op.execute(
            "INSERT INTO spend (tenant, scope, day, subject, lane, calls, tokens, cost_usd, unpriced_calls, "
            "reserved_tokens, reserved_usd, doubt_tokens, doubt_usd) "
            f"SELECT tenant, '{scope}', {day}, {subject}, CASE phase WHEN 'wake' THEN 'wake' ELSE 'sleep' END, "
            "count(*), sum(input_tokens + cached_input_tokens + cache_write_tokens + output_tokens), "
            "coalesce(sum(cost_usd), 0), count(*) - count(cost_usd), 0, 0, 0, 0 "
            f"FROM call WHERE {such} GROUP BY 1, 3, 4, 5"
        )


def _add_up_lines() -> None:
    """The lines of the ledger: the calls of each context and tenant by phase, model and tier."""
    bind = op.get_bind()
    for scope, subject in (("context", "context"), ("tenant", "''")):
        found = bind.exec_driver_sql(
            f"SELECT tenant, '{scope}' AS scope, {subject} AS subject, phase, model, tier, count(*) AS calls, "
            "sum(CASE WHEN outcome <> 'ok' THEN 1 ELSE 0 END) AS failed_calls, 0 AS lost_calls, 0 AS running_calls, "
            "count(*) - count(cost_usd) AS unknown_calls, sum(input_tokens) AS input_tokens, "
            "sum(cached_input_tokens) AS cached_input_tokens, sum(cache_write_tokens) AS cache_write_tokens, "
            "sum(output_tokens) AS output_tokens, sum(reasoning_tokens) AS reasoning_tokens, "
            "coalesce(sum(cost_usd), 0) AS known_cost_usd, sum(latency_s) AS latency_s "
            "FROM call GROUP BY 1, 2, 3, 4, 5, 6"
        )
        rows = [dict(row._mapping) for row in found]
        for row in rows:
            row["line"] = hashlib.sha256("\n".join((row["phase"], row["tier"], row["model"])).encode()).hexdigest()[:16]
        if rows:
            table = sa.table("call_sum", *(sa.column(name) for name in rows[0]))
            bind.execute(sa.insert(table), rows)


def downgrade() -> None:
    """Drop them. Versions that share the parts of another get rows of their own again."""
    op.execute(
        "INSERT INTO version_part (version_id, position, name, part_id) "
        "SELECT context_version.id, version_part.position, version_part.name, version_part.part_id "
        "FROM context_version JOIN version_part ON version_part.version_id = context_version.line_id "
        "WHERE version_part.position < context_version.num_parts"
    )
    op.execute(
        "DELETE FROM version_part WHERE position >= "
        "(SELECT num_parts FROM context_version WHERE context_version.id = version_part.version_id)"
    )
    op.drop_index("uq_learned_waiting", "learned")
    op.drop_index("uq_learned_job", "learned")
    op.drop_index("uq_call_answered", "call")
    op.drop_index("ix_call_running", "call")
    for column in ("status_at", "reason", "unread"):
        op.drop_column("learned", column)
    op.drop_column("note", "made_from")
    for column in ("num_parts", "line_id"):
        op.drop_column("context_version", column)
    op.drop_column("context", "decisions")
    for column in ("reserved_usd", "reserved_tokens", "worker", "reply", "key"):
        op.drop_column("call", column)
    for table in ("batch", "wake_up", "sleep_state", "policy", "job", "worker", "call_sum", "spend", "rate", "breaker"):
        op.drop_table(table)
