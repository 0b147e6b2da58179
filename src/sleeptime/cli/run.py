"""Runs a command's work on an event loop of its own, with settings read and everything closed at the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sleeptime.cli.output import hint

if TYPE_CHECKING:
    from sleeptime.app import Sleeptime
    from sleeptime.settings import Settings

T = TypeVar("T")


def command_settings(**given: Any) -> Settings:
    """The settings of a command that ends; `given` ones that are not None come first.

    Raises:
        InputError: a setting has a value that is not allowed.
    """
    from sleeptime.settings import changed_settings, load_settings
    from sleeptime.telemetry.exporter import Exporter, written

    settings = load_settings(**given)
    # A command ends before a Prometheus comes for its metrics, and would take the port of a worker.
    return changed_settings(settings, telemetry=written(settings.exporters - {Exporter.PROMETHEUS}))


def run(work: Callable[[Sleeptime], Awaitable[T]], **given: Any) -> T:
    """Do `work` with a Sleeptime made from the settings; `given` ones that are not None come first.

    Raises:
        SleeptimeError: from the settings or the work.
        KeyboardInterrupt: the user stopped it; what was under way was cancelled and everything is closed. A second
            Ctrl-C meanwhile changes nothing, and a third one ends the process.
    """
    from sleeptime.app import Sleeptime

    settings = command_settings(**given)
    interrupts = 0

    async def session() -> T:
        this_task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert this_task is not None, "a coroutine runs in a task"

        def interrupt() -> None:
            nonlocal interrupts
            interrupts += 1
            if interrupts == 1:
                this_task.cancel()
                return
            loop.remove_signal_handler(signal.SIGINT)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            hint("stopping; once more stops it at once")

        loop.add_signal_handler(signal.SIGINT, interrupt)
        async with Sleeptime(settings=settings) as sleeptime:
            return await work(sleeptime)

    try:
        return asyncio.run(session())
    except asyncio.CancelledError:
        if not interrupts:
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is closed, and what is left of the process says nothing
        hint("interrupted; calls made are in the ledger, and the same sleep, asked for again, goes on where it stopped")
        raise KeyboardInterrupt from None
