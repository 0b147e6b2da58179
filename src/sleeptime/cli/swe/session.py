"""What the commands on a context of the store share: settings, the store, and a progress bar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sleeptime.settings import Settings
    from sleeptime.store.store import Store
    from sleeptime.swe.index import Progress

T = TypeVar("T")


def run_on_store(work: Callable[[Store, Settings, Progress], Awaitable[T]], label: str, database: str | None) -> T:
    """Do `work` with the store that the settings name, and what shows how far it is.

    Args:
        work: given the store, the settings and a `Progress`.
        label: what the progress bar says first.
        database: a URL that comes before the settings.
    """
    from sleeptime.cli.output import progress_bar
    from sleeptime.settings import load_settings
    from sleeptime.store.store import Store

    settings = load_settings(database_url=database)

    async def session() -> T:
        async with await Store.open(settings.database_url, tenant=settings.tenant) as store:
            with progress_bar(label) as bar:
                return await work(store, settings, lambda what, done, total: bar.update(done, total, label=what))

    return asyncio.run(session())
