"""Rows of jobs: asked for once, taken by one worker at a time, and finished together with what they wrote.

Every function works on a connection whose transaction belongs to the caller. What acts for a run names it, and does
nothing when that run has passed: `core.job.JobState` has the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.errors import StoreError
from sleeptime.core.job import IN_QUEUE, MAX_DEATHS, Ending, Job, JobState, NewJob, Wanted, work_digest
from sleeptime.core.outcome import Outcome
from sleeptime.core.text import kept_text
from sleeptime.core.trigger import Trigger
from sleeptime.store import ledger_rows
from sleeptime.store.context_rows import Head, find_head
from sleeptime.store.entry import Status
from sleeptime.store.listed import Listed, listed
from sleeptime.store.policy_rows import load_policy
from sleeptime.store.tables import ContextRow, JobRow, LearnedRow
from sleeptime.store.wake_rows import PARKED, settle

CANCELLED: Final = Ending(Outcome.SKIPPED, "cancelled")

_UNFINISHED: Final = JobRow.finished_at.is_(None)
# Written out, for an engine uses a partial index only where it sees that the condition holds.
_IS_UNASSIGNED: Final = and_(JobRow.state == literal_column(f"'{JobState.QUEUED}'"), JobRow.worker.is_(None))
_IS_WAITING: Final = JobRow.state == literal_column(f"'{JobState.WAITING}'")


@dataclass(frozen=True, slots=True)
class Assigned:
    """A run that a worker is to hand to the queue."""

    job_id: str
    run: int
    tenant: str
    priority: int


async def add_job(
    connection: AsyncConnection, tenant: str, head: Head, new: NewJob, *, now: datetime
) -> tuple[Job, bool]:
    """Queue a job, unless one for the same work is not over yet.

    Returns:
        the job, and whether it is new. One that is not goes on when a user asks for it now, whatever it waits for, and
        is by hand from here on, under the caps that come with it now. When a trigger does, it goes on if it stands
        still though no user paused it.
    """
    found = await _same_work(connection, head.id, new.work)
    if found is not None:
        if new.trigger == Trigger.HAND:
            asked_for = {"trigger": new.trigger, "priority": new.priority, "settings": dict(new.settings)}
            await _set(connection, found.id, asked_for)
            await go_on(connection, found.id)
        elif found.state is JobState.PAUSED and found.wanted is not Wanted.PAUSE:
            await resume(connection, found.id)
        return await _known(connection, found.id), False
    values = {
        "id": new.id,
        "tenant": tenant,
        "context_id": head.id,
        "context_version": new.context_version,
        "work": new.work,
        "settings": dict(new.settings),
        "trigger": new.trigger,
        "priority": new.priority,
        "state": JobState.QUEUED,
        "wanted": Wanted.RUN,
        "reason": "",
        "drafts": new.drafts,
        "drafts_done": 0,
        "run": 1,
        "deaths": 0,
        "created_at": now,
    }
    await connection.execute(insert(JobRow).values(values))
    return await _known(connection, new.id), True


async def _same_work(connection: AsyncConnection, context_id: int, work: str) -> Job | None:
    same = _jobs().where(JobRow.context_id == context_id, JobRow.work == work, _UNFINISHED)
    found = (await connection.execute(same)).one_or_none()
    return None if found is None else _job(found)


async def load_job(connection: AsyncConnection, job_id: str, *, tenant: str | None = None) -> Job | None:
    """The job of this id; of this tenant, if one is named."""
    statement = _jobs().where(JobRow.id == job_id)
    if tenant is not None:
        statement = statement.where(JobRow.tenant == tenant)
    found = (await connection.execute(statement)).one_or_none()
    return None if found is None else _job(found)


async def list_jobs(
    connection: AsyncConnection, tenant: str, *, head: Head | None = None, limit: int = 100
) -> tuple[Job, ...]:
    """The oldest jobs that are not over, and before them the youngest that are: at most ``limit`` of each, by age."""
    mine = JobRow.context_id == head.id if head is not None else JobRow.tenant == tenant
    over = _jobs().where(mine, JobRow.state == JobState.OVER)
    over = over.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
    unfinished = _jobs().where(mine, JobRow.state.in_(sorted(set(JobState) - {JobState.OVER})))
    unfinished = unfinished.order_by(JobRow.created_at, JobRow.id).limit(limit)
    done = [_job(row) for row in await connection.execute(over)]
    return (*reversed(done), *[_job(row) for row in await connection.execute(unfinished)])


async def list_in(
    connection: AsyncConnection, tenant: str, state: JobState, *, head: Head | None, limit: int
) -> Listed[Job]:
    """The oldest jobs that stand in a state, which is not over: of one context, or of all."""
    mine = JobRow.tenant == tenant if head is None else and_(JobRow.context_id == head.id, _UNFINISHED)
    statement = _jobs().where(mine, JobRow.state == state).order_by(JobRow.created_at, JobRow.id)
    counted = select(JobRow.state).where(mine, JobRow.state == state)
    return await listed(connection, statement, _job, limit, counted=counted)


async def unfinished_jobs(connection: AsyncConnection, head: Head) -> tuple[Job, ...]:
    """Every job of a context that is not over, oldest first."""
    statement = _jobs().where(JobRow.context_id == head.id, _UNFINISHED).order_by(JobRow.created_at, JobRow.id)
    return tuple(_job(row) for row in await connection.execute(statement))


async def assign(connection: AsyncConnection, worker: str, limit: int) -> tuple[Assigned, ...]:
    """Queued jobs that nobody has handed to the queue yet: this worker is to do it, in the order in which they go.

    Tenants take turns: first the first of each, then the second of each. So all that nobody has handed over are looked
    at, by an index that holds no others.
    """
    order = (JobRow.priority, JobRow.created_at)
    place = func.row_number().over(partition_by=JobRow.tenant, order_by=order).label("place")
    placed = select(JobRow.id, *order, place).where(_IS_UNASSIGNED).subquery()
    in_turn = (placed.c.place, placed.c.priority, placed.c.created_at)
    first = select(placed).order_by(*in_turn).limit(limit).subquery()
    free = select(JobRow.id).join(first, first.c.id == JobRow.id).where(_IS_UNASSIGNED)
    free = free.order_by(first.c.place, first.c.priority, first.c.created_at)
    free = free.with_for_update(of=JobRow, skip_locked=True)
    ids = tuple((await connection.execute(free)).scalars())
    if not ids:
        return ()
    statement = (
        update(JobRow)
        .where(JobRow.id.in_(ids), _IS_UNASSIGNED)
        .values(worker=worker)
        .returning(JobRow.id, JobRow.run, JobRow.tenant, JobRow.priority)
    )
    rows = {row.id: Assigned(*row) for row in await connection.execute(statement)}
    return tuple(rows[job_id] for job_id in ids if job_id in rows)


async def has_something(connection: AsyncConnection, *, now: datetime) -> bool:
    """Whether a job is to be handed to the queue, or has waited long enough."""
    unassigned, waiting = exists().where(_IS_UNASSIGNED), exists().where(_IS_WAITING, JobRow.due_at <= now)
    return bool((await connection.execute(select(or_(unassigned, waiting)))).scalar_one())


async def hand_over(connection: AsyncConnection, worker: str, job_ids: Sequence[str], *, is_done: bool) -> None:
    """Keep that the queue has jobs which this worker was to hand to it; or leave them to whoever is next."""
    mine = update(JobRow).where(JobRow.id.in_(job_ids), JobRow.worker == worker, JobRow.state == JobState.QUEUED)
    await connection.execute(mine.values(worker=IN_QUEUE if is_done else None))


async def list_in_queue(connection: AsyncConnection, after: str, limit: int) -> tuple[tuple[str, int], ...]:
    """Id and run of jobs that the queue should have, by id, behind the id ``after``."""
    statement = (
        select(JobRow.id, JobRow.run)
        .where(JobRow.worker == IN_QUEUE, _UNFINISHED, JobRow.state == JobState.QUEUED, JobRow.id > after)
        .order_by(JobRow.id)
        .limit(limit)
    )
    return tuple((row.id, row.run) for row in await connection.execute(statement))


async def queue_again(connection: AsyncConnection, job_id: str, run: int) -> bool:
    """Have a queued job handed to the queue again, which has lost it; False when it has begun meanwhile."""
    lost = and_(JobRow.id == job_id, JobRow.run == run, JobRow.state == JobState.QUEUED)
    return bool((await connection.execute(update(JobRow).where(lost).values(_queued()))).rowcount)


async def take(connection: AsyncConnection, job_id: str, run: int, worker: str, *, now: datetime) -> Job | None:
    """Let the worker run a queued job; None when this run is not queued any more.

    A job that begins for the first time reads the context as it stands now, and builds on what is live now. Should
    another job do that same work already, this one is over. One that a trigger called for begins only while the window
    of its policy is open, and waits for that; one that has begun goes on at any time.
    """
    queued = and_(JobRow.id == job_id, JobRow.run == run, JobRow.state == JobState.QUEUED)
    locked = select(JobRow.id).where(queued).with_for_update()
    if (await connection.execute(locked)).one_or_none() is None:
        return None
    values: dict[str, Any] = {"state": JobState.RUNNING, "worker": worker, "drafts_done": 0}
    job = await _known(connection, job_id)
    if job.started_at is None:
        head = await find_head(connection, job.tenant, job.context)
        if job.trigger != Trigger.HAND and (hold := await _hold(connection, head, now)) is not None:
            await _set(connection, job_id, hold)
            return None
        work = work_digest(head.version, job.settings)
        if work != job.work and (other := await _same_work(connection, head.id, work)) is not None:
            reason = f"the context changed before it began, and job {other.id} reads it as it stands"
            await _end(connection, queued, Ending(Outcome.SKIPPED, reason), now)
            return None
        # Before what is live: a decision in between is then one that came while the job ran.
        decided = select(ContextRow.decisions).where(ContextRow.id == head.id)
        values["decisions"] = (await connection.execute(decided)).scalar_one()
        live = select(LearnedRow.number).where(LearnedRow.context_id == head.id, LearnedRow.status == Status.LIVE)
        live = live.with_for_update(read=True, key_share=True)  # it is not pruned before this job builds on it
        base = (await connection.execute(live)).scalar_one_or_none()
        values |= {"context_version": head.version, "work": work, "base": base, "started_at": now}
    await connection.execute(update(JobRow).where(queued).values(values))
    return await _known(connection, job_id)


async def _hold(connection: AsyncConnection, head: Head, now: datetime) -> dict[str, Any] | None:
    """What keeps a trigger's job on a context from beginning now, as values of its row; None when nothing does."""
    try:
        policy = await load_policy(connection, head.id)
    except StoreError as error:  # a worker of the newer version may take it then
        return _waiting(now + PARKED, str(error))
    if policy is None or policy.window is None or (opening := policy.window.next_opening(now)) <= now:
        return None
    return _waiting(opening, f"its window is {policy.window}")


