"""Contexts, learned contexts, queries and the ledger.

Revision ID: 0001
Revises: nothing
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "call",
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.Column("context", sa.String(length=500), nullable=False),
        sa.Column("query_id", sa.Text(), nullable=True),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("latency_s", sa.Double(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_call"),
    )
    op.create_index("ix_call_tenant_context_at", "call", ["tenant", "context", "at"], unique=False)
    op.create_index("ix_call_tenant_job_id", "call", ["tenant", "job_id"], unique=False)
    op.create_table(
        "context",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_context"),
        sa.UniqueConstraint("tenant", "name", name="uq_context_tenant_name"),
    )
    op.create_table(
        "part",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_part"),
        sa.UniqueConstraint("tenant", "sha256", name="uq_part_tenant_sha256"),
    )
    op.create_table(
        "context_version",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("context_id", ROW_ID, nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name="fk_context_version_context_id_context", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_context_version"),
        sa.UniqueConstraint("context_id", "version", name="uq_context_version_context_id_version"),
    )
    op.create_table(
        "learned",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("context_id", ROW_ID, nullable=False),
        sa.Column("context_version_id", ROW_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True),
        sa.Column("prompt_digest", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["context_id"], ["context.id"], name="fk_learned_context_id_context", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["context_version_id"],
            ["context_version.id"],
            name="fk_learned_context_version_id_context_version",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_learned"),
        sa.UniqueConstraint("context_id", "number", name="uq_learned_context_id_number"),
    )
    op.create_index("ix_learned_context_version_id", "learned", ["context_version_id"], unique=False)
    op.create_index(
        "uq_learned_live",
        "learned",
        ["context_id"],
        unique=True,
        sqlite_where=sa.text("status = 'live'"),
        postgresql_where=sa.text("status = 'live'"),
    )
    op.create_table(
        "version_part",
        sa.Column("version_id", ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("part_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["part_id"], ["part.id"], name="fk_version_part_part_id_part"),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["context_version.id"],
            name="fk_version_part_version_id_context_version",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("version_id", "position", name="pk_version_part"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_version_part_part_id", "version_part", ["part_id"], unique=False)
    op.create_table(
        "note",
        sa.Column("learned_id", ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("derivation", sa.Text(), nullable=False),
        sa.Column("depends_on", sa.JSON(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["learned_id"], ["learned.id"], name="fk_note_learned_id_learned", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("learned_id", "position", name="pk_note"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "query",
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("context_id", ROW_ID, nullable=False),
        sa.Column("learned_id", ROW_ID, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("route", sa.String(length=16), nullable=False),
        sa.Column("budget", sa.String(length=32), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("notes_used", sa.JSON(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("latency_s", sa.Double(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["context_id"], ["context.id"], name="fk_query_context_id_context", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["learned_id"], ["learned.id"], name="fk_query_learned_id_learned", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_query"),
    )
    op.create_index("ix_query_context_id_at", "query", ["context_id", "at"], unique=False)
    op.create_index("ix_query_learned_id", "query", ["learned_id"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    for table in ("query", "note", "version_part", "learned", "context_version", "part", "context", "call"):
        op.drop_table(table)
