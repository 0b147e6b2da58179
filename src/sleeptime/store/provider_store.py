"""What all workers share about providers: rates, breakers and batches. Each method is one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.batch import BatchEntry, BatchState
from sleeptime.core.breaker import Breaker, BreakerPolicy
from sleeptime.core.job import Job
from sleeptime.store import batch_rows, breaker_rows, job_rows, rate_rows
from sleeptime.store.database import Database
from sleeptime.store.outage import outlast


class RateStore:
    """The `Rates` of a database. Made by `Store.rates`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self, provider: str, minute: int, tokens: int, *, max_requests: int | None, max_tokens: int | None
    ) -> bool:
        """As `Rates.take`."""
        taking = partial(
            rate_rows.take,
            provider=provider,
            minute=minute,
            tokens=tokens,
            max_requests=max_requests,
            max_tokens=max_tokens,
        )
        return await self._database.write(taking)

    async def add(self, provider: str, minute: int, *, requests: int, tokens: int) -> None:
        """As `Rates.add`."""
        adding = partial(rate_rows.add, provider=provider, minute=minute, requests=requests, tokens=tokens)
        await self._database.write(adding)


class BreakerStore:
    """The `Breakers` of a database. Made by `Store.breakers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> tuple[Breaker, ...]:
        """Every model that failed when it was last asked, by name."""
        async with self._database.reading() as connection:
            return await breaker_rows.list_breakers(connection)

    async def find(self, model: str) -> Breaker | None:
        """As `Breakers.find`."""
        async with self._database.reading() as connection:
            return await breaker_rows.find(connection, model)

    async def extend(self, model: str, open_until: datetime, until: datetime) -> bool:
        """As `Breakers.extend`."""
        return await self._database.write(partial(breaker_rows.extend, model=model, open_until=open_until, until=until))

    async def fail(self, model: str, error: str, policy: BreakerPolicy, *, now: datetime) -> None:
        """As `Breakers.fail`."""
        await self._database.write(partial(breaker_rows.fail, model=model, error=error, policy=policy, now=now))

    async def fail_probe(
        self, model: str, error: str, lease: datetime, policy: BreakerPolicy, *, now: datetime
    ) -> None:
        """As `Breakers.fail_probe`."""
        await self._database.write(
            partial(breaker_rows.fail_probe, model=model, error=error, lease=lease, policy=policy, now=now)
        )

    async def close(self, model: str, lease: datetime | None = None) -> None:
        """As `Breakers.close`."""
        await self._database.write(partial(breaker_rows.close, model=model, lease=lease))


class BatchStore:
    """The `Batches` of a database, through a short outage too, for a batch that was sent is paid for.

    Made by `Store.batches`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, job_id: str) -> tuple[BatchEntry, ...]:
        """As `Batches.entries`."""
        async with self._database.reading() as connection:
            return await batch_rows.list_entries(connection, job_id)

    async def intend(self, entries: Sequence[BatchEntry]) -> None:
        """As `Batches.intend`."""
        await self._outlast(partial(batch_rows.intend, entries=entries))

    async def submitted(self, job_id: str, keys: Collection[str], handle: str) -> None:
        """As `Batches.submitted`."""
        await self._outlast(partial(batch_rows.submitted, job_id=job_id, keys=keys, handle=handle))

    async def settle(self, job_id: str, keys: Collection[str], state: BatchState | None) -> None:
        """As `Batches.settle`."""
        await self._outlast(partial(batch_rows.settle, job_id=job_id, keys=keys, state=state))

    async def known(self, handles: Collection[str]) -> frozenset[str]:
        """As `Batches.known`."""
        async with self._database.reading() as connection:
            return await batch_rows.known(connection, handles)

    async def abandoned(self, limit: int) -> tuple[Job, ...]:
        """Jobs of every tenant that are over, and whose batches a provider may still work on."""
        async with self._database.reading() as connection:
            found = [
                await job_rows.load_job(connection, job_id) for job_id in await batch_rows.abandoned(connection, limit)
            ]
        return tuple(job for job in found if job is not None)

    async def _outlast(self, operation: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        await outlast(partial(self._database.write, operation))
