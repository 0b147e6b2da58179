"""Sleeptime: add, sleep, ask, notes, ledger. The only place that wires models, sleep, wake, store and ledger together.

What is slow to load (providers, databases) is loaded by the call that needs it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict, Unpack
from uuid import uuid4

from sleeptime.core.budget import Budget, parse_budget
from sleeptime.core.call import CallLedger, Phase
from sleeptime.core.caps import Caps
from sleeptime.core.context import Context, Part
from sleeptime.core.errors import InputError, NotFound, UnknownModel
from sleeptime.core.lane import QUERIES
from sleeptime.core.outcome import Outcome
from sleeptime.core.price import Tier
from sleeptime.core.query import Query
from sleeptime.core.spend import Lane, Scope, Spend, utc_day
from sleeptime.core.totals import Totals
from sleeptime.gate.caps import UnderWay
from sleeptime.ledger.savings import measure_saving
from sleeptime.results import Added, BudgetSaving, CapLeft, LearnedNotes, Ledger, NotesDiff, SleepStatus, Slept
from sleeptime.settings import Settings, changed_settings, load_settings
from sleeptime.store.outage import outlast

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from sleeptime.background import Background, PolicyChanges
    from sleeptime.core.back_off import Quarantine, SleepState
    from sleeptime.core.job import Job, NewJob
    from sleeptime.jobs.sleep_job import Ran
    from sleeptime.models.traffic import Traffic
    from sleeptime.plan import SleepPlan
    from sleeptime.sources import Progress
    from sleeptime.store.entry import Keep, Pruned
    from sleeptime.store.policy_rows import PolicyEntry
    from sleeptime.store.store import Store
    from sleeptime.sync import SyncSleeptime
    from sleeptime.wake.route import Route

log = logging.getLogger(__name__)


class SleepChanges(TypedDict, total=False):
    """Settings for one sleep alone (docs/settings.md); None leaves a setting as it is."""

    strategy: str | None
    drafts: int | None
    combine: str | None
    effort: str | None
    tier: str | None
    seed: int | None
    temperature: float | None
    max_rethinks: int | None
    max_note_tokens: int | None
    concurrency: int | None
    incremental: bool | None
    neighbours: int | None
    approve: bool | None
    max_learned_tokens: int | None
    max_lost_verified: float | None
    piece_tokens: int | None
    piece_parts: int | None


class Sleeptime:
    """Contexts that are thought about before anyone asks.

    >>> async with Sleeptime(model="openai:gpt-4o-mini") as sleeptime:  # doctest: +SKIP
    ...     await sleeptime.add("handbook", "docs/")
    ...     await sleeptime.sleep("handbook")
    ...     reply = await sleeptime.ask("handbook", "Who approves travel?")

    Use from one event loop, with ``async with`` or `close`. `Sleeptime.sync` is the same without ``await``.

    Args:
        model: a name (`nano`, `openai:...`; docs/settings.md) or a pydantic-ai model; the setting `model` by default.
        database: a URL; the setting `database_url` by default.
        settings: all settings; read from the environment and sleeptime.toml by default.
        rng: draws the jitter of retries.

    Raises:
        InputError: a setting cannot be used.
    """

    def __init__(
        self,
        model: str | Model | None = None,
        database: str | None = None,
        *,
        settings: Settings | None = None,
        rng: random.Random | None = None,
    ) -> None:
        given = {"model": model if isinstance(model, str) else None, "database_url": database}
        self.settings = load_settings(**given) if settings is None else changed_settings(settings, **given)
        self._given_model = None if isinstance(model, str) else model
        self._rng = rng or random.Random()
        self._model: Model | None = None
        self._store: Store | None = None
        self._resources = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._under_way = UnderWay()
        self._traffic: Traffic | None = None

    @classmethod
    def sync(cls, *args: Any, **kwargs: Any) -> SyncSleeptime:
        """The same for code without an event loop: takes the same arguments, use it in a ``with``."""
        from sleeptime.sync import SyncSleeptime

        return SyncSleeptime(lambda: cls(*args, **kwargs))

    async def __aenter__(self) -> Sleeptime:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections; what was accepted is kept. The next call opens them again."""
        self._store, self._model, self._traffic = None, None, None
        await self._resources.aclose()

    async def add(
        self,
        name: str,
        *sources: str | Part,
        append: bool = False,
        stdin: BinaryIO | None = None,
        progress: Progress | None = None,
    ) -> Added:
        """Store a context, or a new version of it: all of it or nothing.

        Args:
            name: of the context.
            sources: files, folders, git repositories, PATH@REV, URLs, "-" for `stdin`, and parts as they are.
            append: put them behind the parts that are there, as `append` does, and not in their place.
            stdin: what "-" reads; a message when it is appended.
            progress: called with the number of parts and bytes read so far.

        Raises:
            InputError: a source cannot be read or is over a limit; the message names both.
        """
        from sleeptime.sources import STDIN, STDIN_NAME, read_sources

        reading = await read_sources(sources, self.settings.source_limits, stdin=stdin, progress=progress)
        if append:
            is_message = STDIN in sources
            parts = (part.text if is_message and part.name == STDIN_NAME else part for part in reading.parts)
            return replace(await self.append(name, *parts), skipped=reading.skipped)
        context = Context(name, reading.parts)
        store = await self._opened_store()
        version, is_new = await store.add_context(context)
        return Added(name, version, is_new, len(reading.parts), reading.num_bytes, reading.skipped)

    async def append(self, name: str, *parts: str | Part) -> Added:
        """Put messages or other parts behind those that a context has, or begin it with them; all of them or none.

        What is there stays as it is and is not sent again: for conversations, logs and the like.

        Args:
            name: of the context.
            parts: texts, which are messages and named by their number in the context; and parts, which have names of
                their own. A part that is there already with the same text is left out, so that appending it again does
                no harm.

        Raises:
            InputError: a part has the name of one with another text, or the context would be over a limit.
        """
        if not parts:
            raise InputError("give at least one part to append")
        limits = self.settings.source_limits
        store = await self._opened_store()
        done = await store.append(name, parts, max_parts=limits.max_parts, max_bytes=limits.max_context_bytes)
        return Added(name, done.version, bool(done.names), done.num_parts, done.num_bytes, appended=done.names)

    async def plan(self, name: str, **changes: Unpack[SleepChanges]) -> SleepPlan:
        """What `sleep` with the same arguments could take at most; makes no call.

        Raises:
            NotFound, InputError: as `sleep`.
        """
        from sleeptime.jobs.snapshot import agenda_of, sleep_settings
        from sleeptime.models.tiers import tier_settings
        from sleeptime.plan import plan_sleep

        settings = changed_settings(self.settings, **changes)
        unstudied = await (await self._opened_store()).unstudied(name)
        model = await self._opened_model()
        tier_settings(model, settings.tier)  # the same error as in the sleep itself
        agenda = agenda_of(model, unstudied, settings)
        return plan_sleep(model, unstudied.context, agenda, sleep_settings(model, settings), settings.tier)

    async def sleep(
        self,
        name: str,
        *,
        progress: Callable[[int, int], None] | None = None,
        waiting: Callable[[str], None] | None = None,
        **changes: Unpack[SleepChanges],
    ) -> Slept:
        """Think about a context; what is learned is live when this returns, unless it is refused or is to be approved.

        A sleep is a job. The same one, asked for while it is under way elsewhere, is waited for; one that was cut off
        is gone on with, and calls that were answered are not paid again.

        Args:
            name: of the context.
            progress: called after every draft with the number done and the number of drafts.
            waiting: called, again and again, with what the sleep waits for when it has to: the end of a batch, or a
                provider that fails.
            changes: settings for this sleep alone, such as ``strategy`` and ``drafts``.

        Returns:
            how it ended; a sleep that failed or found nothing new leaves what was live.

        Raises:
            NotFound: no such context.
            InputError: a setting cannot be used, or the model cannot take this context.
        """
        from sleeptime.jobs.by_hand import ByHand
        from sleeptime.jobs.sleep_job import Means
        from sleeptime.models.tiers import tier_settings

        store, model = await self._opened_store(), await self._opened_model()
        settings, new = await self._new_job(store, name, changes)
        tier_settings(model, settings.tier)  # refused before there is a job

        async def open_model(_: Settings) -> Model:
            return model

        traffic = self._traffic_of(store)
        means = Means(store, settings, open_model, self._rng, under_way=self._under_way, traffic=traffic)
        job, ran = await ByHand(store, means).sleep(name, new, progress=progress, waiting=waiting)
        if ran is not None and isinstance(ran.error, InputError):
            raise ran.error
        return await _slept(store, job, ran)

    async def queue(self, name: str, **changes: Unpack[SleepChanges]) -> Job:
        """Ask for a sleep, and do not wait for it: a worker (`sleeptime worker`) runs it.

        Args:
            name: of the context.
            changes: settings for this sleep alone, as for `sleep`.

        Returns:
            the job; the one that is there, when the same was asked for and is not over.

        Raises:
            NotFound: no such context.
            InputError: a setting cannot be used, or the model was given as it is, so that no other process has it.
        """
        from sleeptime.models.resolve import resolve_model

        if self._given_model is not None:
            raise InputError("a sleep in the background needs a model that a worker finds by its name; give a name")
        store = await self._opened_store()
        settings, new = await self._new_job(store, name, changes)
        try:
            resolve_model(settings.model, timeout_s=settings.model_timeout_s)
        except UnknownModel:
            raise
        except InputError:  # such as a key that is missing here, and that a worker may have
            log.info("model %r cannot be opened here", settings.model, exc_info=True)
        return (await store.jobs.add(name, new))[0]

    async def jobs(self, name: str | None = None, *, limit: int = 100) -> tuple[Job, ...]:
        """The sleeps of one context, or of all: at most `limit` that are over and as many that are not, by age.

        Raises:
            NotFound: no such context.
        """
        return await (await self._opened_store()).jobs.list(name, limit=limit)

    async def quarantines(self, *, limit: int = 100) -> tuple[Quarantine, ...]:
        """The contexts whose sleeps failed again and again, so that no trigger calls for one; youngest first."""
        return await (await self._opened_store()).jobs.quarantines(limit=limit)

    async def pause(self, id_or_name: str) -> tuple[Job, ...]:
        """Let a job, or all jobs of a context that are not over, stand still: at once, or before their next call.

        Returns:
            them, as they stand now.

        Raises:
            NotFound: neither a job nor a context has this name, or the context has no job that is not over.
            InputError: the job is over.
        """
        return await (await self._opened_store()).jobs.pause(id_or_name)

    async def resume(self, id_or_name: str) -> tuple[Job, ...]:
        """Let what was paused go on where it stopped. Returns and raises as `pause`."""
        return await (await self._opened_store()).jobs.resume(id_or_name)

    async def cancel(self, id_or_name: str) -> tuple[Job, ...]:
        """End without a result: at once, or before the next call. Returns and raises as `pause`.

        What a provider still works on in a batch is cancelled there, by this process or else by a worker.
        """
        from sleeptime.jobs.abandoned import cancel_batches
        from sleeptime.jobs.model_pool import ModelPool

        store = await self._opened_store()
        jobs = await store.jobs.cancel(id_or_name)
        over = [job for job in jobs if job.is_over and job.settings.get("tier") == Tier.BATCH]
        async with ModelPool() as models:

            async def open_model(settings: Settings) -> Model:
                return self._given_model or await models.opened(settings)

            await cancel_batches(store.batches, over, open_model, self.settings)
        return jobs

    async def release(self, id_or_name: str) -> SleepState:
        """Let triggers be heard again for a context, or that of a job, after rest and quarantine.

        Returns:
            what became of its sleeps up to now.

        Raises:
            NotFound: neither a job nor a context has this name.
        """
        return await (await self._opened_store()).jobs.release(id_or_name)

    async def ask(
        self, name: str, query: str, *, budget: str | Budget | None = None, route: str | None = None
    ) -> Query:
        """Answer a query about a context.

        Args:
            name: of the context.
            query: the question.
            budget: what it may spend, such as ``"v0"``; the setting `budget` by default.
            route: ``auto`` (the first possible of the others), ``recall``, ``notes`` or ``full``.

        Returns:
            the query as it is kept: answer, route, notes used, usage, cost and latency.

        Raises:
            InputError: a blank query, a budget that the model cannot follow, or an unknown route.
            NotFound: no such context, or the asked route is not possible.
            ModelError: the model's call failed, after the retries that were safe.
        """
        from sleeptime.models.budgets import budget_request
        from sleeptime.models.prices import LOCAL_PROVIDERS
        from sleeptime.models.resolve import model_family, prompt_profile
        from sleeptime.models.room import notes_room
        from sleeptime.store.calls import StoredCalls
        from sleeptime.wake.answer import answer

        settings = self.settings
        allowed = budget if budget is not None else settings.budget
        allowed = parse_budget(allowed) if isinstance(allowed, str) else allowed
        asked_route = _route(route)
        store, model = await self._opened_store(), await self._opened_model()
        plan = budget_request(model, allowed)
        # A provider answers elsewhere; what answers here shares the process with sleep, which gives way.
        with QUERIES.query() if model.system in LOCAL_PROVIDERS else nullcontext():
            began_s = time.perf_counter()  # opening is paid by the first query alone, and says nothing about routes
            serving = await store.serving(name)
            calls, query_id, at = StoredCalls(store), uuid4().hex, datetime.now(UTC)
            ledger = self._traffic_of(store).led(calls, model)
            room = await notes_room(model, serving.context, query, settings.notes_limit_tokens)
            found = await answer(
                plan.apply(self._metered(model, ledger, Phase.WAKE, name, query_id=query_id)),
                serving.context,
                serving.learned,
                query,
                budget=allowed,
                plan=plan,
                route=asked_route,
                keep_raw=settings.keep_raw,
                notes_limit_tokens=room.limit_tokens,
                profile=prompt_profile(model),
                count_tokens=room.count,
                cache_point=model_family(model) == "anthropic",
            )
            totals = Totals.of(calls.ended)
            answered = Query(
                context=name,
                text=query,
                route=found.route.value,
                budget=found.budget,
                answer=found.text,
                notes_used=found.notes_used,
                learned=serving.number if found.notes_used else None,
                usage=totals.usage,
                cost_usd=totals.cost_usd,
                latency_s=time.perf_counter() - began_s,
                at=at,
                id=query_id,
            )
            await outlast(partial(store.record_query, answered))
            return answered

    async def notes(self, name: str, version: int | None = None) -> LearnedNotes:
        """The live learned context, or an earlier `version`, and which of its notes still hold.

        Raises:
            NotFound: no such context or version.
        """
        from sleeptime.wake.select import servable_notes

        shown = await (await self._opened_store()).shown(name, version)
        servable = servable_notes(shown.learned, shown.context)
        in_service = frozenset(note.id for note in servable)
        return LearnedNotes(name, shown.entry, shown.learned, in_service, shown.versions)

    async def diff(self, name: str, before: int, after: int) -> NotesDiff:
        """What changed from one version of the notes to another.

        Raises:
            NotFound: no such context or version.
        """
        store = await self._opened_store()
        old, new = await store.learned(name, before), await store.learned(name, after)
        old_ids, new_ids = {note.id for note in old.notes}, {note.id for note in new.notes}
        return NotesDiff(
            context=name,
            before=before,
            after=after,
            added=tuple(note for note in new.notes if note.id not in old_ids),
            removed=tuple(note for note in old.notes if note.id not in new_ids),
            kept=tuple(note for note in new.notes if note.id in old_ids),
        )

    async def rollback(self, name: str, version: int) -> None:
        """Serve an earlier version of the notes again.

        Raises:
            NotFound: no such context or version.
            InputError: it was never live, or was refused since: `approve` serves it.
        """
        await (await self._opened_store()).rollback(name, version)

    async def approve(self, name: str, version: int) -> None:
        """Serve a version of the notes that waits for it, was refused or came too late; a user's word beats a check's.

        Raises:
            NotFound: no such context or version.
            InputError: it was live before: `rollback` serves it again.
        """
        await (await self._opened_store()).approve(name, version)

    async def reject(self, name: str, version: int, reason: str = "") -> None:
        """Refuse a version of the notes that waits or came too late, or take the live one out of service.

        When the live one is refused, queries are answered from the context alone; `rollback` or `approve` end that.

        Args:
            name: of the context.
            version: its number.
            reason: kept with it, and shown.

        Raises:
            NotFound: no such context or version.
            InputError: it is retired, and so serves no query; or the reason holds a character that cannot be kept.
        """
        told = f"rejected by hand: {reason.strip()}" if reason.strip() else "rejected by hand"
        await (await self._opened_store()).reject(name, version, told)

    async def prune(self, name: str, keep: Keep | None = None, *, is_dry_run: bool = False) -> Pruned:
        """Remove versions of the notes that need not be kept; they do not come back.

        Args:
            name: of the context.
            keep: which are kept; by default as the settings say (docs/settings.md).
            is_dry_run: only say which would be removed.

        Raises:
            NotFound: no such context.
        """
        return await (await self._opened_store()).prune(name, keep or self.settings.keep, is_dry_run=is_dry_run)

    async def policy(self, name: str, **changes: Unpack[PolicyChanges]) -> Background:
        """When a context is slept on in the background, and what that may cost; workers keep to it.

        Args:
            name: of the context.
            changes: values of its policy to be changed first, such as ``on_change="30s"``; ``"none"`` takes one away.

        Returns:
            the policy, what calls for a sleep next, and what keeps it waiting.

        Raises:
            NotFound: no such context.
            InputError: a value is not allowed, or the model cannot be held to it.
        """
        from sleeptime.background import background, check_model, checked_policy, needs_model
        from sleeptime.core.policy import Policy

        store = await self._opened_store()
        standing = await store.policies.standing(name)
        given = {value: change for value, change in changes.items() if change is not None}
        if given:
            wanted = (standing.policy or Policy()).changed(given)
            settings = checked_policy(wanted, self.settings)
            if needs_model(wanted):
                check_model(settings, await self._opened_model())
            await store.policies.change(name, lambda policy: policy.changed(given))
            standing = await store.policies.standing(name)
        return background(standing, datetime.now(UTC))

    async def policies(self, *, after: str = "", limit: int = 100) -> tuple[PolicyEntry, ...]:
        """The contexts that have a policy, by name: at most `limit` of those behind the name `after`."""
        return await (await self._opened_store()).policies.list(after=after, limit=limit)

    async def ledger(self, name: str | None = None, *, limit: int = 100) -> Ledger:
        """Every model call of one context or of all, added up, beside the caps on sleep and what they leave today.

        Args:
            name: of the context; then also what sleep saved.
            limit: of all contexts: how many have rows of their own, those that used most tokens first.

        Raises:
            NotFound: neither a context nor a call has this name.
        """
        store = await self._opened_store()
        sums = await store.ledger.sums(name, limit=limit)
        day, today, caps = await self._spent_today(store, name)
        savings = []
        if name is not None:
            queries = await store.queries(name)
            for budget in dict.fromkeys(query.budget for query in queries):
                saving = measure_saving((query for query in queries if query.budget == budget), sums.sleep)
                if saving.with_notes.queries and saving.without_notes.queries:
                    savings.append(BudgetSaving(budget, saving))
        return Ledger(sums.rows, sums.totals, tuple(savings), sums.contexts, day, today, caps)

    async def status(self, name: str | None = None, *, limit: int = 10) -> SleepStatus:
        """How sleep stands: jobs that are not over, workers, what is due next, what stands still, and today's spend.

        Reads a bounded number of rows, however many contexts and jobs there are; counts end at 10,000.

        Args:
            name: of the context; all of them by default.
            limit: most items of each list, at least 1.

        Raises:
            NotFound: no such context.
        """
        store = await self._opened_store()
        overview = await store.overviews.load(name, limit=limit)
        day, today, caps = await self._spent_today(store, name)
        return SleepStatus(overview, self.settings.dead_after_s, day, today, caps)

    async def _spent_today(self, store: Store, name: str | None) -> tuple[str, dict[Lane, Spend], tuple[CapLeft, ...]]:
        """The UTC date, what was spent on it by lane, and the caps on sleep: of one context, or of all."""
        day, scope = utc_day(datetime.now(UTC)), Scope.TENANT if name is None else Scope.CONTEXT
        today = {lane: await store.ledger.spend(scope, name or "", day=day, lane=lane) for lane in Lane}
        caps = await self._caps(store, name)
        of_tenant = await store.ledger.spend(Scope.TENANT, day=day)
        left = [CapLeft(Scope.JOB, caps.job, None), CapLeft(Scope.TENANT, caps.tenant_day, of_tenant)]
        if name is not None:
            left.insert(1, CapLeft(Scope.CONTEXT, caps.context_day, today[Lane.SLEEP]))
        return day, today, tuple(left)

    async def _caps(self, store: Store, name: str | None) -> Caps:
        """The caps on sleeping on a context, with those of its policy; or those that hold for all."""
        if name is None:
            return self.settings.caps
        try:
            policy = (await store.policies.standing(name)).policy
        except NotFound:  # a context that has calls, and is not there
            policy = None
        return self.settings.caps if policy is None else changed_settings(self.settings, **policy.limits).caps

    async def _opened_store(self) -> Store:
        from sleeptime.store.store import Store

        async with self._opening:
            if self._store is None:
                store = await Store.open(self.settings.database_url, tenant=self.settings.tenant)
                self._store = await self._resources.enter_async_context(store)
            return self._store

    async def _opened_model(self) -> Model:
        from sleeptime.models.resolve import resolve_model

        async with self._opening:
            if self._model is None:
                settings = self.settings
                model = self._given_model or resolve_model(settings.model, timeout_s=settings.model_timeout_s)
                self._model = await self._resources.enter_async_context(model)
            return self._model

    async def _new_job(self, store: Store, name: str, changes: SleepChanges) -> tuple[Settings, NewJob]:
        """A sleep that a user asks for, and its settings."""
        from sleeptime.core.job import BY_HAND
        from sleeptime.core.trigger import Trigger
        from sleeptime.jobs.snapshot import new_job

        settings = changed_settings(self.settings, **changes)
        standing = await store.policies.standing(name)
        version, model = standing.head.version, self._given_model
        return settings, new_job(version, settings, trigger=Trigger.HAND, priority=BY_HAND, given=model)

    def _traffic_of(self, store: Store) -> Traffic:
        """What this process sends to providers, in sleep and for queries."""
        from sleeptime.models.traffic import Traffic

        if self._traffic is None:
            self._traffic = Traffic(store.rates, store.breakers, self.settings.pace, self.settings.breaker)
        return self._traffic

    def _metered(self, model: Model, ledger: CallLedger, phase: Phase, context: str, **given: Any) -> Model:
        """The model with each attempt in the ledger, and its failures retried and mapped."""
        from sleeptime.models.metered import MeteredModel
        from sleeptime.models.retry import RetryModel

        return RetryModel(MeteredModel(model, ledger, phase=phase, context=context, **given), rng=self._rng)