async def wanted(connection: AsyncConnection, job_id: str, run: int) -> Wanted | None:
    """What is wanted of a running job; None when this run has passed."""
    statement = select(JobRow.wanted).where(_is_running(job_id, run))
    found = (await connection.execute(statement)).scalar_one_or_none()
    return None if found is None else Wanted(found)


async def progress(connection: AsyncConnection, job_id: str, run: int, drafts_done: int, drafts: int) -> None:
    """Keep how many drafts this run has made, and of how many; it never falls back."""
    further = and_(_is_running(job_id, run), JobRow.drafts_done < drafts_done)
    await connection.execute(update(JobRow).where(further).values(drafts_done=drafts_done, drafts=drafts))


async def finish(connection: AsyncConnection, job_id: str, run: int, ending: Ending, *, now: datetime) -> int | None:
    """Let a running job be over; row id of its context, or None, and nothing changes, when this run has passed."""
    return await _end(connection, _is_running(job_id, run), ending, now)


async def wait(connection: AsyncConnection, job_id: str, run: int, until: datetime, reason: str) -> bool:
    """Let a running job wait for a moment; False when this run has passed."""
    statement = update(JobRow).where(_is_running(job_id, run), JobRow.wanted == Wanted.RUN)
    return bool((await connection.execute(statement.values(_waiting(until, reason)))).rowcount)


