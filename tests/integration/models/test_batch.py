"""models.batch: requests of a job through the batch APIs of OpenAI and Anthropic, kept so that none is sent twice."""

from __future__ import annotations

import asyncio
import doctest
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core import batch as batch_module
from sleeptime.core.batch import BatchEntry, BatchPolicy, BatchState
from sleeptime.core.call import Phase
from sleeptime.core.errors import InputError, NotNow, PromptRejected, ProviderDown
from sleeptime.core.job import NewJob
from sleeptime.core.price import Tier
from sleeptime.models.batch import JobBatches
from sleeptime.models.metered import MeteredModel
from sleeptime.models.prices import price_of
from sleeptime.models.resolve import resolve_model
from sleeptime.models.scripted import ScriptedModel
from sleeptime.store.calls import StoredCalls
from sleeptime.store.store import Store
from tests.integration.store.builders import context
from tests.support.batch_server import BatchServer, Json, Refused, batch_server
from tests.support.clock import Clock

SHOP = context(a="one")
POLICY = BatchPolicy(deadline_s=3600, poll_s=10, longest_poll_s=600, collect_s=0, settle_s=10, cancel_s=900)
MODELS = {"openai": "openai:gpt-4o-mini", "anthropic": "anthropic:claude-sonnet-4-6"}


def said(body: Json) -> str:
    """What a request asks: its last text."""
    asked = (body.get("input") or body["messages"])[-1]["content"]
    return asked if isinstance(asked, str) else asked[-1]["text"]


def echo(body: Json) -> str:
    return f"re: {said(body)}"


@pytest.fixture(scope="module")
def running() -> Iterator[BatchServer]:
    with batch_server(echo) as server:
        yield server


@pytest.fixture
def server(running: BatchServer, monkeypatch: pytest.MonkeyPatch) -> BatchServer:
    url = running.url
    running.__init__(echo)  # type: ignore[misc]  # afresh
    running.url = url
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    return running


class Job:
    """A job in the store, and runs of it, each with nothing in mind."""

    def __init__(self, store: Store, job_id: str, model: Model, clock: Clock) -> None:
        self.store = store
        self.id = job_id
        self.model = model
        self.clock = clock
        self.policy = POLICY

    def run(self) -> Run:
        """Another run."""
        return Run(self)

    async def entries(self) -> dict[str, BatchEntry]:
        """What is known, by key."""
        return {entry.key: entry for entry in await self.store.batches.entries(self.id)}

    async def calls(self) -> list[tuple[str | None, str, Tier]]:
        """Key, outcome and tier of each call in the ledger."""
        return sorted((call.key, call.outcome, call.tier) for call in await self.store.ledger.of_job(self.id))


