"""Rows of wake-ups: which contexts a trigger calls to sleep, and when; each is handed out once.

A context has a row while it has a policy and stands at a version that no sleep has read. The row is written in the
transaction that makes it so, and holds what `core.trigger` needs to work out what is due, now or after a crash. A
query writes nothing here: whoever takes a wake-up looks up the last query, and puts it off when that is why it waits.

Every function works on a connection whose transaction belongs to the caller. The row of a context is the lock of its
wake-up: writers of one context take turns.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Subquery, and_, case, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.errors import StoreError
from sleeptime.core.job import JobState, Wanted
from sleeptime.core.policy import Policy
from sleeptime.core.trigger import Rest, Trigger, Unslept, WakeUp, next_wake_up, wake_ups
from sleeptime.store.context_rows import Head
from sleeptime.store.listed import Listed, listed
from sleeptime.store.policy_rows import read_policy
from sleeptime.store.tables import (
    ContextRow,
    ContextVersionRow,
    JobRow,
    PolicyRow,
    QueryRow,
    SleepStateRow,
    VersionPartRow,
    WakeUpRow,
)

PARKED: Final = timedelta(minutes=10)
"""A wake-up that waits for the end of a job is looked at again after this, should nobody have told of the end; so is
what only a newer version can read."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A wake-up that was handed out: a job is to be made of it, in the same transaction.

    Args:
        tenant: whom the context belongs to.
        head: the context, at the version that is to be read.
        policy: its policy.
        trigger: what called for it.
    """

    tenant: str
    head: Head
    policy: Policy
    trigger: Trigger


MakeJob = Callable[[AsyncConnection, Due], Awaitable[object]]
"""Makes the job of a wake-up. When it raises, no wake-up of the transaction was handed out."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a context stands with sleeping in the background.

    Args:
        tenant: whom it belongs to.
        head: the context.
        policy: its policy, ``None`` when it has none.
        unslept: what no sleep has taken up yet; ``None`` when that is nothing, or a job has taken it up.
        rest: how long it rests.
        is_slept: whether the last sleep had read the version it stands at.
        is_busy: whether triggers wait for a job on it: one that is not over, and stands still only if a user paused it.
        is_paused: whether a user paused one of these.
    """

    tenant: str
    head: Head
    policy: Policy | None
    unslept: Unslept | None
    rest: Rest
    is_slept: bool
    is_busy: bool
    is_paused: bool

    @property
    def is_called(self) -> bool:
        """Whether a trigger could call for a sleep on it."""
        return self.policy is not None and self.policy.is_on and not self.is_slept

    def wake_ups(self, now: datetime) -> tuple[WakeUp, ...]:
        """Every trigger that is set, the one that is due first before the others; none while nothing is unslept."""
        if self.policy is None or self.unslept is None or self.is_slept:
            return ()
        return wake_ups(self.policy, self.unslept, self.rest, now)


async def load_standing(connection: AsyncConnection, head: Head) -> Standing:
    """How the context stands.

    Raises:
        StoreError: a newer version wrote its policy.
    """
    (row,) = await _rows(connection, [head.id])
    return _standing(row)


async def settle(
    connection: AsyncConnection,
    context_id: int,
    now: datetime,
    *,
    has_changed: bool = False,
    is_called_again: bool = True,
) -> None:
    """Let the wake-up of a context follow from how it stands; one indexed look-up where it has no policy.

    To be called in the transaction in which it changed, was slept on, got another policy or was released, as the last
    thing that is done there.

    Args:
        now: when that was.
        has_changed: whether it stands at another version than before.
        is_called_again: whether a version that no sleep has read calls for one, also when nothing changed: after all
            but a job that a user ended or that was not worth its while.
    """
    locked = select(PolicyRow.context_id).join(ContextRow).where(ContextRow.id == context_id)
    if (await connection.execute(locked.with_for_update(of=ContextRow, key_share=True))).one_or_none() is None:
        return
    (row,) = await _rows(connection, [context_id])
    try:
        standing = _standing(row)
    except StoreError as error:  # whoever takes the wake-up may be able to read it
        _log.warning("context %r: %s", row.name, error)
        await _put(connection, row, Unslept(row.first_change_at or now, now), WakeUp(Trigger.CHANGE, now))
        return
    if not standing.is_called or not (standing.unslept or has_changed or is_called_again):
        await connection.execute(delete(WakeUpRow).where(WakeUpRow.context_id == context_id))
        return
    assert standing.policy is not None
    before = standing.unslept or Unslept(now, now, last_query_at=row.last_query_at)
    unslept = replace(
        before,
        last_change_at=now if has_changed else before.last_change_at,
        new_parts=0 if standing.policy.every is None else await _count_new_parts(connection, row),
    )
    await _put(connection, row, unslept, next_wake_up(standing.policy, unslept, standing.rest, now))


async def forget(connection: AsyncConnection, context_id: int) -> None:
    """Let nothing call a context to sleep, whose policy is gone; the caller has locked its row."""
    await connection.execute(delete(WakeUpRow).where(WakeUpRow.context_id == context_id))


async def claim_due(connection: AsyncConnection, now: datetime, limit: int, make_job: MakeJob) -> tuple[Due, ...]:
    """Take wake-ups that are due, and have a job made of each: both together or neither.

    Of processes that do so at once, each wake-up is taken by one. What turns out to wait longer (for a query that came
    since, a window that closed, or the end of a job) is put off; so the wake-ups taken may be fewer than ``limit``
    while more are due.

    Args:
        now: what is due by now is taken.
        limit: most contexts that are looked at, those that are due longest first.
        make_job: makes the job of a wake-up in the same transaction.
    """
    first = (
        select(WakeUpRow.context_id)
        .join(ContextRow, ContextRow.id == WakeUpRow.context_id)
        .where(WakeUpRow.due_at <= now)
        .order_by(WakeUpRow.due_at)
        .limit(limit)
        .with_for_update(of=ContextRow, key_share=True, skip_locked=True)
    )
    ids = tuple((await connection.execute(first)).scalars())
    rows = {row.id: row for row in await _rows(connection, ids)} if ids else {}
    # Read again now that they are locked: someone may have taken a wake-up, or put it off, between the two statements.
    looked_at = [await _due(connection, rows[context_id], now) for context_id in ids if context_id in rows]
    taken = tuple(due for due in looked_at if due is not None)
    if taken:
        of_taken = WakeUpRow.context_id.in_([due.head.id for due in taken])
        await connection.execute(delete(WakeUpRow).where(of_taken))
    for due in taken:
        await make_job(connection, due)
    return taken


async def next_due(connection: AsyncConnection) -> datetime | None:
    """When `claim_due` has something to look at; None while nothing waits for a moment."""
    return (await connection.execute(select(func.min(WakeUpRow.due_at)))).scalar_one()


async def list_wake_ups(
    connection: AsyncConnection, tenant: str, limit: int, *, head: Head | None = None
) -> Listed[tuple[str, datetime, Trigger]]:
    """The next contexts of a tenant that are slept on: name, when (not before), and what calls for it then.

    Args:
        tenant: whose contexts.
        limit: most that are listed.
        head: of the only context that is looked at.
    """
    mine = WakeUpRow.tenant == tenant if head is None else WakeUpRow.context_id == head.id
    statement = (
        select(ContextRow.name, WakeUpRow.due_at, WakeUpRow.trigger)
        .join(ContextRow, ContextRow.id == WakeUpRow.context_id)
        .where(mine, WakeUpRow.due_at.is_not(None))
        .order_by(WakeUpRow.due_at)
    )
    counted = select(WakeUpRow.due_at).where(mine, WakeUpRow.due_at.is_not(None))
    return await listed(
        connection, statement, lambda row: (row.name, row.due_at, Trigger(row.trigger)), limit, counted=counted
    )


async def _due(connection: AsyncConnection, row: Any, now: datetime) -> Due | None:
    """What a wake-up is when it is due; else it is put off for as long as it waits."""
    mine = WakeUpRow.context_id == row.id
    if row.first_change_at is None:
        return None
    try:
        standing = _standing(row)
    except StoreError as error:
        _log.warning("context %r: %s", row.name, error)
        await connection.execute(update(WakeUpRow).where(mine).values(due_at=now + PARKED))
        return None
    if not standing.is_called:
        await connection.execute(delete(WakeUpRow).where(mine))
        return None
    assert standing.policy is not None
    assert standing.unslept is not None
    wake_up = next_wake_up(standing.policy, standing.unslept, standing.rest, now)
    if wake_up is None or wake_up.at is None or wake_up.at > now:
        await _put(connection, row, standing.unslept, wake_up)
        return None
    if standing.is_busy:
        await connection.execute(update(WakeUpRow).where(mine).values(due_at=now + PARKED))
        return None
    return Due(standing.tenant, standing.head, standing.policy, wake_up.trigger)


async def _count_new_parts(connection: AsyncConnection, row: Any) -> int:
    """Parts of the present version that the last sleep had not read, by their text and how often it is there."""
    known = select(*ContextVersionRow.__table__.columns).where(
        ContextVersionRow.context_id == row.id, ContextVersionRow.version.in_([row.version, row.slept_version or ""])
    )
    versions = {found.version: found for found in await connection.execute(known)}
    new, old = versions[row.version], versions.get(row.slept_version)
    if old is None:
        return int(new.num_parts)
    if _line(new) == _line(old) and new.num_parts >= old.num_parts:  # it only grew
        return int(new.num_parts - old.num_parts)
    now, before = _texts(new), _texts(old)
    more = now.c.times - func.coalesce(before.c.times, 0)
    statement = select(func.coalesce(func.sum(case((more > 0, more), else_=0)), 0))
    joined = now.outerjoin(before, before.c.part_id == now.c.part_id)
    return int((await connection.execute(statement.select_from(joined))).scalar_one())


def _line(version: Any) -> int:
    """The version that holds its rows in version_part."""
    return int(version.id if version.line_id is None else version.line_id)


def _texts(version: Any) -> Subquery:
    """The texts of a version, and how often each is there."""
    parts = select(VersionPartRow.part_id, func.count().label("times"))
    parts = parts.where(VersionPartRow.version_id == _line(version), VersionPartRow.position < version.num_parts)
    return parts.group_by(VersionPartRow.part_id).subquery()


async def _put(connection: AsyncConnection, row: Any, unslept: Unslept, wake_up: WakeUp | None) -> None:
    values = {
        "first_change_at": unslept.first_change_at,
        "last_change_at": unslept.last_change_at,
        "new_parts": unslept.new_parts,
        "due_at": None if wake_up is None else wake_up.at,
        "trigger": None if wake_up is None else wake_up.trigger,
    }
    known = update(WakeUpRow).where(WakeUpRow.context_id == row.id)
    if not (await connection.execute(known.values(values))).rowcount:
        await connection.execute(insert(WakeUpRow).values(context_id=row.id, tenant=row.tenant, **values))


async def _rows(connection: AsyncConnection, context_ids: Sequence[int]) -> Sequence[Any]:
    """All that says how contexts stand, each found by index."""
    last_query = select(func.max(QueryRow.at)).where(QueryRow.context_id == ContextRow.id).scalar_subquery()
    job = exists().where(JobRow.context_id == ContextRow.id, JobRow.finished_at.is_(None))
    statement = (
        select(
            ContextRow.id,
            ContextRow.tenant,
            ContextRow.name,
            ContextRow.version,
            ContextVersionRow.id.label("version_id"),
            PolicyRow.body,
            WakeUpRow.first_change_at,
            WakeUpRow.last_change_at,
            WakeUpRow.new_parts,
            SleepStateRow.slept_version,
            SleepStateRow.slept_at,
            SleepStateRow.rests_until,
            SleepStateRow.quarantined_at,
            last_query.label("last_query_at"),
            job.where(or_(JobRow.state != JobState.PAUSED, JobRow.wanted == Wanted.PAUSE)).label("is_busy"),
            job.where(JobRow.state == JobState.PAUSED, JobRow.wanted == Wanted.PAUSE).label("is_paused"),
        )
        .join(
            ContextVersionRow,
            and_(ContextVersionRow.context_id == ContextRow.id, ContextVersionRow.version == ContextRow.version),
        )
        .outerjoin(PolicyRow, PolicyRow.context_id == ContextRow.id)
        .outerjoin(WakeUpRow, WakeUpRow.context_id == ContextRow.id)
        .outerjoin(SleepStateRow, SleepStateRow.context_id == ContextRow.id)
        .where(ContextRow.id.in_(context_ids))
    )
    return (await connection.execute(statement)).all()


def _standing(row: Any) -> Standing:
    unslept = None
    if row.first_change_at is not None:
        unslept = Unslept(row.first_change_at, row.last_change_at, row.new_parts, row.last_query_at)
    return Standing(
        tenant=row.tenant,
        head=Head(row.id, row.name, row.version, row.version_id),
        policy=None if row.body is None else read_policy(row.body),
        unslept=unslept,
        rest=Rest(row.slept_at, row.rests_until, is_quarantined=row.quarantined_at is not None),
        is_slept=row.slept_version == row.version,
        is_busy=bool(row.is_busy),
        is_paused=bool(row.is_paused),
    )
