"""Lane: what is no query waits for queries, but not for ever."""

from __future__ import annotations

import asyncio
import threading

from sleeptime.core.lane import Lane

LONG_S = 60.0


async def test_a_task_waits_until_the_last_query_is_over() -> None:
    lane, order = Lane(), []

    async def sleep() -> None:
        await lane.let_pass(LONG_S)
        order.append("sleep")

    with lane.query():
        with lane.query():
            asleep = asyncio.create_task(sleep())
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        order.append("queries")
    await asleep
    assert order == ["queries", "sleep"]


def test_a_thread_waits_until_the_last_query_is_over() -> None:
    lane, order = Lane(), []

    def sleep() -> None:
        lane.give_way(LONG_S)
        order.append("sleep")

    with lane.query():
        asleep = threading.Thread(target=sleep)
        asleep.start()
        asleep.join(0.05)
        order.append("query")
    asleep.join(LONG_S)
    assert order == ["query", "sleep"]


async def test_queries_without_an_end_do_not_stop_sleep() -> None:
    lane = Lane()
    with lane.query():
        lane.give_way(0.01)
        await lane.let_pass(0.01)


async def test_nobody_waits_when_there_is_no_query() -> None:
    lane = Lane()
    lane.give_way(LONG_S)
    await lane.let_pass(LONG_S)
