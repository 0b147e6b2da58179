"""Batch: the requests of one job through its provider's batch API; a crash loses none and sends none twice.

A request is known by its job and its key. That it is about to be sent is kept before it is, so that after a crash in
between it is looked for at the provider, by a name made of both, before it is sent again (`core.batch` has the states).
Waiting is left to the caller: a request that is not answered yet raises `NotNow`, and is asked for again by its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.batch import Batch, BatchRequest, BatchResult, EncodedBatchRequest
from pydantic_ai.settings import ModelSettings

from sleeptime.core.batch import BatchEntry, Batches, BatchPolicy, BatchState
from sleeptime.core.counted import counted
from sleeptime.core.errors import BatchOverdue, InputError, NotNow, RateLimited, RequestRejected
from sleeptime.models.faults import Fault, fault_of
from sleeptime.models.provider import provider_of
from sleeptime.models.sent_batches import has_batches, sent_batches

CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far the provider's clock may be behind ours."""
SENT_WITHIN: Final = timedelta(minutes=30)
"""How long after it was intended a batch may have been created: sending a large one takes a while."""

COLLECT_TIMES: Final = 10
"""How often requests are waited for, as long as more and more become ready."""

_GONE: Final = frozenset({404, 410})
_FULL: Final = "token_limit_exceeded"
"""OpenAI's code for a batch that it took and then refused, for too many tokens of others wait."""


def _now() -> datetime:
    return datetime.now(UTC)


