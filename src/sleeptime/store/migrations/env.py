"""What alembic runs around the steps: they use the connection, and the transaction, of `migrate`."""

from __future__ import annotations

from alembic import context

from sleeptime.store.migrations import VERSION_TABLE
from sleeptime.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
