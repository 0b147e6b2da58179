"""`sleeptime worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from sleeptime.cli.options import Database, Model


def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Jobs that it runs at once [SLEEPTIME_WORKER_CONCURRENCY]."),
    ] = None,
    model: Model = None,
    database: Database = None,
) -> None:
    """Run the sleeps that are queued, and those that triggers call for, until it is told to stop.

    Start as many as you like, on as many machines as reach the database; on SQLite, on one machine. Ctrl-C and SIGTERM
    stop it in order: it begins no job, lets calls under way end, and leaves what is not done to other workers. A second
    one stops it at once; nothing is lost then either.
    """
    import asyncio
    import random
    import signal

    from sleeptime.cli.output import hint
    from sleeptime.jobs.worker import run_worker
    from sleeptime.settings import load_settings

    settings = load_settings(worker_concurrency=concurrency, model=model, database_url=database)

    def started(worker_id: str) -> None:
        hint(f"worker {worker_id} takes jobs, at most {settings.worker_concurrency} at once; Ctrl-C stops it in order")

    async def work() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def stop_in_order() -> None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            hint("stopping when the calls under way have ended; once more stops it at once")
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop_in_order)
        await run_worker(settings, stop, rng=random.Random(), started=started)

    asyncio.run(work())
