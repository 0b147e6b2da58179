"""Rows of what providers are sent per minute, shared by all workers. Works on a connection of the caller."""

from __future__ import annotations

from typing import Final

from sqlalchemy import and_, delete, true
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.store.conflict import insert_into
from sleeptime.store.tables import RateRow

KEPT_MINUTES: Final = 10
"""Minutes that are kept: a call that takes longer is corrected in a minute that nobody looks at any more."""


async def take(
    connection: AsyncConnection,
    provider: str,
    minute: int,
    tokens: int,
    *,
    max_requests: int | None,
    max_tokens: int | None,
) -> bool:
    """Count one request if the minute then holds no more than the limits, in one statement; the first always fits."""
    is_free = and_(
        true() if max_requests is None else RateRow.requests + 1 <= max_requests,
        true() if max_tokens is None else RateRow.tokens + tokens <= max_tokens,
    )
    new = insert_into(connection, RateRow).values(provider=provider, minute=minute, requests=1, tokens=tokens)
    counted = new.on_conflict_do_update(
        index_elements=[RateRow.provider, RateRow.minute],
        set_={"requests": RateRow.requests + 1, "tokens": RateRow.tokens + tokens},
        where=(RateRow.requests <= 0) | is_free,
    ).returning(RateRow.requests)
    requests = (await connection.execute(counted)).scalar_one_or_none()
    if requests == 1:
        await _prune(connection, provider, minute)
    return requests is not None


async def add(connection: AsyncConnection, provider: str, minute: int, *, requests: int, tokens: int) -> None:
    """Count further ones, whatever the limits; negative numbers take back."""
    new = insert_into(connection, RateRow).values(provider=provider, minute=minute, requests=requests, tokens=tokens)
    counted = new.on_conflict_do_update(
        index_elements=[RateRow.provider, RateRow.minute],
        set_={"requests": RateRow.requests + requests, "tokens": RateRow.tokens + tokens},
    )
    await connection.execute(counted)


async def _prune(connection: AsyncConnection, provider: str, minute: int) -> None:
    old = and_(RateRow.provider == provider, RateRow.minute < minute - KEPT_MINUTES)
    await connection.execute(delete(RateRow).where(old))