async def _slept(store: Store, job: Job, ran: Ran | None) -> Slept:
    """How a job ended, with what was learned, whoever ran it."""
    totals = Totals.of(await store.ledger.of_job(job.id))
    result = None if ran is None else ran.result
    slept = Slept(
        context=job.context,
        context_version=job.context_version,
        outcome=job.outcome or Outcome.SKIPPED,
        reason=job.reason or ("" if job.is_over else f"paused; `sleeptime jobs resume {job.id}` goes on"),
        usage=totals.usage,
        cost_usd=totals.cost_usd,
        job_id=job.id,
        studied=0 if result is None else result.studied,
    )
    if ran is not None and ran.committed is not None and result is not None and result.learned is not None:
        return replace(slept, reason=result.reason).as_committed(ran.committed, result.learned, result.carried)
    if job.learned is None:
        return slept
    shown = await store.shown(job.context, job.learned)
    status = None if shown.entry is None else shown.entry.status
    notes = () if shown.learned is None else shown.learned.notes
    return replace(slept, version=job.learned, status=status, notes=notes)


def _route(name: str | None) -> Route:
    from sleeptime.wake.route import Route

    try:
        return Route(name or Route.AUTO)
    except ValueError as error:
        raise InputError(f"route {name!r} is not known; allowed: {', '.join(Route)}") from error
