"""Rows of queries, each kept once however often it is recorded.

Every function works on a connection whose transaction belongs to the caller, and on one tenant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import OK
from sleeptime.core.query import AGENT, Query
from sleeptime.core.text import checked_text, kept_text
from sleeptime.store.conflict import insert_unless_there
from sleeptime.store.context_rows import Head
from sleeptime.store.entry import AgentQuery
from sleeptime.store.ledger_rows import usage_of
from sleeptime.store.listed import Listed, listed
from sleeptime.store.tables import CallRow, ContextRow, LearnedRow, QueryRow


async def add_query(connection: AsyncConnection, tenant: str, head: Head, query: Query) -> None:
    """Keep a query.

    Raises:
        NotText: its text holds a character that cannot be kept.
    """
    numbered = select(LearnedRow.id).where(LearnedRow.context_id == head.id, LearnedRow.number == query.learned)
    numbered = numbered.with_for_update(read=True, key_share=True)  # it is not pruned before this query points to it
    learned_id = None if query.learned is None else (await connection.execute(numbered)).scalar_one_or_none()
    row = {
        "tenant": tenant,
        "id": query.id,
        "context_id": head.id,
        "learned_id": learned_id,
        "text": checked_text("the query", query.text),
        "route": query.route,
        "budget": query.budget,
        "answer": kept_text(query.answer),
        "notes_used": list(query.notes_used),
        "cost_usd": query.cost_usd,
        "latency_s": query.latency_s,
        "at": query.at,
        **query.usage.as_dict(),
    }
    await insert_unless_there(connection, QueryRow, [row])


async def list_queries(connection: AsyncConnection, tenant: str, head: Head | None) -> tuple[Query, ...]:
    """Queries of one context, or of all (``None``), oldest first."""
    statement = _queries(tenant).order_by(QueryRow.at, QueryRow.id)
    if head is not None:
        statement = statement.where(QueryRow.context_id == head.id)
    return tuple(_query(row) for row in await connection.execute(statement))


async def list_agent_queries(connection: AsyncConnection, tenant: str, head: Head, limit: int) -> Listed[AgentQuery]:
    """The newest queries about a context that an agent worked on, with how the last call of each ended."""
    of_agents = (QueryRow.context_id == head.id, QueryRow.route == AGENT)
    found = await listed(
        connection,
        _queries(tenant).where(*of_agents).order_by(QueryRow.at.desc(), QueryRow.id),
        _query,
        limit,
        counted=select(QueryRow.id).where(*of_agents),
    )
    ended = await _last_calls(connection, tenant, head, found.items)
    return Listed(tuple(AgentQuery(query, ended.get(query.id, OK)) for query in found.items), found.count)


async def _last_calls(
    connection: AsyncConnection, tenant: str, head: Head, queries: Sequence[Query]
) -> Mapping[str, str]:
    """How the last call of each query ended; the calls since the oldest of them are looked through once."""
    if not queries:
        return {}
    calls = select(CallRow.query_id, CallRow.outcome).where(
        CallRow.tenant == tenant,
        CallRow.context == head.name,
        CallRow.at >= min(query.at for query in queries),
        CallRow.query_id.in_([query.id for query in queries]),
    )
    rows = await connection.execute(calls.order_by(CallRow.at, CallRow.id.desc()))
    return {row.query_id: row.outcome for row in rows}


def _queries(tenant: str) -> Select[*tuple[Any, ...]]:
    return (
        select(*QueryRow.__table__.columns, ContextRow.name.label("context"), LearnedRow.number.label("learned"))
        .join(ContextRow, ContextRow.id == QueryRow.context_id)
        .outerjoin(LearnedRow, LearnedRow.id == QueryRow.learned_id)
        .where(QueryRow.tenant == tenant)
    )


def _query(row: Any) -> Query:
    return Query(
        context=row.context,
        text=row.text,
        route=row.route,
        budget=row.budget,
        answer=row.answer,
        notes_used=tuple(row.notes_used),
        learned=row.learned,
        usage=usage_of(row),
        cost_usd=row.cost_usd,
        latency_s=row.latency_s,
        at=row.at,
        id=row.id,
    )
