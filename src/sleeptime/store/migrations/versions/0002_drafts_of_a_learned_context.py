"""How many drafts a learned context was made of; of those that are there it is not known, so 1.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("learned", sa.Column("drafts", sa.Integer(), server_default="1", nullable=False))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("learned", "drafts")
