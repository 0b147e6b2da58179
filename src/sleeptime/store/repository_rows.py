"""Rows of repositories: the commit that a version of a context was read at.

Every function works on a connection whose transaction belongs to the caller.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.command import command
from sleeptime.core.errors import NotFound
from sleeptime.core.origin import Origin
from sleeptime.store.conflict import insert_into
from sleeptime.store.context_rows import Head
from sleeptime.store.tables import ContextVersionRow, RepositoryRow


async def remember(connection: AsyncConnection, head: Head, origin: Origin) -> None:
    """Let the version that a context stands at be the files of this commit.

    One that had these files before is forgotten: commits can change what is no text, and repositories move.
    """
    values = origin._asdict()
    row = insert_into(connection, RepositoryRow).values(version_id=head.version_id, **values)
    await connection.execute(row.on_conflict_do_update(index_elements=["version_id"], set_=values))


async def find(connection: AsyncConnection, head: Head, version: str) -> Origin:
    """The commit that a version of a context was read at.

    Raises:
        NotFound: it was not read from one git repository.
    """
    known = (
        select(RepositoryRow.path, RepositoryRow.commit_id)
        .join(ContextVersionRow, ContextVersionRow.id == RepositoryRow.version_id)
        .where(ContextVersionRow.context_id == head.id, ContextVersionRow.version == version)
    )
    row = (await connection.execute(known)).one_or_none()
    if row is None:
        raise NotFound(
            f"context {head.name!r} was not added from one git repository with a commit, so it has no history; "
            f"`{command('add', head.name, 'PATH/TO/REPOSITORY')}` adds it from one"
        )
    return Origin(*row)