async def end_waiting(connection: AsyncConnection, limit: int, *, now: datetime) -> int:
    """Queue another run of waiting jobs whose moment has come; their number."""
    due = (
        select(JobRow.id)
        .where(_IS_WAITING, JobRow.due_at <= now)
        .order_by(JobRow.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = tuple((await connection.execute(due)).scalars())
    statement = update(JobRow).where(JobRow.id.in_(ids), _IS_WAITING)
    return (await connection.execute(statement.values(_queued()))).rowcount if ids else 0


async def look_again(connection: AsyncConnection, context_id: int) -> None:
    """Queue another run of the jobs of a context that a trigger called for and that wait: its policy has changed, and
    with it perhaps the window that they wait for."""
    called = and_(JobRow.context_id == context_id, _UNFINISHED, JobRow.trigger != Trigger.HAND)
    await connection.execute(update(JobRow).where(called, JobRow.state == JobState.WAITING).values(_queued()))


async def give_up(
    connection: AsyncConnection,
    job_id: str,
    run: int,
    *,
    now: datetime,
    is_interrupted: bool = False,
    reason: str = "",
) -> JobState | None:
    """End this run of a running job before its end.

    Args:
        is_interrupted: whether it is to stand still unless more is wanted of it.
        reason: why it stands still then.

    Returns:
        where the job stands now: over or paused when a user wanted that, else queued again; None when this run had
        passed.
    """
    found = select(JobRow.wanted, JobRow.context_id).where(_is_running(job_id, run)).with_for_update()
    row = (await connection.execute(found)).one_or_none()
    if row is None:
        return None
    want: str = row.wanted
    if want == Wanted.CANCEL:
        await _cancel(connection, _is_running(job_id, run), now)
        return JobState.OVER
    still = _paused_by_user() if want == Wanted.PAUSE else _paused(reason)
    values = still if want == Wanted.PAUSE or is_interrupted else _queued()
    await connection.execute(update(JobRow).where(_is_running(job_id, run)).values(values))
    if values["state"] == JobState.PAUSED:
        await settle(connection, row.context_id, now, is_called_again=False)
    return JobState(values["state"])


async def jobs_run_by(connection: AsyncConnection, worker: str) -> tuple[Job, ...]:
    """The jobs that a worker runs."""
    statement = _jobs().where(JobRow.worker == worker, _UNFINISHED, JobRow.state == JobState.RUNNING)
    return tuple(_job(row) for row in await connection.execute(statement.order_by(JobRow.id)))


async def free_jobs_of(
    connection: AsyncConnection, worker: str, *, is_dead: bool, now: datetime
) -> tuple[tuple[str, int], ...]:
    """Take every job from a worker that is gone; id and run of those that it ran.

    One whose model lived in that program alone stands still, for no other worker can run it; and so does one with which
    too many workers died.
    """
    jobs = await jobs_run_by(connection, worker)
    for job in jobs:
        deaths = job.deaths + is_dead
        await connection.execute(update(JobRow).where(_is_running(job.id, job.run)).values(deaths=deaths))
        reason = ""
        if job.settings.get("model") is None:
            reason = "the program that brought its model is gone; sleep again from one that has it"
        elif deaths >= MAX_DEATHS:
            reason = f"{deaths} workers died while they ran it; `sleeptime jobs resume {job.id}` tries once more"
        await give_up(connection, job.id, job.run, now=now, is_interrupted=bool(reason), reason=reason)
    handed = update(JobRow).where(JobRow.worker == worker, _UNFINISHED, JobRow.state == JobState.QUEUED)
    await connection.execute(handed.values(worker=None))
    return tuple((job.id, job.run) for job in jobs)


async def pause(connection: AsyncConnection, job_id: str) -> None:
    """A job that is not over is to stand still: at once, or before its next call when it runs."""
    match await _locked_state(connection, job_id):
        case JobState.RUNNING:
            await _set(connection, job_id, {"wanted": Wanted.PAUSE})
        case JobState.QUEUED | JobState.WAITING | JobState.PAUSED:
            await _set(connection, job_id, _paused_by_user())


async def resume(connection: AsyncConnection, job_id: str) -> None:
    """A job that is not over is to go on; one that stands still is queued again."""
    match await _locked_state(connection, job_id):
        case JobState.RUNNING:
            await _set(connection, job_id, {"wanted": Wanted.RUN})
        case JobState.PAUSED:
            await _set(connection, job_id, _queued())


async def go_on(connection: AsyncConnection, job_id: str) -> None:
    """As `resume`, and a job that waits for a moment waits no longer."""
    await _wait_no_longer(connection, job_id)
    await resume(connection, job_id)


async def cancel(connection: AsyncConnection, job_id: str, *, now: datetime) -> None:
    """A job that is not over is to end without a result: at once, or before its next call when it runs."""
    match await _locked_state(connection, job_id):
        case JobState.RUNNING:
            await _set(connection, job_id, {"wanted": Wanted.CANCEL})
        case JobState.QUEUED | JobState.WAITING | JobState.PAUSED:
            await _cancel(connection, JobRow.id == job_id, now)


async def _cancel(connection: AsyncConnection, chosen: ColumnElement[bool], now: datetime) -> None:
    """Let a job end without a result; what changed meanwhile waits for it no longer."""
    context_id = await _end(connection, chosen, CANCELLED, now)
    if context_id is not None:
        await settle(connection, context_id, now, is_called_again=False)


async def _wait_no_longer(connection: AsyncConnection, job_id: str) -> None:
    if await _locked_state(connection, job_id) is JobState.WAITING:
        await _set(connection, job_id, _queued())


async def _locked_state(connection: AsyncConnection, job_id: str) -> JobState | None:
    """Where a job stands, and will stand until the transaction ends unless it moves it itself."""
    statement = select(JobRow.state).where(JobRow.id == job_id).with_for_update()
    found = (await connection.execute(statement)).scalar_one_or_none()
    return None if found is None else JobState(found)


async def _set(connection: AsyncConnection, job_id: str, values: dict[str, Any]) -> None:
    await connection.execute(update(JobRow).where(JobRow.id == job_id).values(values))


async def _known(connection: AsyncConnection, job_id: str) -> Job:
    """The job of an id that is there."""
    job = await load_job(connection, job_id)
    assert job is not None, "jobs are never removed by themselves"
    return job


def _is_running(job_id: str, run: int) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.run == run, JobRow.state == JobState.RUNNING)


def _queued() -> dict[str, Any]:
    still = {"worker": None, "due_at": None, "reason": "", "wanted": Wanted.RUN}
    return {"state": JobState.QUEUED, "run": JobRow.run + 1, **still}


def _waiting(until: datetime, reason: str) -> dict[str, Any]:
    return {"state": JobState.WAITING, "worker": None, "due_at": until, "reason": kept_text(reason)}


def _paused(reason: str) -> dict[str, Any]:
    still = {"worker": None, "due_at": None, "reason": kept_text(reason), "wanted": Wanted.RUN}
    return {"state": JobState.PAUSED, **still}


def _paused_by_user() -> dict[str, Any]:
    return {**_paused(""), "wanted": Wanted.PAUSE}


async def _end(connection: AsyncConnection, chosen: ColumnElement[bool], ending: Ending, now: datetime) -> int | None:
    """Let a job be over, and forget the replies that only another run of it would read; row id of its context."""
    values = {
        "state": JobState.OVER,
        "outcome": ending.outcome,
        "reason": kept_text(ending.reason),
        "learned": ending.learned,
        "digest": ending.digest,
        "due_at": None,
        "finished_at": now,
    }
    statement = update(JobRow).where(chosen, _UNFINISHED).values(values)
    ended = (await connection.execute(statement.returning(JobRow.tenant, JobRow.id, JobRow.context_id))).one_or_none()
    if ended is None:
        return None
    await ledger_rows.close_job(connection, ended.tenant, ended.id)
    context_id: int = ended.context_id
    return context_id


def _jobs() -> Select[*tuple[Any, ...]]:
    return select(*JobRow.__table__.columns, ContextRow.name.label("context")).join(
        ContextRow, ContextRow.id == JobRow.context_id
    )


def _job(row: Any) -> Job:
    return Job(
        id=row.id,
        tenant=row.tenant,
        context=row.context,
        context_version=row.context_version,
        work=row.work,
        settings=row.settings,
        drafts=row.drafts,
        trigger=row.trigger,
        priority=row.priority,
        state=JobState(row.state),
        wanted=Wanted(row.wanted),
        run=row.run,
        drafts_done=row.drafts_done,
        base=row.base,
        deaths=row.deaths,
        worker=row.worker,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        reason=row.reason,
        learned=row.learned,
        digest=row.digest,
        created_at=row.created_at,
        due_at=row.due_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
