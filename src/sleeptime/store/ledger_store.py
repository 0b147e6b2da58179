"""LedgerStore: the calls of one tenant, known before they are made, and what they add up to.

Each method is one transaction: all of it is kept, or nothing. Calls of queries are written before those of sleep.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import Call, Phase
from sleeptime.core.caps import NO_CAPS, Caps
from sleeptime.core.spend import Lane, Scope, Spend
from sleeptime.core.totals import Sums
from sleeptime.store import ledger_rows, spend_rows, sum_rows
from sleeptime.store.context_rows import find_head
from sleeptime.store.database import Database


class LedgerStore:
    """Calls of one tenant; it can neither see nor change those of another. Made by `Store.ledger`."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def begin(self, call: Call, caps: Caps = NO_CAPS) -> None:
        """Keep that a call is about to be made, once per id, with its worst case reserved. Its context need not exist.

        Raises:
            CapReached: a cap leaves no room for it; nothing is kept.
            InputError: a cap in USD stands alone, and the price is unknown; nothing is kept.
        """

        async def operation(connection: AsyncConnection) -> None:
            await ledger_rows.begin(connection, self._tenant, call, caps)

        await self._database.write(operation, in_a_hurry=call.phase is Phase.WAKE)

    async def end(self, call: Call, reply: str | None = None) -> None:
        """Keep how a call ended, once per id, begun or not. Its context need not exist.

        Args:
            call: ended.
            reply: kept for `answered`, until the job is over.
        """

        async def operation(connection: AsyncConnection) -> None:
            await ledger_rows.end(connection, self._tenant, call, reply)

        await self._database.write(operation, in_a_hurry=call.phase is Phase.WAKE)

    async def leave(self, call: Call) -> None:
        """Let a running call go on without its worker; `begin` takes it up again."""

        async def operation(connection: AsyncConnection) -> None:
            await ledger_rows.leave(connection, self._tenant, call)

        await self._database.write(operation)

    async def withdraw(self, call: Call) -> None:
        """Take back a call that was begun and was not made."""

        async def operation(connection: AsyncConnection) -> None:
            await ledger_rows.withdraw(connection, self._tenant, call)

        await self._database.write(operation)

    async def lose(self, workers: Collection[str], *, unowned_before: datetime | None = None) -> int:
        """Mark what dead workers, of every tenant, left under way as lost.

        Args:
            workers: that are dead.
            unowned_before: also the calls of no job and no worker that began before.

        Returns:
            How many calls there were.
        """

        async def operation(connection: AsyncConnection) -> int:
            return await ledger_rows.lose(connection, workers, unowned_before=unowned_before)

        return await self._database.write(operation)

    async def answered(self, job_id: str, key: str) -> str | None:
        """The kept reply to a call of a job that is not over; ``None`` when there is none."""
        async with self._database.reading() as connection:
            return await ledger_rows.answered(connection, self._tenant, job_id, key)

    async def calls(self, name: str | None = None) -> tuple[Call, ...]:
        """Calls of one context, or all (``None``), oldest first.

        Raises:
            NotFound: there is neither a context nor a call of this name.
        """
        async with self._database.reading() as connection:
            calls = await ledger_rows.list_calls(connection, self._tenant, context=name)
            if name is not None and not calls:
                await find_head(connection, self._tenant, name)
            return calls

    async def of_job(self, job_id: str) -> tuple[Call, ...]:
        """Calls of a job, oldest first."""
        async with self._database.reading() as connection:
            return await ledger_rows.list_calls(connection, self._tenant, job_id=job_id)

    async def sums(self, name: str | None = None, *, limit: int = 100) -> Sums:
        """The calls of one context, or of all (``None``), added up by the database.

        Args:
            name: of the context.
            limit: for all: how many contexts have rows of their own, those that used most tokens first.

        Raises:
            NotFound: there is neither a context nor a call of this name.
        """
        async with self._database.reading() as connection:
            sums = await sum_rows.sum_calls(connection, self._tenant, name, limit)
            if name is not None and not sums.rows:
                await find_head(connection, self._tenant, name)
            return sums

    async def spend(self, scope: Scope, subject: str = "", *, day: str | None = None, lane: Lane = Lane.SLEEP) -> Spend:
        """What the calls of a job, a context or the tenant used.

        Args:
            scope: whose calls.
            subject: id of the job, or name of the context; ``""`` for the tenant.
            day: `utc_day` of their beginning; ``None`` for all days. A job has sums over all days alone.
            lane: calls of sleep or of queries.
        """
        async with self._database.reading() as connection:
            return await spend_rows.load(connection, self._tenant, scope, subject, day or spend_rows.ALL_DAYS, lane)
