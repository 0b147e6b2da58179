"""SleepJob: one run of a job, from its row to its end; the same in a worker and where a user waits for it.

A run begins at the beginning. Calls that were answered in an earlier run are answered from the ledger, so it comes to
where that one stopped without paying again. Its end is one transaction: what it learned is served and the job is over,
or neither.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from pydantic_ai.models import Model
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.back_off import BackOff
from sleeptime.core.call import CallLedger, Phase
from sleeptime.core.caps import Caps
from sleeptime.core.errors import CapReached, NotNow, SleeptimeError, StoreError
from sleeptime.core.job import Ending, Job, JobState
from sleeptime.core.lane import QUERIES
from sleeptime.core.note import LearnedContext
from sleeptime.core.outcome import Outcome
from sleeptime.core.policy import Policy
from sleeptime.core.price import Tier
from sleeptime.core.totals import Totals
from sleeptime.gate.caps import PatientLedger, UnderWay
from sleeptime.jobs.brake import BrakedCalls
from sleeptime.jobs.snapshot import settings_of, sleep_settings
from sleeptime.jobs.study import study_of
from sleeptime.jobs.watch import WatchedCalls
from sleeptime.models.batch import JobBatches
from sleeptime.models.budgets import sleep_effort
from sleeptime.models.metered import MeteredModel
from sleeptime.models.retry import RetryModel
from sleeptime.models.tiers import tier_settings
from sleeptime.models.traffic import Traffic
from sleeptime.settings import Settings, changed_settings
from sleeptime.sleep.outcome import SleepResult
from sleeptime.sleep.sleep import sleep_on
from sleeptime.store.calls import StoredCalls
from sleeptime.store.context_rows import Head
from sleeptime.store.entry import Committed
from sleeptime.store.outage import outlast
from sleeptime.store.store import Store
from sleeptime.store.work_store import end_job
from sleeptime.telemetry.sleep_span import sleep_span
from sleeptime.telemetry.telemetry import SILENT, Telemetry

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told after every draft: how many are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Means:
    """What all runs in one process share.

    Args:
        store: of any tenant.
        settings: of this process; a job brings those that decide what it writes.
        open_model: the model that settings name; it stays open.
        rng: draws the jitter of retries.
        worker_id: who this process is.
        is_stopping: whether runs are to stop before their next call.
        under_way: the calls of this process.
        traffic: of this process to providers; None keeps no limits.
        back_off: how long contexts rest after a sleep.
        telemetry: what is told of runs.
    """

    store: Store
    settings: Settings
    open_model: Callable[[Settings], Awaitable[Model]]
    rng: Random
    worker_id: str = ""
    is_stopping: Callable[[], bool] = lambda: False
    under_way: UnderWay = field(default_factory=UnderWay)
    traffic: Traffic | None = None
    back_off: BackOff = field(default_factory=BackOff)
    telemetry: Telemetry = SILENT


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a run.

    Args:
        state: where the job stands now; None when the run had passed, and others have the job.
        outcome: how the job ended, when it is over.
        result: what the sleep came to, when it came to its end.
        committed: what became of what it wrote, when it wrote.
        error: why it failed, when an error of ours says so.
        wait: what it waits for, when it does.
    """

    state: JobState | None
    outcome: Outcome | None = None
    result: SleepResult | None = None
    committed: Committed | None = None
    error: SleeptimeError | None = None
    wait: NotNow | None = None


class RunPassed(SleeptimeError):
    """The run of a job has passed while it was under way: nothing of its end is kept."""


