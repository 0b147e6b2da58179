"""Store: what a user decides while a sleep is under way stands; what it wrote is kept as one that came too late."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sleeptime.core.job import BY_HAND, Job, NewJob
from sleeptime.core.note import LearnedContext
from sleeptime.core.outcome import Outcome
from sleeptime.store.entry import Committed, Status
from sleeptime.store.learned_rows import OVERRULED
from sleeptime.store.store import Store
from tests.integration.store.builders import context, learned, note

SHOP = context(apples="24 apples a box")
(APPLES,) = SHOP.parts
FIRST, SECOND, THIRD, LATE = (learned(SHOP, note(text, APPLES)) for text in ("first", "second", "third", "late"))


async def begun(store: Store, *, drafts: int = 1) -> Job:
    """A job under way."""
    settings = {"model": "nano", "drafts": drafts}
    new = NewJob(context_version=SHOP.version, settings=settings, drafts=drafts, trigger="hand", priority=BY_HAND)
    job, is_mine = await store.jobs.begin("shop", new, "w1")
    assert is_mine
    return job


async def ended(store: Store, job: Job, wrote: LearnedContext, *, needs_approval: bool = False) -> Committed:
    """What becomes of what a job wrote."""
    return await store.commit_sleep(wrote, job_id=job.id, needs_approval=needs_approval)


async def live(store: Store) -> str | None:
    found = await store.live("shop")
    return None if found is None else found.notes[0].text


@pytest.fixture
async def shop(store: Store) -> Store:
    """The second version is live, the first one retired, and the third one waits."""
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST)
    await store.commit_sleep(SECOND)
    await store.commit_sleep(THIRD, needs_approval=True)
    return store


DECISIONS: list[tuple[Callable[[Store], Awaitable[None]], str | None]] = [
    (lambda store: store.rollback("shop", 1), "first"),
    (lambda store: store.approve("shop", 3), "third"),
    (lambda store: store.reject("shop", 2, "wrong"), None),
]


@pytest.mark.parametrize(("decide", "stands"), DECISIONS, ids=["rollback", "approve", "reject"])
async def test_what_a_user_decided_while_a_sleep_ran_stands(
    shop: Store, decide: Callable[[Store], Awaitable[None]], stands: str | None
) -> None:
    job = await begun(shop)
    await decide(shop)
    committed = await ended(shop, job, LATE)
    assert committed == Committed(4, Status.STAGED, OVERRULED)
    assert committed.outcome is Outcome.SKIPPED
    assert "sleeptime notes shop --approve 4" in committed.told("shop")
    assert await live(shop) == stands
    entry = (await shop.learned_versions("shop"))[3]
    assert (entry.status, entry.reason) == (Status.STAGED, OVERRULED)
    await shop.approve("shop", 4)
    assert await live(shop) == "late"


async def test_a_sleep_that_began_after_the_decision_is_served(shop: Store) -> None:
    await shop.rollback("shop", 1)
    job = await begun(shop)
    assert (await ended(shop, job, LATE)).status is Status.LIVE


async def test_a_decision_that_was_taken_back_counts_no_more(shop: Store) -> None:
    job = await begun(shop)
    await shop.rollback("shop", 1)
    await shop.rollback("shop", 2)
    assert (await ended(shop, job, LATE)).status is Status.LIVE


async def test_a_decision_stands_against_a_sleep_that_began_before_it_also_when_another_built_on_it(
    shop: Store,
) -> None:
    early = await begun(shop)
    await shop.rollback("shop", 1)
    later = await begun(shop, drafts=2)
    assert (await ended(shop, later, THIRD)).status is Status.LIVE
    assert (await ended(shop, early, LATE)).status is Status.STAGED
    assert await live(shop) == "third"


async def test_notes_that_were_approved_where_none_were_live_stand(store: Store) -> None:
    await store.add_context(SHOP)
    await store.commit_sleep(FIRST, needs_approval=True)
    job = await begun(store)
    await store.approve("shop", 1)
    assert (await ended(store, job, LATE)).status is Status.STAGED
    assert await live(store) == "first"


async def test_a_word_on_versions_that_are_not_live_overrules_no_sleep(shop: Store) -> None:
    job = await begun(shop)
    await shop.reject("shop", 3, "not this one")
    await shop.approve("shop", 2)
    assert (await ended(shop, job, LATE)).status is Status.LIVE


async def test_what_waits_for_approval_anyway_waits(shop: Store) -> None:
    job = await begun(shop)
    await shop.rollback("shop", 1)
    assert (await ended(shop, job, LATE, needs_approval=True)).status is Status.WAITING
    assert await live(shop) == "first"


async def test_of_two_sleeps_at_once_the_last_one_to_end_is_served_and_the_other_can_be_rolled_back_to(
    shop: Store,
) -> None:
    one, other = await begun(shop), await begun(shop, drafts=2)
    assert (await ended(shop, other, THIRD)).status is Status.LIVE
    assert (await ended(shop, one, LATE)).status is Status.LIVE
    assert await live(shop) == "late"
    await shop.rollback("shop", 4)
    assert await live(shop) == "third"
