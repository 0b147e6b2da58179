"""Sleeptime: add, sleep, ask, notes, ledger, jobs and policies; the wiring is in `sleeping`, `asking` and `books`.

What is slow to load (providers, databases) is loaded by the call that needs it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack

from sleeptime.core.budget import Budget
from sleeptime.core.context import Context, Part
from sleeptime.core.errors import InputError
from sleeptime.core.price import Tier
from sleeptime.core.query import Query
from sleeptime.resources import Resources
from sleeptime.results import Added, LearnedNotes, Ledger, NotesDiff, SleepStatus, Slept
from sleeptime.settings import Settings, changed_settings, load_settings

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from sleeptime.background import Background, PolicyChanges
    from sleeptime.core.back_off import Quarantine, SleepState
    from sleeptime.core.job import Job
    from sleeptime.plan import SleepPlan
    from sleeptime.sleeping import SleepChanges
    from sleeptime.sources import Progress
    from sleeptime.store.entry import Keep, Pruned
    from sleeptime.store.policy_rows import PolicyEntry
    from sleeptime.sync import SyncSleeptime

log = logging.getLogger(__name__)


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
        given_model = None if isinstance(model, str) else model
        self._resources = Resources(self.settings, given_model, rng or random.Random())

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
        await self._resources.close()

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
        store = await self._resources.store()
        version, is_new = await store.add_context(context, reading.origin)
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
        store = await self._resources.store()
        done = await store.append(name, parts, max_parts=limits.max_parts, max_bytes=limits.max_context_bytes)
        return Added(name, done.version, bool(done.names), done.num_parts, done.num_bytes, appended=done.names)

    async def plan(self, name: str, **changes: Unpack[SleepChanges]) -> SleepPlan:
        """What `sleep` with the same arguments could take at most; makes no call.

        Raises:
            NotFound, InputError: as `sleep`.
        """
        from sleeptime.sleeping import plan

        return await plan(self._resources, name, changes)

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
        from sleeptime.sleeping import sleep

        return await sleep(self._resources, name, changes, progress=progress, waiting=waiting)

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
        from sleeptime.sleeping import queue

        return await queue(self._resources, name, changes)

    async def jobs(self, name: str | None = None, *, limit: int = 100) -> tuple[Job, ...]:
        """The sleeps of one context, or of all: at most `limit` that are over and as many that are not, by age.

        Raises:
            NotFound: no such context.
        """
        return await (await self._resources.store()).jobs.list(name, limit=limit)

    async def quarantines(self, *, limit: int = 100) -> tuple[Quarantine, ...]:
        """The contexts whose sleeps failed again and again, so that no trigger calls for one; youngest first."""
        return await (await self._resources.store()).jobs.quarantines(limit=limit)

    async def pause(self, id_or_name: str) -> tuple[Job, ...]:
        """Let a job, or all jobs of a context that are not over, stand still: at once, or before their next call.

        Returns:
            them, as they stand now.

        Raises:
            NotFound: neither a job nor a context has this name, or the context has no job that is not over.
            InputError: the job is over.
        """
        return await (await self._resources.store()).jobs.pause(id_or_name)

    async def resume(self, id_or_name: str) -> tuple[Job, ...]:
        """Let what was paused go on where it stopped. Returns and raises as `pause`."""
        return await (await self._resources.store()).jobs.resume(id_or_name)

    async def cancel(self, id_or_name: str) -> tuple[Job, ...]:
        """End without a result: at once, or before the next call. Returns and raises as `pause`.

        What a provider still works on in a batch is cancelled there, by this process or else by a worker.
        """
        from sleeptime.jobs.abandoned import cancel_batches
        from sleeptime.jobs.model_pool import ModelPool

        store = await self._resources.store()
        jobs = await store.jobs.cancel(id_or_name)
        over = [job for job in jobs if job.is_over and job.settings.get("tier") == Tier.BATCH]
        async with ModelPool() as models:

            async def open_model(settings: Settings) -> Model:
                return self._resources.given_model or await models.opened(settings)

            await cancel_batches(store.batches, over, open_model, self.settings)
        return jobs

    async def release(self, id_or_name: str) -> SleepState:
        """Let triggers be heard again for a context, or that of a job, after rest and quarantine.

        Returns:
            what became of its sleeps up to now.

        Raises:
            NotFound: neither a job nor a context has this name.
        """
        return await (await self._resources.store()).jobs.release(id_or_name)

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
        from sleeptime.asking import ask

        return await ask(self._resources, name, query, budget=budget, route=route)

    async def notes(self, name: str, version: int | None = None) -> LearnedNotes:
        """The live learned context, or an earlier `version`, and which of its notes still hold.

        Raises:
            NotFound: no such context or version.
        """
        from sleeptime.wake.select import servable_notes

        shown = await (await self._resources.store()).shown(name, version)
        servable = servable_notes(shown.learned, shown.context)
        in_service = frozenset(note.id for note in servable)
        return LearnedNotes(name, shown.entry, shown.learned, in_service, shown.versions)

    async def diff(self, name: str, before: int, after: int) -> NotesDiff:
        """What changed from one version of the notes to another.

        Raises:
            NotFound: no such context or version.
        """
        store = await self._resources.store()
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
        await (await self._resources.store()).rollback(name, version)

    async def approve(self, name: str, version: int) -> None:
        """Serve a version of the notes that waits for it, was refused or came too late; a user's word beats a check's.

        Raises:
            NotFound: no such context or version.
            InputError: it was live before: `rollback` serves it again.
        """
        await (await self._resources.store()).approve(name, version)

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
        await (await self._resources.store()).reject(name, version, told)

    async def prune(self, name: str, keep: Keep | None = None, *, is_dry_run: bool = False) -> Pruned:
        """Remove versions of the notes that need not be kept; they do not come back.

        Args:
            name: of the context.
            keep: which are kept; by default as the settings say (docs/settings.md).
            is_dry_run: only say which would be removed.

        Raises:
            NotFound: no such context.
        """
        return await (await self._resources.store()).prune(name, keep or self.settings.keep, is_dry_run=is_dry_run)

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

        store = await self._resources.store()
        standing = await store.policies.standing(name)
        given = {value: change for value, change in changes.items() if change is not None}
        if given:
            wanted = (standing.policy or Policy()).changed(given)
            settings = checked_policy(wanted, self.settings)
            if needs_model(wanted):
                check_model(settings, await self._resources.model())
            await store.policies.change(name, lambda policy: policy.changed(given))
            standing = await store.policies.standing(name)
        return background(standing, datetime.now(UTC))

    async def remove_policy(self, name: str) -> Background:
        """Let a context have no policy, so that it is slept on by hand only; jobs that are there go on.

        Returns:
            as `policy`, by now without one.

        Raises:
            NotFound: no such context.
        """
        from sleeptime.background import background

        store = await self._resources.store()
        await store.policies.remove(name)
        return background(await store.policies.standing(name), datetime.now(UTC))

    async def policies(self, *, after: str = "", limit: int = 100) -> tuple[PolicyEntry, ...]:
        """The contexts that have a policy, by name: at most `limit` of those behind the name `after`."""
        return await (await self._resources.store()).policies.list(after=after, limit=limit)

    async def ledger(self, name: str | None = None, *, limit: int = 100) -> Ledger:
        """Every model call of one context or of all, added up, beside the caps on sleep and what they leave today.

        Args:
            name: of the context; then also what sleep saved.
            limit: of all contexts: how many have rows of their own, those that used most tokens first.

        Raises:
            NotFound: neither a context nor a call has this name.
        """
        from sleeptime.books import ledger

        return await ledger(await self._resources.store(), self.settings, name, limit=limit)

    async def status(self, name: str | None = None, *, limit: int = 10) -> SleepStatus:
        """How sleep stands: jobs that are not over, workers, what is due next, what stands still, and today's spend.

        Reads a bounded number of rows, however many contexts and jobs there are; counts end at 10,000.

        Args:
            name: of the context; all of them by default.
            limit: most items of each list, at least 1.

        Raises:
            NotFound: no such context.
        """
        from sleeptime.books import status

        return await status(await self._resources.store(), self.settings, name, limit=limit)
