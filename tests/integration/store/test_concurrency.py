"""Store: tasks and processes that write at once lose nothing and break nothing, on both engines."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

from sleeptime.core.call import Call, Phase
from sleeptime.core.usage import Usage
from sleeptime.store.entry import Status
from sleeptime.store.store import Store
from tests.integration.store.builders import context, learned, note

SHOP = context(a="one", b="two")


async def test_adding_one_name_at_once_makes_one_context_and_keeps_every_version(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(4)]
    added = [context(a="shared", b=f"text {n}") for n in range(8)]
    results = await asyncio.gather(
        *(stores[n % len(stores)].add_context(each) for n, each in enumerate([*added, *added]))
    )
    assert {version for version, _ in results} == {each.version for each in added}
    (entry,) = await stores[0].contexts()
    assert entry.version in {each.version for each in added}
    assert await stores[1].context("shop") in added
    for store in stores:
        await store.close()


async def test_adding_one_version_at_once_is_new_once(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(4)]
    results = await asyncio.gather(*(store.add_context(SHOP) for store in stores for _ in range(3)))
    assert sum(is_new for _, is_new in results) == 1
    for store in stores:
        await store.close()


async def test_the_same_parts_in_opposite_order_do_not_deadlock(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(2)]
    texts = {f"p{n}": f"text {n}" for n in range(200)}
    backwards = dict(reversed(texts.items()))
    await asyncio.gather(stores[0].add_context(context("a", **texts)), stores[1].add_context(context("b", **backwards)))
    assert len((await stores[0].context("b")).parts) == 200
    for store in stores:
        await store.close()


async def test_staging_at_once_gives_each_its_own_number(database_url: str) -> None:
    stores = [await Store.open(database_url) for _ in range(4)]
    await stores[0].add_context(SHOP)
    numbers = await asyncio.gather(*(stores[n % 4].stage(learned(SHOP, note(str(n)))) for n in range(12)))
    assert sorted(numbers) == list(range(1, 13))
    await asyncio.gather(*(stores[n % 4].make_live("shop", number) for n, number in enumerate(numbers)))
    states = [entry.status for entry in await stores[0].learned_versions("shop")]
    assert states.count(Status.LIVE) == 1
    assert states.count(Status.RETIRED) == 11
    for store in stores:
        await store.close()


WRITER = """
import asyncio, json, sys
from sleeptime.core.call import Call, Phase
from sleeptime.core.context import Context, Part
from sleeptime.core.usage import Usage
from sleeptime.store.store import Store

async def main(url, who):
    async with await Store.open(url) as store:
        for n in range(20):
            await store.add_context(Context("shared", (Part("p", f"{who} {n}"), Part("q", "same"))))
            await store.add_context(Context(f"{who}-{n}", (Part("q", "same"),)))
            await store.ledger.end(Call(phase=Phase.WAKE, model="m", usage=Usage(1), context="shared"))

asyncio.run(main(*json.loads(sys.argv[1])))
"""


async def test_processes_write_to_one_database_at_once(empty_database_url: str) -> None:
    """Two processes open a database that has no tables yet, and then write to the same and to other names."""

    def run(who: str) -> subprocess.CompletedProcess[str]:
        arguments = json.dumps([empty_database_url, who])
        command = [sys.executable, "-W", "error", "-c", WRITER, arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    done = await asyncio.gather(*(asyncio.to_thread(run, who) for who in ("left", "right")))
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    async with await Store.open(empty_database_url) as store:
        assert len(await store.contexts()) == 41
        assert len(await store.ledger.calls("shared")) == 40


async def test_a_cancelled_write_leaves_the_store_usable(store: Store) -> None:
    for delay_s in (0.0, 0.0005, 0.001, 0.002, 0.004):
        task = asyncio.create_task(store.add_context(context("cancelled", **{f"p{n}": str(n) for n in range(50)})))
        await asyncio.sleep(delay_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await store.add_context(SHOP)
    await store.ledger.end(Call(phase=Phase.WAKE, model="m", usage=Usage()))
    assert await store.context("shop") == SHOP
    for entry in await store.contexts():
        assert entry.parts == (50 if entry.name == "cancelled" else 2)
