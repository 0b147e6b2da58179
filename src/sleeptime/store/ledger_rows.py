"""Rows of the ledger: calls and queries, each kept once however often it is recorded.

Every function works on a connection whose transaction belongs to the caller, and on one tenant.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import Call, Phase
from sleeptime.core.price import Tier
from sleeptime.core.query import Query
from sleeptime.core.text import checked_text, kept_text
from sleeptime.core.usage import Usage
from sleeptime.store.conflict import insert_unless_there
from sleeptime.store.context_rows import Head
from sleeptime.store.tables import CallRow, ContextRow, LearnedRow, QueryRow


async def add_call(connection: AsyncConnection, tenant: str, call: Call) -> None:
    """Keep a call. It was paid for, so it is kept whether its context exists or not."""
    row = {
        "tenant": tenant,
        "id": call.id,
        "phase": call.phase,
        "model": kept_text(call.model),
        "tier": call.tier,
        "context": call.context,
        "query_id": call.query_id,
        "job_id": call.job_id,
        "outcome": kept_text(call.outcome),
        "cost_usd": call.cost_usd,
        "latency_s": call.latency_s,
        "at": call.at,
        **call.usage.as_dict(),
    }
    await insert_unless_there(connection, CallRow, [row])


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


async def list_calls(connection: AsyncConnection, tenant: str, context: str | None) -> tuple[Call, ...]:
    """Calls of one context, or of all and of none (``None``), oldest first."""
    statement = select(*CallRow.__table__.columns).where(CallRow.tenant == tenant).order_by(CallRow.at, CallRow.id)
    if context is not None:
        statement = statement.where(CallRow.context == context)
    return tuple(
        Call(
            phase=Phase(row.phase),
            model=row.model,
            usage=_usage(row),
            context=row.context,
            tier=Tier(row.tier),
            cost_usd=row.cost_usd,
            latency_s=row.latency_s,
            query_id=row.query_id,
            job_id=row.job_id,
            outcome=row.outcome,
            at=row.at,
            id=row.id,
        )
        for row in await connection.execute(statement)
    )


async def list_queries(connection: AsyncConnection, tenant: str, head: Head | None) -> tuple[Query, ...]:
    """Queries of one context, or of all (``None``), oldest first."""
    statement = (
        select(*QueryRow.__table__.columns, ContextRow.name.label("context"), LearnedRow.number.label("learned"))
        .join(ContextRow, ContextRow.id == QueryRow.context_id)
        .outerjoin(LearnedRow, LearnedRow.id == QueryRow.learned_id)
        .where(QueryRow.tenant == tenant)
        .order_by(QueryRow.at, QueryRow.id)
    )
    if head is not None:
        statement = statement.where(QueryRow.context_id == head.id)
    return tuple(
        Query(
            context=row.context,
            text=row.text,
            route=row.route,
            budget=row.budget,
            answer=row.answer,
            notes_used=tuple(row.notes_used),
            learned=row.learned,
            usage=_usage(row),
            cost_usd=row.cost_usd,
            latency_s=row.latency_s,
            at=row.at,
            id=row.id,
        )
        for row in await connection.execute(statement)
    )


def _usage(row: Any) -> Usage:
    return Usage(
        row.input_tokens, row.cached_input_tokens, row.cache_write_tokens, row.output_tokens, row.reasoning_tokens
    )
