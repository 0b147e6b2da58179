"""Engine: DBOS as the queue of runs. Which run is whose and what it comes to is the store's; nothing is lost with this.

A run of a job is a workflow with the id ``JOB-RUN``, so that it is queued once however often it is handed over. Runs
wait in one queue, partitioned by tenant: a tenant with ten thousand jobs does not keep out one with a single job. Only
here is DBOS imported, and only when an engine starts.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import URL, make_url

from sleeptime.store.database import parse_url
from sleeptime.store.job_rows import Assigned

if TYPE_CHECKING:
    from dbos import DBOS, DBOSConfig, WorkflowStatus

QUEUE: Final = "sleep"
WORKFLOW: Final = "sleep"
VERSION: Final = "1"
"""Workers of other versions leave runs of this one alone; it changes when a run is told something else than here."""
POLL_S: Final = 0.1
KEPT: Final = timedelta(hours=1)
"""How long the queue remembers a run that has ended."""
_PAGE: Final = 500
_WAL_ATTEMPTS: Final = 8
_PUT_AT_ONCE: Final = 8
"""Runs that are queued side by side; on SQLite one after the other is as fast."""

_BEGINS_WITHIN_S: Final = 30
"""A run that was taken from the queue so long ago and not begun never will be."""


class Engine:
    """One per process: DBOS is. Start it on the event loop that the runs are to use.

    Args:
        url: of the store; on SQLite the queue has a file of its own beside it, on PostgreSQL the schema ``dbos``.
        worker_id: who takes runs here; unique.
        concurrency: runs taken at once.
        run: does a run, given the job's id and the number of the run; never raises.
    """

    def __init__(self, url: str, worker_id: str, concurrency: int, run: Callable[[str, int], Awaitable[None]]) -> None:
        self._url = queue_url(url)
        self._worker_id = worker_id
        self._concurrency = concurrency
        self._run = run
        self._dbos: DBOS | None = None

    async def start(self) -> None:
        """Make the queue when it is missing, and take runs from now on."""
        # What DBOS logs is for programs that set up logging; without a handler it would print.
        logging.getLogger("dbos").addHandler(logging.NullHandler())
        from dbos import DBOS

        if self._url.get_backend_name() == "sqlite":
            await asyncio.to_thread(_use_wal, str(self._url.database))
        else:
            await asyncio.to_thread(_make_tables, self._url)
        config: DBOSConfig = {
            "name": "sleeptime",
            "system_database_url": self._url.render_as_string(hide_password=False),
            "application_version": VERSION,
            "executor_id": self._worker_id,
            "log_level": "WARNING",
            "use_listen_notify": False,
            "scheduler_polling_interval_sec": 3600.0,
        }
        self._dbos = DBOS(config=config)

        async def sleep(job_id: str, run: int) -> None:
            await self._run(job_id, run)

        DBOS.workflow(name=WORKFLOW)(sleep)
        DBOS.launch()  # on this thread: that is how it learns of the event loop
        # A registered queue has one limit for all workers, that of the last one to start. This one is of this process
        # alone, as --concurrency is.
        self._dbos._registry._register_internal_queue(
            QUEUE,
            worker_concurrency=self._concurrency,
            partition_worker_concurrency=self._concurrency,
            polling_interval_sec=POLL_S,
        )

    def stop_taking(self) -> None:
        """Take no further runs; those under way go on."""
        if self._dbos is not None:
            for event in self._dbos.background_thread_stop_events:
                event.set()

    async def stop(self) -> None:
        """Forget DBOS. Runs that are under way must have ended."""
        from dbos import DBOS

        self._dbos = None
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # It had let this loop's threads be its own, which are no more.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    async def put(self, runs: Sequence[Assigned]) -> None:
        """Queue runs; what is there already stays as it is."""
        at_once = 1 if self._url.get_backend_name() == "sqlite" else _PUT_AT_ONCE
        for start in range(0, len(runs), at_once):
            await asyncio.gather(*map(self._put, runs[start : start + at_once]))

    async def _put(self, run: Assigned) -> None:
        from dbos import DBOS

        await DBOS.enqueue_workflow_with_options_async(
            {
                "workflow_name": WORKFLOW,
                "queue_name": QUEUE,
                "workflow_id": _workflow_id(run.job_id, run.run),
                "app_version": VERSION,
                "priority": run.priority,
                "queue_partition_key": run.tenant,
            },
            run.job_id,
            run.run,
        )

    async def lost(
        self, runs: Iterable[tuple[str, int]], alive: Container[str], active: Container[tuple[str, int]]
    ) -> tuple[tuple[str, int], ...]:
        """Those of the runs that nobody will begin.

        Args:
            runs: job and number of each.
            alive: ids of the workers that are not dead.
            active: runs under way in this process.
        """
        from dbos import DBOS

        by_id = {_workflow_id(job_id, run): (job_id, run) for job_id, run in runs}
        found = await DBOS.list_workflows_async(workflow_ids=[*by_id], load_input=False, load_output=False)
        long_ago_ms = 1e3 * (time.time() - _BEGINS_WITHIN_S)

        def will_begin(status: WorkflowStatus) -> bool:
            if status.status != "PENDING":
                return status.status == "ENQUEUED"
            if status.executor_id != self._worker_id:
                return status.executor_id in alive
            return by_id[status.workflow_id] in active or (status.dequeued_at or 0) > long_ago_ms

        known = {status.workflow_id for status in found if will_begin(status)}
        return tuple(run for workflow_id, run in by_id.items() if workflow_id not in known)

    async def recover(self, worker_id: str) -> None:
        """Let others take the runs that a worker which is gone had taken from the queue."""
        from dbos import DBOS

        taken = await DBOS.list_workflows_async(
            executor_id=worker_id, status="PENDING", load_input=False, load_output=False
        )
        if taken:
            await DBOS.resume_workflows_async([status.workflow_id for status in taken], queue_name=QUEUE)

    async def forget(self) -> int:
        """Remove what ended long ago from the queue's memory, a page of it; how much that was."""
        from dbos import DBOS

        before = (datetime.now(UTC) - KEPT).isoformat()
        ended = await DBOS.list_workflows_async(
            completed_before=before, limit=_PAGE, load_input=False, load_output=False
        )
        if ended:
            await DBOS.delete_workflows_async([status.workflow_id for status in ended])
        return len(ended)