class SleepJob:
    """One run of a job, which this worker has taken.

    Args:
        means: what runs share.
        job: as it was taken.
        progress: told after every draft.
    """

    def __init__(self, means: Means, job: Job, *, given: Model | None = None, progress: Progress | None = None) -> None:
        self._means = means
        self._job = job
        self._given = given
        self._progress = progress
        self._store = means.store.for_tenant(job.tenant)
        self._brake: BrakedCalls | None = None
        self._stored: StoredCalls | None = None

    async def run(self) -> Ran:
        """Run it; whatever comes of it is kept.

        Raises:
            StoreError: the database is away, and the job stays as it is.
        """
        with sleep_span(self._means.telemetry, self._job) as told:
            ran = await self._run()
            written = ran.result.learned if ran.result is not None and ran.outcome is Outcome.WROTE else None
            told(ran.state, ran.outcome, written, Totals.of(self._stored.ended if self._stored is not None else ()))
            return ran

    async def _run(self) -> Ran:
        try:
            return await self._sleep()
        except RunPassed:
            return Ran(None)
        except StoreError:
            raise
        except NotNow as wait:
            return await self._stand_by(wait)
        except CapReached as error:
            return await self._over(Ending(Outcome.CAPPED, str(error)))
        except SleeptimeError as error:
            return await self._over(Ending(Outcome.FAILED, f"{type(error).__name__}: {error}"), error=error)
        except Exception as error:  # the edge of a job: whatever happened, it is over and says so
            log.exception("job %s on context %r failed", self._job.id, self._job.context)
            return await self._over(Ending(Outcome.FAILED, f"{type(error).__name__}: {error}"))

    async def _sleep(self) -> Ran:
        job, store = self._job, self._store
        policy = (await store.policies.standing(job.context)).policy or Policy()
        settings = changed_settings(settings_of(job, self._means.settings), **policy.limits)
        model = await self._means.open_model(settings)
        await QUERIES.let_pass()
        unstudied = await store.unstudied(job.context, job.context_version, job.base)
        ledger, telemetry = self._ledger(model, settings.caps), self._means.telemetry
        seen, counted = telemetry.instrumented(model), telemetry.led(ledger, model)
        is_batch = settings.tier is Tier.BATCH
        batches = JobBatches(model, store.batches, job.id, settings.batch) if is_batch else None

        def of_draft(draft: int) -> Model:
            metered = MeteredModel(
                seen,
                counted,
                phase=Phase.SLEEP,
                context=job.context,
                job_id=job.id,
                draft=draft,
                tier=settings.tier,
                batches=batches,
                max_output_tokens=settings.max_output_tokens if settings.caps else None,
            )
            return RetryModel(metered, rng=self._means.rng)

        study = await study_of(store, model, unstudied, settings)
        told = _Told(self._means.store, job, self._progress)
        result = await sleep_on(
            of_draft,
            unstudied.context,
            sleep_settings(model, settings),
            agenda=study.agenda,
            live=unstudied.base,
            model_settings={**sleep_effort(model, settings.effort), **tier_settings(model, settings.tier)},
            progress=told,
            maker=study.maker,
            telemetry=telemetry,
        )
        await told.kept()
        await QUERIES.let_pass()
        if result.learned is None:
            return await self._over(Ending(result.outcome, result.reason or result.outcome.value), result=result)
        committed = await self._commit(result.learned, result, settings)
        return Ran(JobState.OVER, committed.outcome, result, committed)

    def _ledger(self, model: Model, caps: Caps) -> CallLedger:
        means = self._means
        self._stored = StoredCalls(self._store, caps, worker=means.worker_id)
        self._brake = BrakedCalls(self._stored, means.store.work, self._job, means.is_stopping)
        patient = PatientLedger(self._brake, means.under_way)
        ledger = patient if means.traffic is None else means.traffic.led(patient, model)
        return WatchedCalls(ledger, self._brake)

    async def _commit(self, learned: LearnedContext, result: SleepResult, settings: Settings) -> Committed:
        """Keep what was learned and let the job be over, in one transaction."""
        job = self._job

        async def end(connection: AsyncConnection, head: Head, committed: Committed) -> None:
            reason = "; ".join(text for text in (committed.told(job.context), result.reason) if text)
            is_written = committed.outcome is Outcome.WROTE
            written = (committed.number, learned.digest, result.left) if is_written else (None, None, None)
            ending = Ending(committed.outcome, reason, *written)
            if not await end_job(connection, job, ending, self._means.back_off):
                raise RunPassed(f"another run of job {job.id} has begun")

        return await outlast(
            partial(
                self._store.commit_sleep,
                learned,
                job_id=job.id,
                prompt_digest=result.prompt_digest,
                check=settings.acceptance_rules.check,
                needs_approval=settings.approve,
                keep=settings.keep,
                also=end,
            )
        )

    async def _stand_by(self, wait: NotNow) -> Ran:
        """Wait for a moment, or stop, if that is why."""
        work, is_stopped = self._means.store.work, self._brake is not None and self._brake.is_pulled
        if not is_stopped and await outlast(partial(work.wait, self._job, wait.until, str(wait))):
            return Ran(JobState.WAITING, wait=wait)
        state = await outlast(partial(work.give_up, self._job))
        return Ran(state, Outcome.SKIPPED if state is JobState.OVER else None)  # over is one that was cancelled

    async def _over(
        self, ending: Ending, *, result: SleepResult | None = None, error: SleeptimeError | None = None
    ) -> Ran:
        is_mine = await outlast(partial(self._means.store.work.finish, self._job, ending, self._means.back_off))
        return Ran(JobState.OVER, ending.outcome, result, error=error) if is_mine else Ran(None)


class _Told:
    """A `Progress` that keeps how far the job is, and tells another one."""

    def __init__(self, store: Store, job: Job, progress: Progress | None) -> None:
        self._work = store.work
        self._job = job
        self._progress = progress
        self._writes: set[asyncio.Task[None]] = set()

    def __call__(self, done: int, total: int) -> None:
        write = asyncio.create_task(self._keep(done, total))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        if self._progress is not None:
            self._progress(done, total)

    async def _keep(self, done: int, total: int) -> None:
        try:
            await self._work.progress(self._job, done, total)
        except StoreError:  # the drafts themselves are worth more than a line about them
            log.warning("how far job %s is could not be kept", self._job.id, exc_info=True)

    async def kept(self) -> None:
        """Wait until all of it is kept."""
        await asyncio.gather(*self._writes)
