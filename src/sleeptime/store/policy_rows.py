"""Rows of policies: when a context is slept on, and what that may cost.

Every function works on a connection whose transaction belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.errors import InputError, StoreError
from sleeptime.core.policy import Policy
from sleeptime.core.trigger import Trigger
from sleeptime.store.tables import ContextRow, PolicyRow, WakeUpRow


@dataclass(frozen=True, slots=True)
class PolicyEntry:
    """One policy in a list.

    Args:
        context: name of the context.
        policy: its policy.
        due_at: when the context is slept on next, not before; ``None`` when nothing waits for a moment.
        trigger: what calls for it then.
    """

    context: str
    policy: Policy
    due_at: datetime | None
    trigger: Trigger | None


async def load_policy(connection: AsyncConnection, context_id: int) -> Policy | None:
    """The policy of a context; None when it has none.

    Raises:
        StoreError: a newer version wrote it.
    """
    found = select(PolicyRow.body).where(PolicyRow.context_id == context_id)
    body = (await connection.execute(found)).scalar_one_or_none()
    return None if body is None else read_policy(body)


async def save_policy(connection: AsyncConnection, context_id: int, policy: Policy, now: datetime) -> None:
    """Let this be the policy of a context, whose row the caller has locked."""
    values = {"body": policy.as_dict(), "updated_at": now}
    known = update(PolicyRow).where(PolicyRow.context_id == context_id)
    if not (await connection.execute(known.values(values))).rowcount:
        await connection.execute(insert(PolicyRow).values(context_id=context_id, **values))


async def remove_policy(connection: AsyncConnection, context_id: int) -> bool:
    """Let a context, whose row the caller has locked, have no policy; whether it had one."""
    return bool((await connection.execute(delete(PolicyRow).where(PolicyRow.context_id == context_id))).rowcount)


async def list_policies(connection: AsyncConnection, tenant: str, *, after: str, limit: int) -> tuple[PolicyEntry, ...]:
    """One line per context that has a policy, by name: at most ``limit`` of those behind the name ``after``."""
    statement = (
        select(ContextRow.name, PolicyRow.body, WakeUpRow.due_at, WakeUpRow.trigger)
        .join(PolicyRow, PolicyRow.context_id == ContextRow.id)
        .outerjoin(WakeUpRow, WakeUpRow.context_id == ContextRow.id)
        .where(ContextRow.tenant == tenant, ContextRow.name > after)
        .order_by(ContextRow.name)
        .limit(limit)
    )
    return tuple(
        PolicyEntry(row.name, read_policy(row.body), row.due_at, row.trigger and Trigger(row.trigger))
        for row in await connection.execute(statement)
    )


def read_policy(body: Mapping[str, Any]) -> Policy:
    """The policy that a row holds.

    Raises:
        StoreError: a newer version wrote it.
    """
    try:
        return Policy().changed(body)
    except InputError as error:
        raise StoreError(f"a newer version of sleeptime wrote a policy that this one cannot read: {error}") from error
