"""Store: contexts, learned contexts, queries and calls of one tenant, kept on SQLite or PostgreSQL.

Each method is one transaction: all of it is kept, or nothing; `prune` alone goes by pages. Knows nothing of models,
sleeping or waking.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import InputError
from sleeptime.core.note import LearnedContext
from sleeptime.core.origin import Origin
from sleeptime.core.query import Query
from sleeptime.core.text import checked_text
from sleeptime.store import (
    context_rows,
    learned_rows,
    prune_rows,
    query_rows,
    repository_rows,
    version_rows,
    wake_rows,
)
from sleeptime.store.context_rows import Head, find_head, lock_head
from sleeptime.store.database import Database
from sleeptime.store.entry import (
    AgentQuery,
    Appended,
    Check,
    Committed,
    ContextEntry,
    Keep,
    LearnedEntry,
    Pruned,
    Serving,
    Shown,
    Status,
    Unstudied,
)
from sleeptime.store.job_store import JobStore
from sleeptime.store.ledger_store import LedgerStore
from sleeptime.store.listed import Listed
from sleeptime.store.migrations import migrate
from sleeptime.store.overview_store import OverviewStore
from sleeptime.store.policy_store import PolicyStore
from sleeptime.store.provider_store import BatchStore, BreakerStore, RateStore
from sleeptime.store.tables import MAX_TENANT_CHARS
from sleeptime.store.work_store import WorkStore

DEFAULT_TENANT = "default"

Also = Callable[[AsyncConnection, Head, Committed], Awaitable[object]]
"""Statements for the transaction of `Store.commit_sleep`; without effect elsewhere, for it may run again."""


class Store:
    """What one tenant has kept; it can neither see nor change what another has.

    Use `open`, from one event loop; usable as ``async with await Store.open(url) as store``. Every method raises
    `StoreError` when the database refuses, and `NotFound` when the context it names does not exist.
    """

    def __init__(self, database: Database, tenant: str) -> None:
        if not tenant.strip() or len(tenant) > MAX_TENANT_CHARS or not tenant.isprintable():
            raise InputError(f"a tenant is 1 to {MAX_TENANT_CHARS} printable characters, got {tenant[:120]!r}")
        self._database = database
        self.tenant = tenant

    @classmethod
    async def open(cls, url: str, *, tenant: str = DEFAULT_TENANT, gives_way: bool = False) -> Store:
        """Connect, and bring the tables up to date (made when missing; two processes may do so at once).

        Args:
            url: ``sqlite:///file.db`` or ``postgresql://user:password@host:port/database``.
            tenant: whose rows are seen.
            gives_way: whether other processes on one SQLite file go first: nobody waits for this one.

        Raises:
            InputError: a URL or tenant we cannot use.
            StoreError: the database cannot be opened, or was made by a newer version.
        """
        database = await Database.connect(url, gives_way=gives_way)
        try:
            store = cls(database, tenant)
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return store

    def for_tenant(self, tenant: str) -> Store:
        """The same database, seen by another tenant; closing either closes both."""
        return Store(self._database, tenant)

    @property
    def ledger(self) -> LedgerStore:
        """The tenant's calls."""
        return LedgerStore(self._database, self.tenant)

    @property
    def jobs(self) -> JobStore:
        """The tenant's jobs."""
        return JobStore(self._database, self.tenant)

    @property
    def policies(self) -> PolicyStore:
        """When the tenant's contexts are slept on in the background."""
        return PolicyStore(self._database, self.tenant)

    @property
    def overviews(self) -> OverviewStore:
        """How sleep stands for the tenant."""
        return OverviewStore(self._database, self.tenant)

    @property
    def work(self) -> WorkStore:
        """The jobs of every tenant, for the processes that run them."""
        return WorkStore(self._database)

    @property
    def rates(self) -> RateStore:
        """What each provider is sent per minute, by all tenants."""
        return RateStore(self._database)

    @property
    def breakers(self) -> BreakerStore:
        """Models whose calls keep failing, of all tenants."""
        return BreakerStore(self._database)

    @property
    def batches(self) -> BatchStore:
        """Requests of jobs that providers answer in batches."""
        return BatchStore(self._database)

    async def close(self) -> None:
        """Close every connection."""
        await self._database.close()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def add_context(self, context: Context, origin: Origin | None = None) -> tuple[str, bool]:
        """Let the context stand at this version. A text is kept once, whatever versions and contexts have it.

        Args:
            context: with its parts.
            origin: the commit whose files they are; kept with the version, also when that is not new.

        Returns:
            the version, and whether it is new: False when the context stood there already.
        """

        async def operation(connection: AsyncConnection) -> bool:
            is_new = await context_rows.add_context(connection, self.tenant, context)
            head = await find_head(connection, self.tenant, context.name)
            if origin is not None:
                await repository_rows.remember(connection, head, origin)
            if is_new:
                await wake_rows.settle(connection, head.id, datetime.now(UTC), has_changed=True)
            return is_new

        return context.version, await self._database.write(operation)

    async def append(
        self, name: str, parts: Sequence[Part | str], *, max_parts: int | None = None, max_bytes: int | None = None
    ) -> Appended:
        """Put parts behind those that a context has, or begin it with them: for conversations.

        What is there is neither sent nor copied; of each part before only name and digest are read.

        Args:
            name: of the context.
            parts: a text is a message, named by its number; a part that is there already with its text is left out.
            max_parts: most parts of the context, all together.
            max_bytes: most UTF-8 bytes of all its parts.

        Raises:
            InputError: a part has the name of another one with another text.
            TooLarge: a limit would be passed. Nothing is kept.
        """

        async def operation(connection: AsyncConnection) -> Appended:
            appended = await context_rows.append(
                connection, self.tenant, name, parts, max_parts=max_parts, max_bytes=max_bytes
            )
            if appended.names:
                head = await find_head(connection, self.tenant, name)
                await wake_rows.settle(connection, head.id, datetime.now(UTC), has_changed=True)
            return appended

        return await self._database.write(operation)

    async def context(self, name: str) -> Context:
        """The context at the version it stands at."""
        async with self._database.reading() as connection:
            return await context_rows.load_context(connection, await find_head(connection, self.tenant, name))

    async def repository_of(self, name: str, version: str | None = None) -> Origin:
        """Path and commit of the repository that a version of the context was added from.

        Args:
            name: of the context.
            version: that was read before; by default the one it stands at.

        Raises:
            NotFound: no such context, or that version was not added from one git repository.
        """
        async with self._database.reading() as connection:
            head = await find_head(connection, self.tenant, name)
            return await repository_rows.find(connection, head, version or head.version)

    async def contexts(self) -> tuple[ContextEntry, ...]:
        """One line per context, by name."""
        async with self._database.reading() as connection:
            return await context_rows.list_contexts(connection, self.tenant)

    async def commit_sleep(
        self,
        learned: LearnedContext,
        *,
        job_id: str | None = None,
        prompt_digest: str | None = None,
        check: Check | None = None,
        needs_approval: bool = False,
        keep: Keep | None = None,
        also: Also | None = None,
    ) -> Committed:
        """Keep what a sleep wrote and serve it, if nothing speaks against it; all in one transaction.

        No query ever finds none, two, or a mix. One that came too late stays staged: the context has changed since it
        was read, and what is live is of the version it stands at now, or alone has notes that hold; or a user has
        decided since its job began that others are live than those it built on, or none. With the same
        ``job_id`` as before nothing is kept twice, and what was decided stands.

        Args:
            learned: of a context and version that were added.
            job_id: the ``job_id`` of the calls that made it.
            prompt_digest: digest of the prompt it was written with.
            check: what may speak against it; then it is kept as refused, with the reason.
            needs_approval: let it wait until a user says `approve`; one that waited before is refused.
            keep: older learned contexts that need not be kept are removed, a bounded number at a time.
            also: further statements for the same transaction, told what became of it. May run again, as `check` may.

        Raises:
            EmptyInput: it has no notes.
            NotFound: no such context, or it never had that version.
        """

        async def operation(connection: AsyncConnection) -> Committed:
            head = await lock_head(connection, self.tenant, learned.context)
            number = await learned_rows.stage(
                connection, self.tenant, head, learned, job_id=job_id, prompt_digest=prompt_digest
            )
            committed = await learned_rows.settle(connection, head, number, check, needs_approval=needs_approval)
            if keep is not None:
                await prune_rows.prune_in_turn(connection, head, keep, number)
            if also is not None:
                await also(connection, head, committed)
            return committed

        return await self._database.write(operation)

    async def stage(
        self, learned: LearnedContext, *, job_id: str | None = None, prompt_digest: str | None = None
    ) -> int:
        """Keep a learned context, not served until `make_live`. `commit_sleep` does both at once.

        Args, raises: as `commit_sleep`.

        Returns:
            its number within the context, from 1; the same for the same job.
        """

        async def operation(connection: AsyncConnection) -> int:
            head = await lock_head(connection, self.tenant, learned.context)
            return await learned_rows.stage(
                connection, self.tenant, head, learned, job_id=job_id, prompt_digest=prompt_digest
            )

        return await self._database.write(operation)

    async def make_live(self, name: str, number: int) -> bool:
        """Serve a staged learned context, unchecked, and retire the one that was live.

        Returns:
            False, and it stays staged, when it came too late.

        Raises:
            NotFound: no such context, or none of this number.
            InputError: it is neither staged nor live.
        """

        async def operation(connection: AsyncConnection) -> bool:
            head = await lock_head(connection, self.tenant, name)
            committed = await learned_rows.settle(connection, head, number, None, needs_approval=False)
            if committed.status is Status.STAGED:
                return False
            await learned_rows.make_live(connection, head, number, {Status.STAGED})
            return True

        return await self._database.write(operation)

    async def approve(self, name: str, number: int) -> None:
        """Serve a learned context that waits, was refused or came too late, because a user says so.

        Raises:
            NotFound: no such context, or none of this number.
            InputError: it is retired; use `rollback`.
        """
        await self._make_live(name, number, {Status.STAGED, Status.WAITING, Status.REFUSED})

    async def rollback(self, name: str, number: int) -> None:
        """Serve a retired learned context again, and retire the one that was live.

        Raises:
            NotFound: no such context, or none of this number.
            InputError: it is not retired; use `approve`.
        """
        await self._make_live(name, number, {Status.RETIRED})

    async def _make_live(self, name: str, number: int, allowed: Collection[Status]) -> None:
        async def operation(connection: AsyncConnection) -> None:
            head = await lock_head(connection, self.tenant, name)
            await learned_rows.make_live(connection, head, number, allowed)

        await self._database.write(operation)

    async def reject(self, name: str, number: int, reason: str) -> None:
        """Refuse a learned context that waits or came too late, or take the live one out of service: then none is live.

        Raises:
            NotFound: no such context, or none of this number.
            InputError: it is retired.
            NotText: the reason holds a character that cannot be kept.
        """
        checked_text("the reason", reason)

        async def operation(connection: AsyncConnection) -> None:
            head = await lock_head(connection, self.tenant, name)
            await learned_rows.refuse(connection, head, number, reason)

        await self._database.write(operation)

    async def prune(self, name: str, keep: Keep, *, is_dry_run: bool = False) -> Pruned:
        """Remove learned contexts that need not be kept, a page at a time, each page in a transaction of its own.

        Args:
            name: of the context.
            keep: which are kept.
            is_dry_run: only say which would be removed.

        Raises:
            NotFound: no such context.
        """
        removed: tuple[int, ...] = ()
        after: int | None = 0
        while after is not None:
            page, after = await self._database.write(partial(self._prune_page, name, keep, after, is_dry_run))
            removed += page
        async with self._database.reading() as connection:
            left = await learned_rows.count_learned(connection, await find_head(connection, self.tenant, name))
        return Pruned(name, removed, left - len(removed) if is_dry_run else left)

    async def _prune_page(
        self, name: str, keep: Keep, after: int, is_dry_run: bool, connection: AsyncConnection
    ) -> tuple[tuple[int, ...], int | None]:
        head = await lock_head(connection, self.tenant, name)
        return await prune_rows.prune_page(connection, head, keep, after, is_dry_run=is_dry_run)

    async def serving(self, name: str) -> Serving:
        """The context and what may be served of its live learned context, both of one moment: one look-up per ask."""
        async with self._database.reading() as connection:
            head = await find_head(connection, self.tenant, name)
            context = await context_rows.load_context(connection, head)
            live = await learned_rows.load_live(connection, head, {part.sha256 for part in context.parts})
        if live is None:
            return Serving(context, None, None)
        number, learned = live
        return Serving(context, learned, number)

    async def unstudied(self, name: str, version: str | None = None, base: int | None = None) -> Unstudied:
        """What a sleep starts from, all of one moment.

        Args:
            name: of the context.
            version: that is to be slept on; by default the one it stands at, and what is live to build on.
            base: with a version, the number of the learned context to build on; None for none.

        Raises:
            NotFound: no such context, or it never had that version or number.
        """
        async with self._database.reading() as connection:
            head = await find_head(connection, self.tenant, name)
            if version is None:
                version, base = head.version, await learned_rows.live_number(connection, head)
            return await learned_rows.load_unstudied(connection, head, version, base)

    async def live(self, name: str) -> LearnedContext | None:
        """The live learned context, without the notes that rest on a part that changed; ``None`` when nothing holds."""
        async with self._database.reading() as connection:
            head = await find_head(connection, self.tenant, name)
            digests = frozenset(await version_rows.part_digests(connection, head.version_id))
            live = await learned_rows.load_live(connection, head, digests)
        return None if live is None else live[1]

    async def learned(self, name: str, number: int) -> LearnedContext:
        """A learned context by its number, with every note, whether it still holds or not."""
        async with self._database.reading() as connection:
            head = await find_head(connection, self.tenant, name)
            return await learned_rows.load_learned(connection, head, number)

    async def shown(self, name: str, number: int | None = None) -> Shown:
        """The learned contexts of a context and one of them with every note, the live one by default; of one moment.

        Raises:
            NotFound: no such context, or none of this number.
        """
        async with self._database.reading() as connection:
            head = await find_head(connection, self.tenant, name)
            context = await context_rows.load_context(connection, head)
            versions = await learned_rows.list_learned(connection, head)
            if number is None:
                number = next((entry.number for entry in versions if entry.status is Status.LIVE), None)
            learned = None if number is None else await learned_rows.load_learned(connection, head, number)
        return Shown(context, versions, next((entry for entry in versions if entry.number == number), None), learned)

    async def learned_versions(self, name: str) -> tuple[LearnedEntry, ...]:
        """One line per learned context, by number."""
        async with self._database.reading() as connection:
            return await learned_rows.list_learned(connection, await find_head(connection, self.tenant, name))

    async def record_query(self, query: Query) -> None:
        """Keep a query, once per id.

        Raises:
            NotText: its text holds a character that cannot be kept; check with `core.text.checked_text` before asking.
        """

        async def operation(connection: AsyncConnection) -> None:
            head = await find_head(connection, self.tenant, query.context)
            await query_rows.add_query(connection, self.tenant, head, query)

        await self._database.write(operation, in_a_hurry=True)

    async def queries(self, name: str | None = None) -> tuple[Query, ...]:
        """Queries of one context, or all (``None``), oldest first."""
        async with self._database.reading() as connection:
            head = None if name is None else await find_head(connection, self.tenant, name)
            return await query_rows.list_queries(connection, self.tenant, head)

    async def agent_queries(self, name: str, *, limit: int) -> Listed[AgentQuery]:
        """The newest queries about a context that an agent worked on, and how many there are."""
        async with self._database.reading() as connection:
            head = await find_head(connection, self.tenant, name)
            return await query_rows.list_agent_queries(connection, self.tenant, head, limit)
