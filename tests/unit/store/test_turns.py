"""Turns: one at a time, hurried ones first, and a waiter that gives up leaves the others alone."""

from __future__ import annotations

import asyncio

from sleeptime.store.turns import Turns


async def test_turns_come_in_order_and_hurried_ones_before_the_others() -> None:
    turns, order = Turns(), []

    async def take(name: str, *, in_a_hurry: bool) -> None:
        async with turns.take(in_a_hurry=in_a_hurry):
            order.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in ("first", "sleep 1", "query 1", "sleep 2", "query 2"):
            group.create_task(take(name, in_a_hurry=name.startswith("query")))
    assert order == ["first", "query 1", "query 2", "sleep 1", "sleep 2"]


async def test_no_two_have_a_turn_at_once_whatever_is_cancelled() -> None:
    turns, inside, most = Turns(), 0, 0

    async def take(number: int) -> None:
        nonlocal inside, most
        async with turns.take(in_a_hurry=number % 3 == 0):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    tasks = [asyncio.create_task(take(number)) for number in range(60)]
    for number in range(0, 60, 4):
        await asyncio.sleep(0)
        tasks[59 - number].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 1
    assert sum(isinstance(result, asyncio.CancelledError) for result in done) >= 1
    async with turns.take():
        pass


async def test_a_turn_that_was_given_to_one_who_gave_up_goes_to_the_next() -> None:
    turns, order = Turns(), []

    async def take(name: str) -> None:
        async with turns.take():
            order.append(name)

    async with turns.take():
        first, second = (asyncio.create_task(take(name)) for name in ("first", "second"))
        await asyncio.sleep(0)
    first.cancel()  # it has the turn, and does not know yet
    await asyncio.wait({first, second})
    assert order == ["second"]
    assert first.cancelled()


async def test_a_turn_passes_over_who_was_cancelled_at_the_same_moment() -> None:
    turns, told = Turns(), []

    async def wait(who: str) -> None:
        async with turns.take():
            told.append(who)

    async with turns.take():
        waiting = [asyncio.create_task(wait(who)) for who in "abc"]
        await asyncio.sleep(0)
        waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert told == ["b", "c"]
    async with turns.take():
        told.append("free again")
    assert told[-1] == "free again"


async def test_a_turn_is_not_given_to_one_who_gives_up_at_that_moment() -> None:
    turns, order = Turns(), []

    async def take(name: str) -> None:
        async with turns.take():
            order.append(name)

    async with turns.take():
        first, second = (asyncio.create_task(take(name)) for name in ("first", "second"))
        await asyncio.sleep(0)
        first.cancel()  # it does not know yet
    await asyncio.wait({first, second})
    assert order == ["second"]
    async with turns.take():
        pass
