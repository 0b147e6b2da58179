"""What the commands share: the store of the settings with a progress bar, and an end by Ctrl-C at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sleeptime.settings import Settings
    from sleeptime.store.store import Store
    from sleeptime.swe.index import Progress

T = TypeVar("T")


@contextmanager
def interruptible(kept: str) -> Iterator[None]:
    """Let Ctrl-C end work at once, also while it computes: asyncio would wait until it waits for something itself.

    Args:
        kept: what stays, for the user.

    Raises:
        KeyboardInterrupt: the user stopped it; everything is closed.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # and not what a shell has set for a command in the background
        signal.signal(signal.SIGINT, lambda number, frame: signal.default_int_handler(number, frame))
    try:
        yield
    except KeyboardInterrupt:
        from sleeptime.cli.output import hint

        hint(f"interrupted; {kept}")
        raise
    finally:
        signal.signal(signal.SIGINT, before)


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

    with interruptible("what was worked out is kept, and the same command goes on from there"):
        return asyncio.run(session())