def queue_url(url: str) -> URL:
    """Where the queue of a store is kept.

    >>> str(queue_url("sqlite:///data/sleeptime.db"))
    'sqlite:///data/sleeptime-jobs.db'
    >>> str(queue_url("postgresql://me@host/sleep"))
    'postgresql://me@host/sleep'
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        return make_url(url).set(drivername="postgresql")
    path = Path(str(parsed.database))
    return parsed.set(drivername="sqlite", database=str(path.with_name(f"{path.stem}-jobs{path.suffix}")))


def _workflow_id(job_id: str, run: int) -> str:
    return f"{job_id}-{run}"


def _make_tables(url: URL) -> None:
    """Make the queue's tables on PostgreSQL, or bring them up to date; on a thread of its own.

    It waits for every transaction that is open, and would wait for ever for one of this event loop.
    """
    from dbos._serialization import DefaultSerializer
    from dbos._sys_db import SystemDatabase

    tables = SystemDatabase.create(
        system_database_url=url.render_as_string(hide_password=False),
        engine_kwargs={"pool_timeout": 30, "max_overflow": 0, "pool_size": 2},
        engine=None,
        schema="dbos",
        serializer=DefaultSerializer(),
        executor_id=None,
        use_listen_notify=False,
    )
    try:
        tables.run_migrations()
    finally:
        tables.destroy()


def _use_wal(path: str) -> None:
    """Let readers and a writer of the file not wait for each other; it stays so, for every process."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            with closing(sqlite3.connect(path, timeout=30)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:  # two that switch at once do not wait for each other
            if attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(0.02 * 2**attempt)