class JobBatches:
    """The batches of one run of a job. What is asked at the same moment goes along in one batch.

    Args:
        model: whose provider has a batch API.
        batches: what is known of the job's requests.
        job_id: the job.
        policy: how long to wait.
        now, sleep: the clock.

    Raises:
        InputError: the model has no batch API.
    """

    def __init__(
        self,
        model: Model,
        batches: Batches,
        job_id: str,
        policy: BatchPolicy,
        *,
        now: Callable[[], datetime] = _now,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if not has_batches(model):
            raise InputError(f"{model.model_name} has no batch API that sleeptime knows")
        self._model = model
        self._batches = batches
        self._job_id = job_id
        self._policy = policy
        self._now = now
        self._sleep = sleep
        self._ready: dict[str, EncodedBatchRequest] = {}
        """By key, what waits to be sent."""
        self._sending = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._put_off: NotNow | None = None
        """Why nothing is sent before a moment."""
        self._due: dict[str, NotNow] = {}
        """By handle, why it is not asked for before a moment."""
        self._results: dict[str, dict[str, BatchResult]] = {}
        """By handle and name of the request, of batches that have ended."""

    async def request(
        self,
        key: str,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The answer to the request of this key, which is sent once, however often it is asked for.

        Raises:
            NotNow: it is not there yet.
            BatchOverdue: there will be none; it has to be made by itself.
            InputError, RequestRejected: the provider refused it.
        """
        asked = BatchRequest(
            custom_id="", messages=messages, model_settings=settings, model_request_parameters=parameters
        )
        encoded = await self._encoded(asked)
        entry = await self._sent(key, encoded)
        results = await self._answered(entry, encoded.group)
        return await self._read(entry, results.get(entry.custom_id), asked)

    async def cancel(self) -> None:
        """Have the provider stop what it still works on: the job is over, and nobody will read it.

        Raises:
            SleeptimeError: it did not; that can be tried again.
        """
        try:
            entries = await self._batches.entries(self._job_id)
            if intended := [entry for entry in entries if entry.state is BatchState.INTENDED]:
                _, is_certain = await self._look_for(intended)
                if not is_certain:
                    until = self._now() + timedelta(seconds=self._policy.longest_poll_s)
                    raise NotNow(f"{provider_of(self._model)} does not say yet whether it has the batch", until)
                entries = await self._batches.entries(self._job_id)
            sent = {entry.handle: entry for entry in entries if entry.state is BatchState.SUBMITTED}
            nothing = BatchRequest(custom_id="", messages=[ModelRequest.user_text_prompt("nothing")])
            group = (await self._model.batch_encode(nothing)).group
            for handle, entry in sent.items():
                assert handle is not None, "it was sent"
                batch = await self._model.batch_status(self._handle(entry, handle, group))
                if batch.status == "in_progress":
                    await self._model.batch_cancel(batch)
        except Exception as error:  # noqa: BLE001 - raised again, mapped where it is a fault of the call
            _raise(error, fault_of(error))
        left = [entry.key for entry in entries if entry.state is not BatchState.ENDED]
        await self._batches.settle(self._job_id, left, BatchState.OVERDUE)

    async def _encoded(self, asked: BatchRequest) -> EncodedBatchRequest:
        try:
            return await self._model.batch_encode(asked)
        except Exception as error:  # noqa: BLE001 - raised again, mapped where it is a fault of the call
            _raise(error, fault_of(error))

    async def _sent(self, key: str, encoded: EncodedBatchRequest) -> BatchEntry:
        """The request, with the provider's handle of its batch; sent, unless it was."""
        entry = await self._entry(key)
        if entry is not None and entry.handle is not None:
            return entry
        self._ready[key] = encoded
        try:
            async with self._sending:
                if key in self._ready:  # nobody took it along
                    if self._put_off is not None and self._now() < self._put_off.until:
                        raise self._put_off
                    await self._collect()
                    await self._send()
        finally:
            self._ready.pop(key, None)
        entry = await self._entry(key)
        if entry is None or entry.handle is None:
            raise BatchOverdue("the time for batches of this sleep is over", is_free=True)
        return entry

    async def _collect(self) -> None:
        """Wait until no further request becomes ready, but not for ever: what comes later goes in the next batch."""
        for _ in range(COLLECT_TIMES):
            ready = len(self._ready)
            await self._sleep(self._policy.collect_s)
            if len(self._ready) <= ready:
                return

    async def _entry(self, key: str) -> BatchEntry | None:
        found = next((entry for entry in await self._batches.entries(self._job_id) if entry.key == key), None)
        if found is not None and found.state is BatchState.OVERDUE:
            raise BatchOverdue(f"the batch that held request {key} was given up")
        return found

    async def _send(self) -> None:
        """Send what is ready, but for what is found at the provider already."""
        now = self._now()
        entries = await self._batches.entries(self._job_id)
        deadline = min((entry.deadline for entry in entries), default=now + timedelta(seconds=self._policy.deadline_s))
        try:
            found = await self._found([entry for entry in entries if entry.state is BatchState.INTENDED], deadline)
            for key in found:
                self._ready.pop(key, None)
            if now < deadline:
                for group in _groups(self._ready, self._model):
                    await self._submit(group, deadline)
        except NotNow as error:
            self._put_off = error
            raise

    async def _submit(self, keys: Sequence[str], deadline: datetime) -> None:
        """Send requests as one batch; kept before and after."""
        now = self._now()
        entries = [
            BatchEntry(
                job_id=self._job_id,
                key=key,
                provider=provider_of(self._model),
                handle=None,
                state=BatchState.INTENDED,
                intended_at=now,
                deadline=deadline,
            )
            for key in keys
        ]
        named = [replace(self._ready[entry.key], custom_id=entry.custom_id) for entry in entries]
        await self._batches.intend(entries)
        try:
            batch = await self._model.batch_create(named)
        except Exception as error:  # noqa: BLE001 - as above
            await self._not_sent(error, keys)
        await self._batches.submitted(self._job_id, keys, batch.id)
        for key in keys:
            self._ready.pop(key, None)
        waiting = replace(entries[0], handle=batch.id)
        self._due[batch.id] = self._later(waiting, f"holds {counted(len(keys), 'request')}")

    async def _not_sent(self, error: Exception, keys: Collection[str]) -> NoReturn:
        """Say when to try again, or that it is of no use; what may be there all the same stays intended."""
        fault = fault_of(error)
        said = None if fault is None else fault.error
        if isinstance(said, InputError | RequestRejected | RateLimited):
            await self._batches.settle(self._job_id, keys, None)
        if fault is None or isinstance(said, InputError | RequestRejected):
            _raise(error, fault)
        wait_s = max(self._policy.poll_s, self._policy.settle_s, fault.retry_after_s or 0.0)
        until = self._now() + timedelta(seconds=wait_s)
        raise NotNow(f"{provider_of(self._model)} did not take a batch: {said}", until) from error

    async def _found(self, intended: Sequence[BatchEntry], deadline: datetime) -> frozenset[str]:
        """Keys of those that are at the provider in a batch whose handle was lost; now it is kept.

        Raises:
            NotNow: it is too early to tell.
            BatchOverdue: it cannot be told within the deadline.
        """
        if not intended:
            return frozenset()
        now = self._now()
        settled = max(entry.intended_at for entry in intended) + timedelta(seconds=self._policy.settle_s)
        if now < settled:
            raise NotNow(f"whether {provider_of(self._model)} has a batch is to be seen", settled)
        try:
            found, is_certain = await self._look_for(intended)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            found, is_certain, trouble = frozenset(), False, f": {fault.error}"
        else:
            trouble = ""
        lost = {entry.key for entry in intended} - found
        if is_certain or not lost:
            return found
        if now >= deadline + timedelta(seconds=self._policy.cancel_s):
            await self._batches.settle(self._job_id, lost, BatchState.OVERDUE)
            raise BatchOverdue(f"{provider_of(self._model)} does not say whether it has the batch{trouble}")
        until = now + self._policy.pause(now - min(entry.intended_at for entry in intended))
        raise NotNow(f"{provider_of(self._model)} does not say yet whether it has the batch{trouble}", until)

    async def _look_for(self, intended: Sequence[BatchEntry]) -> tuple[frozenset[str], bool]:
        """Keys of those that are there, and whether no other can be."""
        oldest = min(entry.intended_at for entry in intended)
        youngest = max(entry.intended_at for entry in intended)
        sent = [batch async for batch in sent_batches(self._model, oldest - CLOCK_SKEW)]
        known = await self._batches.known([batch.handle for batch in sent])
        found: set[str] = set()
        is_certain = True
        for batch in sent:
            is_late = batch.created_at > youngest + SENT_WITHIN
            if batch.handle in known or is_late or batch.size > len(intended):
                continue
            names = await batch.custom_ids()
            is_certain &= names is not None
            mine = {entry.key for entry in intended if entry.custom_id in (names or ())}
            if mine:
                await self._batches.submitted(self._job_id, mine, batch.handle)
                found |= mine
        return frozenset(found), is_certain

    async def _answered(self, entry: BatchEntry, group: str) -> dict[str, BatchResult]:
        """All results of the request's batch, once it has ended; asked for once for all its requests."""
        handle = entry.handle
        assert handle is not None, "it was sent"
        async with self._asking:
            if handle not in self._results:
                if (due := self._due.get(handle)) is not None and self._now() < due.until:
                    raise due
                self._results[handle] = await self._ask(entry, handle, group)
        return self._results[handle]

    async def _ask(self, entry: BatchEntry, handle: str, group: str) -> dict[str, BatchResult]:
        now = self._now()
        is_late = now >= entry.deadline
        try:
            batch = await self._model.batch_status(self._handle(entry, handle, group))
            if batch.status == "ended":
                return {result.custom_id: result for result in await self._model.batch_results(batch)}
            if is_late and batch.status != "canceling":
                await self._model.batch_cancel(batch)
            said = "is being cancelled, for its time is over" if is_late else f"is {batch.status.replace('_', ' ')}"
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            is_gone = isinstance(fault.error, RequestRejected) and fault.error.status in _GONE
            said = f"is not known: {fault.error}"
        else:
            is_gone = False
        if is_gone or now >= entry.deadline + timedelta(seconds=self._policy.cancel_s):
            await self._overdue(entry, f"batch {handle} {said}")
        self._due[handle] = self._later(entry, said)
        raise self._due[handle]

    def _handle(self, entry: BatchEntry, handle: str, group: str) -> Batch:
        """What pydantic-ai knows a batch by."""
        return Batch(
            id=handle,
            model_name=self._model.model_name,
            provider_name=self._model.system,
            group=group,
            status="in_progress",
            created_at=entry.intended_at,
            request_count=1,
        )

    def _later(self, entry: BatchEntry, said: str) -> NotNow:
        """That a batch is waited for, and when to ask for it again."""
        now = self._now()
        if now < entry.deadline:
            until = min(now + self._policy.pause(now - entry.intended_at), entry.deadline)
        else:
            until = now + self._policy.pause(now - entry.deadline)
        limit = entry.deadline.isoformat(sep=" ", timespec="minutes")
        return NotNow(f"waits for batch {entry.handle} of {entry.provider}, which {said}; at most until {limit}", until)

    async def _read(self, entry: BatchEntry, result: BatchResult | None, asked: BatchRequest) -> ModelResponse:
        if result is None:
            await self._overdue(entry, f"batch {entry.handle} ended without a result for the request")
        if result.status in ("expired", "canceled"):
            await self._overdue(entry, f"batch {entry.handle}: the request was {result.status}", is_free=True)
        try:
            response = self._model.batch_decode(result, asked)
        except Exception as error:  # noqa: BLE001 - as above
            fault = fault_of(error)
            if fault is not None and (fault.can_retry or _is_full(error)):
                await self._overdue(entry, f"batch {entry.handle}: {fault.error}", is_free=True)
            await self._batches.settle(self._job_id, [entry.key], BatchState.ENDED)
            _raise(error, fault)
        await self._batches.settle(self._job_id, [entry.key], BatchState.ENDED)
        return response

    async def _overdue(self, entry: BatchEntry, message: str, *, is_free: bool = False) -> NoReturn:
        await self._batches.settle(self._job_id, [entry.key], BatchState.OVERDUE)
        raise BatchOverdue(message, is_free=is_free)


def _groups(ready: dict[str, EncodedBatchRequest], model: Model) -> Iterator[list[str]]:
    """Keys of what is ready, parted so that each part fits into one batch."""
    most, most_bytes = model.batch_max_requests or 1, model.batch_max_bytes
    parts: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for key, encoded in list(ready.items()):
        group = encoded.group
        # The name that a request gets when it is sent makes it at most so much larger.
        size = model.batch_request_size(encoded) + 64
        is_full = most_bytes is not None and sizes.get(group, 0) + size > most_bytes
        if group in parts and (is_full or len(parts[group]) >= most):
            yield parts.pop(group)
            del sizes[group]
        parts.setdefault(group, []).append(key)
        sizes[group] = sizes.get(group, 0) + size
    yield from parts.values()


def _is_full(error: Exception) -> bool:
    return isinstance(error, ModelHTTPError) and error.provider_error_code == _FULL


def _raise(error: Exception, fault: Fault | None) -> NoReturn:
    if fault is None or fault.error is error:
        raise error
    raise fault.error from error
