"""PolicyStore: the policies of one tenant, and how its contexts stand with sleeping in the background.

Each method is one transaction: all of it is kept, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.policy import Policy
from sleeptime.core.trigger import Trigger
from sleeptime.store import job_rows, policy_rows, wake_rows
from sleeptime.store.context_rows import find_head, lock_head
from sleeptime.store.database import Database
from sleeptime.store.policy_rows import PolicyEntry
from sleeptime.store.wake_rows import Standing


class PolicyStore:
    """Policies of one tenant; it can neither see nor change those of another. Made by `Store.policies`.

    Raises, every method that names a context: `NotFound`, when there is none.
    """

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    async def standing(self, name: str) -> Standing:
        """The policy of a context, and how it stands with sleeping in the background."""
        async with self._database.reading() as connection:
            return await wake_rows.load_standing(connection, await find_head(connection, self._tenant, name))

    async def change(self, name: str, change: Callable[[Policy], Policy]) -> Policy:
        """Put what ``change`` makes of a context's policy in its place; what is due follows at once.

        Jobs that a trigger called for and that wait look again whether they still have to.

        Args:
            name: of the context.
            change: of the empty policy, where it has none. May be called again; what it raises leaves all as it was.
        """

        async def operation(connection: AsyncConnection) -> Policy:
            head = await lock_head(connection, self._tenant, name)
            policy = change(await policy_rows.load_policy(connection, head.id) or Policy())
            now = datetime.now(UTC)
            await policy_rows.save_policy(connection, head.id, policy, now)
            await wake_rows.settle(connection, head.id, now)
            await job_rows.look_again(connection, head.id)
            return policy

        return await self._database.write(operation)

    async def remove(self, name: str) -> bool:
        """Let a context have no policy, and nothing that calls it to sleep; jobs that are there go on.

        Returns:
            whether it had one.
        """

        async def operation(connection: AsyncConnection) -> bool:
            head = await lock_head(connection, self._tenant, name)
            was_there = await policy_rows.remove_policy(connection, head.id)
            await wake_rows.forget(connection, head.id)
            await job_rows.look_again(connection, head.id)
            return was_there

        return await self._database.write(operation)

    async def list(self, *, after: str = "", limit: int = 100) -> tuple[PolicyEntry, ...]:
        """One line per context that has a policy, by name: at most ``limit`` of those behind the name ``after``."""
        async with self._database.reading() as connection:
            return await policy_rows.list_policies(connection, self._tenant, after=after, limit=limit)

    async def wake_ups(self, *, limit: int = 100) -> tuple[tuple[str, datetime, Trigger], ...]:
        """The next contexts that are slept on: name, when (not before), and what calls for it then; soonest first."""
        async with self._database.reading() as connection:
            return (await wake_rows.list_wake_ups(connection, self._tenant, limit)).items
