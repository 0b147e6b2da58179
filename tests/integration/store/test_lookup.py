"""Store: what an ask looks up and records goes by index, so it does not grow with the number of contexts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import Call, Phase
from sleeptime.core.query import Query
from sleeptime.core.usage import Usage
from sleeptime.store.entry import Keep
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


@pytest.mark.parametrize("ask", ["serving", "live", "record", "add again", "commit and prune", "prune"])
async def test_no_step_of_an_ask_reads_a_whole_table(store: Store, ask: str) -> None:
    shop = context(a="one", b="two")
    await store.add_context(shop)
    await store.make_live("shop", await store.stage(learned(shop, note("x", *shop.parts))))
    statements: list[Statement] = []

    def keep(_conn: Connection, _cursor: object, sql: str, parameters: object, *_: object) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.append((sql, parameters))

    engine = store._database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    if ask == "serving":
        await store.serving("shop")
    elif ask == "live":
        await store.live("shop")
    elif ask == "record":
        query = Query(context="shop", text="q", route="notes", budget="v0", answer="a", learned=1)
        await store.record_query(query)
        await store.record_call(Call(phase=Phase.WAKE, model="m", usage=Usage(), query_id=query.id))
    elif ask == "commit and prune":
        await store.commit_sleep(learned(shop, note("y")), job_id="job", keep=Keep(last=1, days=0))
    elif ask == "prune":
        await store.stage(learned(shop, note("y")))
        await store.stage(learned(shop, note("z")))
        assert (await store.prune("shop", Keep(last=1, days=0))).versions == (2,)
    else:
        await store.add_context(context(a="one", b="changed"))
    event.remove(engine, "before_cursor_execute", keep)

    assert statements
    async with store._database.reading() as connection:
        for plan in await plans(connection, statements):
            assert "SCAN" not in plan.replace("SCAN CONSTANT ROW", ""), plan
            assert "Seq Scan" not in plan
