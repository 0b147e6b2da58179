"""Store: what an ask looks up and records goes by index, so it does not grow with the number of contexts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import RUNNING, Call, Phase, WorstCase
from sleeptime.core.caps import Cap, Caps
from sleeptime.core.context import Context
from sleeptime.core.errors import CapReached
from sleeptime.core.query import Query
from sleeptime.core.spend import Scope
from sleeptime.core.usage import Usage
from sleeptime.store.entry import Keep
from sleeptime.store.ledger_rows import close_job
from sleeptime.store.store import Store
from tests.integration.store.builders import context, learned, note

Statement = tuple[str, Any]


async def plans(connection: AsyncConnection, statements: Sequence[Statement]) -> list[str]:
    """What the engine would do for each statement, when it avoids reading whole tables wherever it can."""
    explain = "EXPLAIN QUERY PLAN"
    if connection.dialect.name == "postgresql":
        explain = "EXPLAIN"
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    found = []
    for sql, parameters in statements:
        rows = await connection.exec_driver_sql(f"{explain} {sql}", parameters)
        found.append(" / ".join(str(row[-1]) for row in rows))
    return found


@pytest.mark.parametrize(
    "ask", ["serving", "live", "record", "add again", "commit and prune", "prune", "append", "start a sleep"]
)
async def test_no_step_of_an_ask_reads_a_whole_table(store: Store, ask: str) -> None:
    shop = context(a="one", b="two")
    await store.add_context(shop)
    await store.make_live("shop", await store.stage(learned(shop, note("x", *shop.parts))))
    with watched(store) as statements:
        await do(store, shop, ask)
    await check_plans(store, statements)


async def do(store: Store, shop: Context, ask: str) -> None:
    if ask == "serving":
        await store.serving("shop")
    elif ask == "live":
        await store.live("shop")
    elif ask == "record":
        query = Query(context="shop", text="q", route="notes", budget="v0", answer="a", learned=1)
        await store.record_query(query)
        await store.ledger.end(Call(phase=Phase.WAKE, model="m", usage=Usage(), query_id=query.id))
    elif ask == "commit and prune":
        await store.commit_sleep(learned(shop, note("y")), job_id="job", keep=Keep(last=1, days=0))
    elif ask == "prune":
        await store.stage(learned(shop, note("y")))
        await store.stage(learned(shop, note("z")))
        assert (await store.prune("shop", Keep(last=1, days=0))).versions == (2,)
    elif ask == "append":
        await store.append("shop", ["three"])
    elif ask == "start a sleep":
        assert (await store.unstudied("shop")).base is not None
    else:
        await store.add_context(context(a="one", b="changed"))


@contextmanager
def watched(store: Store) -> Iterator[list[Statement]]:
    """The statements that look rows up while the block runs."""
    statements: list[Statement] = []

    def keep(_conn: Connection, _cursor: object, sql: str, parameters: object, *_: object) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.append((sql, parameters))

    engine = store._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", keep)


async def check_plans(store: Store, statements: Sequence[Statement]) -> None:
    assert statements
    async with store._database.reading() as connection:
        for plan in await plans(connection, statements):
            assert "SCAN" not in plan.replace("SCAN CONSTANT ROW", ""), plan
            assert "Seq Scan" not in plan


@pytest.mark.parametrize("step", ["begin", "refuse", "end", "leave", "withdraw", "lose", "close", "answer", "totals"])
async def test_no_step_of_a_call_reads_a_whole_table(store: Store, step: str) -> None:
    running = Call(
        phase=Phase.SLEEP, model="m", usage=Usage(), context="c", job_id="j", key="0.0", outcome=RUNNING, worker="w",
        reserved=WorstCase(9, 0.0),
    )  # fmt: skip
    await store.ledger.begin(running)
    with watched(store) as statements:
        if step == "begin":
            await store.ledger.begin(running)
        elif step == "refuse":
            with pytest.raises(CapReached):
                await store.ledger.begin(replace(running, id="other"), Caps(tenant_day=Cap(max_tokens=10)))
        elif step == "end":
            await store.ledger.end(replace(running, outcome="ok"), "reply")
        elif step == "leave":
            await store.ledger.leave(running)
        elif step == "withdraw":
            await store.ledger.withdraw(running)
        elif step == "lose":
            await store.ledger.lose(["w"], unowned_before=running.at)
        elif step == "close":
            await store._database.write(lambda connection: close_job(connection, store.tenant, "j"))
        elif step == "answer":
            await store.ledger.answered("j", "0.0")
        else:
            await store.ledger.of_job("j")
            await store.ledger.spend(Scope.TENANT, day="2026-05-04")
            await store.ledger.sums("c")
    await check_plans(store, statements)