class Run:
    """One run of a job: drafts that ask through the same batches."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.batches = JobBatches(
            job.model, job.store.batches, job.id, job.policy, now=job.clock.now, sleep=self._collect
        )
        self.expected = 0
        self._drafts: dict[int, MeteredModel] = {}

    def draft(self, number: int) -> MeteredModel:
        """The model of a draft."""
        return self._drafts.setdefault(
            number,
            MeteredModel(
                self._job.model,
                StoredCalls(self._job.store, worker="w1"),
                phase=Phase.SLEEP,
                context="shop",
                job_id=self._job.id,
                draft=number,
                tier=Tier.BATCH,
                batches=self.batches,
            ),
        )

    async def ask(self, text: str, *, draft: int = 0) -> str:
        """Ask as a draft."""
        prompt = [ModelRequest.user_text_prompt(text)]
        response = await model_request(self.draft(draft), prompt, model_settings=ModelSettings(max_tokens=500))
        return response.text or ""

    async def _collect(self, _seconds: float) -> None:
        """Wait until everybody is ready who may become so, however busy the machine is."""
        await self.until_ready(self.expected)
        self.expected = 0

    async def until_ready(self, number: int) -> None:
        """Wait until so many requests are to be sent, or no more will be."""
        for _ in range(6000):
            if len(self.batches._ready) >= number:
                return
            await asyncio.sleep(0.005)

    async def ask_all(self, number: int) -> list[str | BaseException]:
        """Ask as so many drafts at once."""
        self.expected = number
        asking = (self.ask(f"question {draft}", draft=draft) for draft in range(number))
        return await asyncio.gather(*asking, return_exceptions=True)


@pytest.fixture
def clock() -> Clock:
    # The server's clock is the real one: it stands where ours stands when the test begins.
    return Clock(datetime.now(UTC))


async def new_job(store: Store, model: Model, clock: Clock, **settings: int) -> Job:
    """A job on `SHOP`; other settings make another one."""
    await store.add_context(SHOP)
    new = NewJob(context_version=SHOP.version, settings=settings, drafts=1, trigger="hand")
    added, _ = await store.jobs.add("shop", new)
    return Job(store, added.id, model, clock)


@pytest.fixture(params=MODELS)
async def job(request: pytest.FixtureRequest, server: BatchServer, store: Store, clock: Clock) -> AsyncIterator[Job]:
    async with resolve_model(MODELS[request.param]) as model:
        yield await new_job(store, model, clock)


def test_the_worked_numbers_hold() -> None:
    assert doctest.testmod(batch_module).failed == 0


async def test_a_request_is_sent_once_waited_for_and_read(job: Job, server: BatchServer, clock: Clock) -> None:
    with pytest.raises(NotNow, match=r"waits for batch \w+_\d+ of (openai|anthropic) 127.0.0.1") as raised:
        await job.run().ask("question")
    assert raised.value.until == clock.now() + timedelta(seconds=10)
    assert await job.calls() == [("0.0", "running", Tier.BATCH)]
    clock.go_on(10)
    with pytest.raises(NotNow, match="in progress"):
        await job.run().ask("question")
    server.finish()
    clock.go_on(10)
    assert await job.run().ask("question") == "re: question"
    assert (server.count("create"), server.singles) == (1, [])
    assert await job.calls() == [("0.0", "ok", Tier.BATCH)]
    assert (await job.entries())["0.0"].state is BatchState.ENDED
    assert await job.run().ask("question") == "re: question"
    assert server.count("results") <= 2, "the answer is in the ledger now"


async def test_a_batch_is_billed_at_its_own_price(job: Job, server: BatchServer, clock: Clock) -> None:
    server.is_prompt = True
    with pytest.raises(NotNow):
        await job.run().ask("question")
    clock.go_on(10)
    await job.run().ask("question")
    (call,) = await job.store.ledger.of_job(job.id)
    model, provider = job.model.model_name, job.model.system
    price, standard = price_of(model, provider, Tier.BATCH), price_of(model, provider)
    assert price is not None
    assert standard is not None
    assert call.cost_usd == pytest.approx((1000 * price.input + 100 * price.output) / 1e6)
    assert price.input == standard.input / 2


async def test_drafts_that_ask_at_once_go_in_one_batch_and_are_asked_for_together(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    waits = await job.run().ask_all(5)
    assert all(isinstance(wait, NotNow) for wait in waits)
    (sent,) = server.batches.values()
    assert len(sent.requests) == 5
    clock.go_on(10)
    await job.run().ask_all(5)
    assert server.count("status") == 1
    server.finish()
    clock.go_on(10)
    assert await job.run().ask_all(5) == [f"re: question {draft}" for draft in range(5)]
    assert server.count("create") == 1


async def test_the_next_turn_of_a_draft_is_another_request(job: Job, server: BatchServer, clock: Clock) -> None:
    server.is_prompt = True
    for _ in range(3):
        run = job.run()
        try:
            first = await run.ask("one")
            second = await run.ask("two")
            break
        except NotNow:
            clock.go_on(10)
    assert (first, second) == ("re: one", "re: two")
    assert server.count("create") == 2
    assert [call[0] for call in await job.calls()] == ["0.0", "0.1"]


async def test_a_batch_too_large_for_the_provider_is_parted(
    job: Job, server: BatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = job.run()
    monkeypatch.setattr(type(job.model), "batch_max_requests", 2)
    await run.ask_all(5)
    assert [len(sent.requests) for sent in server.batches.values()] == [2, 2, 1]


async def test_a_cancelled_draft_leaves_the_sending_to_the_next(job: Job, server: BatchServer) -> None:
    run = job.run()
    run.expected = 3
    leader, follower = (asyncio.create_task(run.ask(f"question {draft}", draft=draft)) for draft in range(2))
    await run.until_ready(2)
    leader.cancel()
    run.expected = 1
    with pytest.raises(NotNow):
        await follower
    (sent,) = server.batches.values()
    assert [said(body) for body in sent.requests.values()] == ["question 1"]
    assert [call[:2] for call in await job.calls()] == [("0.0", "running"), ("1.0", "running")]


# What is lost between sending and keeping the handle


class Killed(BaseException):
    """The end of a process."""


class Forgetful:
    """Batches of a process that is killed after a batch was sent, before its handle is kept."""

    def __init__(self, store: Store) -> None:
        self._kept = store.batches

    def __getattr__(self, name: str) -> object:
        if name == "submitted":
            raise Killed
        return getattr(self._kept, name)


async def sent_and_forgotten(job: Job, number: int) -> None:
    """A run that sends and is killed before it knows the handle."""
    run = job.run()
    run.batches._batches = Forgetful(job.store)  # type: ignore[assignment]
    ended = await run.ask_all(number)
    assert any(isinstance(error, Killed) for error in ended)


@pytest.mark.parametrize("others", [0, 130])
async def test_a_batch_whose_handle_was_lost_is_found_and_not_sent_again(
    job: Job, server: BatchServer, clock: Clock, others: int
) -> None:
    for number in range(others):  # of other programs on this account, more than a page; most have tidied up
        file_id = server.new_file(json.dumps({"custom_id": f"x{number}"})) if number < 3 else "file-gone"
        server.add(job.model.system, {f"x{number}": {}}, file_id).status = "completed"
    await sent_and_forgotten(job, 3)
    assert {entry.state for entry in (await job.entries()).values()} == {BatchState.INTENDED}
    early = await job.run().ask_all(3)
    assert all("whether" in str(wait) for wait in early)
    clock.go_on(10)
    first = await job.run().ask_all(3)
    assert all(isinstance(wait, NotNow) for wait in first)
    server.finish()
    clock.go_on(600)
    assert await job.run().ask_all(3) == [f"re: question {draft}" for draft in range(3)]
    assert server.count("create") == 1
    assert [call[:2] for call in await job.calls()] == [(f"{draft}.0", "ok") for draft in range(3)]


async def test_a_batch_that_never_reached_the_provider_is_sent_again(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    server.refusals["create"] = Refused(503)
    with pytest.raises(NotNow, match="did not take a batch"):
        await job.run().ask("question")
    assert (await job.entries())["0.0"].state is BatchState.INTENDED, "it may have taken it all the same"
    server.refusals.clear()
    clock.go_on(10)
    with pytest.raises(NotNow):
        await job.run().ask("question")
    assert server.count("create") == 2
    assert len(server.batches) == 1


async def test_the_batch_of_another_job_is_not_taken_for_ours(job: Job, server: BatchServer, clock: Clock) -> None:
    with pytest.raises(NotNow):
        await job.run().ask("question")
    (others,) = server.batches
    second = await new_job(job.store, job.model, clock, other=1)
    server.refusals["create"] = Refused(503)
    with pytest.raises(NotNow):
        await second.run().ask("question")
    server.refusals.clear()
    clock.go_on(10)
    with pytest.raises(NotNow, match="waits for batch"):
        await second.run().ask("question")
    assert (await second.entries())["0.0"].handle != others


async def test_a_provider_that_does_not_tell_is_waited_for(job: Job, server: BatchServer, clock: Clock) -> None:
    await sent_and_forgotten(job, 1)
    server.refusals["list"] = Refused(503)
    clock.go_on(10)
    with pytest.raises(NotNow, match=r"does not say yet whether it has the batch: .*injected"):
        await job.run().ask("question 0")
    server.refusals.clear()
    clock.go_on(600)
    with pytest.raises(NotNow):
        await job.run().ask("question 0")
    assert server.count("create") == 1


async def test_another_programs_batch_that_may_be_ours_is_waited_for_and_a_larger_one_is_not(
    server: BatchServer, store: Store, clock: Clock
) -> None:
    async with resolve_model(MODELS["anthropic"]) as model:  # which tells no names before the end
        job = await new_job(store, model, clock)
        server.refusals["create"] = Refused(503)
        with pytest.raises(NotNow):
            await job.run().ask("question")
        server.refusals.clear()
        server.add("anthropic", {"x1": {}, "x2": {}})
        small = server.add("anthropic", {"x3": {}})
        clock.go_on(10)
        with pytest.raises(NotNow, match="does not say yet"):
            await job.run().ask("question")
        small.status, small.results = "cancelled", {}
        clock.go_on(10)
        with pytest.raises(NotNow, match="waits for batch"):
            await job.run().ask("question")
        assert len(server.batches) == 3


# Failures


async def test_a_provider_that_is_down_while_a_batch_runs_is_asked_again_later(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    with pytest.raises(NotNow):
        await job.run().ask("question")
    server.refusals["all"] = Refused(503)
    pauses: list[float] = []
    for _ in range(6):
        clock.go_on(pauses[-1] if pauses else 10)
        with pytest.raises(NotNow, match=r"is not known: .*injected") as raised:
            await job.run().ask("question")
        pauses.append((raised.value.until - clock.now()).total_seconds())
    assert pauses == [10, 10, 15, 22.5, 33.75, 50.625]
    server.refusals.clear()
    server.finish()
    clock.go_on(60)
    assert await job.run().ask("question") == "re: question"


async def test_one_request_that_fails_in_the_batch_is_made_by_itself(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    def answers(body: Json) -> str | Refused:
        return Refused(500) if said(body) == "question 1" else echo(body)

    server.answers = answers
    await job.run().ask_all(3)
    server.finish()
    server.answers = echo
    clock.go_on(10)
    assert await job.run().ask_all(3) == [f"re: question {draft}" for draft in range(3)]
    assert [said(body) for body in server.singles] == ["question 1"]
    assert await job.calls() == [
        ("0.0", "ok", Tier.BATCH), ("1.0", "BatchOverdue", Tier.BATCH), ("1.0", "ok", Tier.STANDARD),
        ("2.0", "ok", Tier.BATCH),
    ]  # fmt: skip
    costs = {call.outcome: call.cost_usd for call in await job.store.ledger.of_job(job.id)}
    assert costs["BatchOverdue"] == 0.0, "a request that failed at the provider is not billed"


async def test_a_request_that_the_provider_refuses_fails_as_it_would_by_itself(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    server.answers = lambda body: Refused(400)
    with pytest.raises(NotNow):
        await job.run().ask("question")
    server.finish()
    clock.go_on(10)
    with pytest.raises(PromptRejected):
        await job.run().ask("question")
    assert server.singles == []
    assert await job.calls() == [("0.0", "PromptRejected", Tier.BATCH)]


@pytest.mark.parametrize("status", ["expired", "cancelled"])
async def test_what_an_ended_batch_did_not_answer_is_made_by_itself(
    job: Job, server: BatchServer, clock: Clock, status: str
) -> None:
    await job.run().ask_all(3)
    server.finish(status, answered=1)
    clock.go_on(10)
    assert await job.run().ask_all(3) == [f"re: question {draft}" for draft in range(3)]
    assert len(server.singles) == 2
    assert sorted(call[2] for call in await job.calls() if call[1] == "ok") == ["batch", "standard", "standard"]


async def test_a_batch_that_takes_too_long_is_cancelled_and_what_it_answered_is_kept(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    await job.run().ask_all(2)
    clock.go_on(POLICY.deadline_s)
    waits = await job.run().ask_all(2)
    assert all("is being cancelled" in str(wait) for wait in waits)
    assert server.count("cancel") == 1
    clock.go_on(10)
    await job.run().ask_all(2)
    assert server.count("cancel") == 1
    server.finish("cancelled", answered=1)
    clock.go_on(10)
    assert await job.run().ask_all(2) == ["re: question 0", "re: question 1"]
    calls = {(outcome, tier): key for key, outcome, tier in await job.calls()}
    kept, late = calls["ok", Tier.BATCH], calls["BatchOverdue", Tier.BATCH]  # which of the two comes first is open
    assert {kept, late} == {"0.0", "1.0"}
    assert calls == {("ok", Tier.BATCH): kept, ("BatchOverdue", Tier.BATCH): late, ("ok", Tier.STANDARD): late}
    assert len(await job.calls()) == 3


async def test_a_batch_that_cannot_even_be_cancelled_is_given_up_and_its_cost_stays_in_doubt(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    with pytest.raises(NotNow):
        await job.run().ask("question")
    for operation in ("status", "cancel"):
        server.refusals[operation] = Refused(503)
    clock.go_on(POLICY.deadline_s)
    with pytest.raises(NotNow):
        await job.run().ask("question")
    clock.go_on(POLICY.cancel_s)
    assert await job.run().ask("question") == "re: question"
    given_up = next(call for call in await job.store.ledger.of_job(job.id) if call.tier is Tier.BATCH)
    assert (given_up.outcome, given_up.cost_usd) == ("BatchOverdue", None)
    assert given_up.reserved.tokens > 0


async def test_after_the_deadline_of_its_job_a_request_is_not_put_in_a_batch(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    server.is_prompt = True
    with pytest.raises(NotNow):
        await job.run().ask("one")
    clock.go_on(POLICY.deadline_s)
    run = job.run()
    assert await run.ask("one") == "re: one"
    assert await run.ask("two") == "re: two"
    assert (server.count("create"), len(server.singles)) == (1, 1)
    assert server.singles[0].get("service_tier") in ("default", "standard_only")


async def test_a_batch_that_is_gone_is_given_up(job: Job, server: BatchServer, clock: Clock) -> None:
    with pytest.raises(NotNow):
        await job.run().ask("question")
    server.batches.clear()
    clock.go_on(10)
    assert await job.run().ask("question") == "re: question"


async def test_too_many_batches_are_tried_again_when_the_provider_says(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    server.refusals["create"] = Refused(429, retry_after_s=90)
    waits = await job.run().ask_all(3)
    assert server.count("create") == 1, "the other drafts do not ask again"
    assert {wait.until for wait in waits if isinstance(wait, NotNow)} == {clock.now() + timedelta(seconds=90)}
    assert await job.entries() == {}, "it was not taken"
    server.refusals.clear()
    clock.go_on(90)
    await job.run().ask_all(3)
    assert server.count("list") == 0
    assert len(server.batches) == 1


async def test_a_batch_that_the_provider_refuses_is_an_error_at_once(job: Job, server: BatchServer) -> None:
    server.refusals["create"] = Refused(400, message="no batches for you")
    with pytest.raises(PromptRejected, match="no batches for you"):
        await job.run().ask("question")
    assert await job.entries() == {}


async def test_a_queue_that_is_full_lets_requests_be_made_by_themselves(
    server: BatchServer, store: Store, clock: Clock
) -> None:
    async with resolve_model(MODELS["openai"]) as model:
        job = await new_job(store, model, clock)
        with pytest.raises(NotNow):
            await job.run().ask("question")
        server.fail("token_limit_exceeded", "Enqueued token limit reached")
        clock.go_on(10)
        assert await job.run().ask("question") == "re: question"


# Jobs that are over


async def test_what_a_job_that_is_over_left_at_the_provider_is_cancelled_there(
    job: Job, server: BatchServer, clock: Clock
) -> None:
    await job.run().ask_all(3)
    assert await job.store.batches.abandoned(10) == ()
    await job.store.jobs.cancel(job.id)
    (left,) = await job.store.batches.abandoned(10)
    assert left.id == job.id
    server.refusals["cancel"] = Refused(503)
    with pytest.raises(ProviderDown):
        await job.run().batches.cancel()
    assert len(await job.store.batches.abandoned(10)) == 1
    server.refusals.clear()
    await job.run().batches.cancel()
    assert [batch.status for batch in server.batches.values()] == ["cancelling"]
    assert await job.store.batches.abandoned(10) == ()


async def test_a_batch_whose_handle_was_lost_is_cancelled_too(job: Job, server: BatchServer) -> None:
    await sent_and_forgotten(job, 2)
    if job.model.system == "anthropic":
        with pytest.raises(NotNow):
            await job.run().batches.cancel()
        server.finish()
    await job.run().batches.cancel()
    assert server.count("cancel") == (job.model.system == "openai")
    assert {entry.state for entry in (await job.entries()).values()} == {BatchState.OVERDUE}


async def test_a_model_without_a_batch_api_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="has no batch API"):
        JobBatches(ScriptedModel([]), store.batches, "j", POLICY)
