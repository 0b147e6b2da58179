"""Outage: what was paid for is written again when the database is away for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sleeptime.core.errors import StoreError

WAITS_S: Final = (0.5, 4.0)
"""Waits before a write is tried once more: a PostgreSQL server that restarts is back within them."""

T = TypeVar("T")


async def outlast(write: Callable[[], Awaitable[T]]) -> T:
    """Do ``write``, again after each of `WAITS_S`; it must be safe to repeat.

    Raises:
        StoreError: of the last try.
    """
    for wait_s in WAITS_S:
        try:
            return await write()
        except StoreError:
            await asyncio.sleep(wait_s)
    return await write()
