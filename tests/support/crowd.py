"""A crowd: a store with many contexts, each as one that lives: parts, notes, a policy, a wake-up, queries, calls.

Rows are written as the store would write them, by hand and many at once, for the store's own way takes one transaction
for each. What is measured or tested on a crowd goes through the store.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sleeptime.core.call import OK, Phase
from sleeptime.core.context import Context, Part
from sleeptime.core.job import BY_TRIGGER, JobState, Wanted
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.price import Tier
from sleeptime.core.spend import Lane, Scope, Spend, utc_day
from sleeptime.core.totals import Totals
from sleeptime.core.trigger import Trigger
from sleeptime.core.usage import Usage
from sleeptime.jobs.snapshot import new_job
from sleeptime.settings import Settings
from sleeptime.store.entry import Status
from sleeptime.store.spend_rows import ALL_DAYS
from sleeptime.store.store import Store
from sleeptime.store.sum_rows import SumKey
from sleeptime.store.tables import Table

PARTS, NOTES, SLEEP_CALLS, QUERIES = 2, 3, 2, 2
"""Of each context."""
QUARANTINED: Final = 1_000
"""One in so many is in quarantine."""

_AT_ONCE: Final = 1_000
"""Contexts per transaction."""
_MODEL: Final = "openai:gpt-5-mini"
_POLICY: Final = {"on_change": "30s", "max_usd_per_day": 0.5}
_USAGE: Final = Usage(input_tokens=400, cached_input_tokens=100, output_tokens=120, reasoning_tokens=60)
_COST_USD: Final = 2**-11
_LATENCY_S: Final = 1.5

Row = dict[str, Any]


def a_context(number: int, version: str = "") -> Context:
    """Context ``number`` of a crowd, or another version of it."""
    words = "Some words of text. " * 10
    parts = (Part(f"part {i}", f"Part {i} of context {number}{version}. {words}") for i in range(PARTS))
    return Context(f"context {number:07}", tuple(parts))


def notes_of(context: Context) -> LearnedContext:
    """What a sleep wrote about it; each note rests on a part."""
    notes = (
        Note(NoteKind.FACT, f"Statement {i} of {context.name}.", depends_on=(context.parts[i % PARTS].sha256,))
        for i in range(NOTES)
    )
    return LearnedContext(context.name, context.version, tuple(notes), "notes", _MODEL)


async def fill(store: Store, count: int, *, seed: int = 0) -> None:
    """Let an empty store have ``count`` contexts."""
    rng, now = Random(seed), datetime.now(UTC)
    shared: dict[str, list[Row]] = defaultdict(list)
    for start in range(0, count, _AT_ONCE):
        rows: dict[str, list[Row]] = defaultdict(list)
        for number in range(start, min(start + _AT_ONCE, count)):
            for table, row in _rows_of(number, store.tenant, now, rng):
                rows[table].append(row)
        await store._database.write(partial(_insert, rows=rows))
    for lane, times in _CALLS.items():
        for day in (utc_day(now), ALL_DAYS):
            shared["spend"].append(_spend(store.tenant, Scope.TENANT, day, "", lane, count * times))
        shared["call_sum"].append(_line(store.tenant, Scope.TENANT, "", lane, count * times))
    await store._database.write(partial(_insert, rows=shared))
    await store._database.write(_settle)


def _rows_of(number: int, tenant: str, now: datetime, rng: Random) -> Iterator[tuple[str, Row]]:
    """Every row of a context, those before it that others point to."""
    context, own_id, moment = a_context(number), number + 1, _moment(now)
    learned = notes_of(context)
    job_id = _id(rng)
    for i, part in enumerate(context.parts):
        size = len(part.text.encode())
        yield "part", {
            "id": number * PARTS + i + 1, "tenant": tenant, "sha256": part.sha256, "text": part.text, "size": size,
        }  # fmt: skip
    yield "context", {
        "id": own_id, "tenant": tenant, "name": context.name, "version": context.version, "created_at": moment,
    }  # fmt: skip
    yield "context_version", {
        "id": own_id, "context_id": own_id, "version": context.version, "created_at": moment, "num_parts": PARTS,
    }  # fmt: skip
    for i, part in enumerate(context.parts):
        part_id = number * PARTS + i + 1
        yield "version_part", {"version_id": own_id, "position": i, "name": part.name, "part_id": part_id}
    yield "learned", {
        "id": own_id, "tenant": tenant, "context_id": own_id, "context_version_id": own_id, "number": 1,
        "status": Status.LIVE.value, "strategy": learned.strategy, "model": learned.model, "digest": learned.digest,
        "job_id": job_id, "created_at": moment, "status_at": moment,
    }  # fmt: skip
    for i, note in enumerate(learned.notes):
        yield "note", {
            "learned_id": own_id, "position": i, "kind": note.kind.value, "text": note.text, "subject": "",
            "value": "", "derivation": "", "depends_on": json.dumps(note.depends_on), "votes": 1,
            "verdict": note.verdict.value,
        }  # fmt: skip
    yield from _of_sleep(own_id, tenant, context, job_id, now, rng, is_quarantined=number % QUARANTINED == 0)
    for query_id, call_id, lane, key in _calls(rng):
        if query_id:
            yield (
                "query",
                {"tenant": tenant, "id": query_id, "context_id": own_id, "learned_id": own_id}
                | _QUERY
                | {"at": moment},
            )
        yield "call", {
            "tenant": tenant, "id": call_id, "phase": lane.value, "context": context.name,
            "query_id": query_id or None, "job_id": None if query_id else job_id, "key": key, "at": moment,
        } | _CALL  # fmt: skip
    for lane, times in _CALLS.items():
        for day in (utc_day(now), ALL_DAYS):
            yield "spend", _spend(tenant, Scope.CONTEXT, day, context.name, lane, times)
        yield "call_sum", _line(tenant, Scope.CONTEXT, context.name, lane, times)
    yield "spend", _spend(tenant, Scope.JOB, ALL_DAYS, job_id, Lane.SLEEP, SLEEP_CALLS)


def _of_sleep(
    own_id: int, tenant: str, context: Context, job_id: str, now: datetime, rng: Random, *, is_quarantined: bool
) -> Iterator[tuple[str, Row]]:
    """What a policy, a change since the last sleep, and that sleep leave behind."""
    moment, yesterday = _moment(now), _moment(now - timedelta(days=1, milliseconds=own_id))
    due_at = _moment(now + timedelta(days=1, seconds=rng.randrange(30 * 86_400)))
    yield "policy", {"context_id": own_id, "body": json.dumps(_POLICY), "updated_at": moment}
    yield "wake_up", {
        "context_id": own_id, "tenant": tenant, "first_change_at": yesterday, "last_change_at": yesterday,
        "new_parts": 0, "due_at": due_at, "trigger": Trigger.CHANGE.value,
    }  # fmt: skip
    yield "sleep_state", {
        "context_id": own_id, "tenant": tenant, "slept_version": "0" * 16, "slept_at": yesterday, "nothing_new": 0,
        "failures": 5 if is_quarantined else 0, "quarantined_at": moment if is_quarantined else None,
        "last_error": "no key" if is_quarantined else "",
    }  # fmt: skip
    yield "job", {
        "id": job_id, "tenant": tenant, "context_id": own_id, "context_version": context.version,
        "work": job_id[:16], "settings": _SETTINGS, "trigger": Trigger.CHANGE.value, "priority": BY_TRIGGER,
        "state": JobState.OVER.value, "wanted": Wanted.RUN.value, "outcome": Outcome.WROTE.value, "reason": "",
        "learned": 1, "drafts": 1, "drafts_done": 1, "run": 1, "deaths": 0, "worker": "w", "created_at": yesterday,
        "started_at": yesterday, "finished_at": moment,
    }  # fmt: skip


_SETTINGS: Final = json.dumps(dict(new_job("", Settings(model="nano"), trigger="change", priority=BY_TRIGGER).settings))


_CALLS: Final = {Lane.SLEEP: SLEEP_CALLS, Lane.WAKE: QUERIES}
"""How many calls a context has of each lane; the phase of a call has the name of its lane."""
_TOTALS: Final = Totals(1, usage=_USAGE, known_cost_usd=_COST_USD, latency_s=_LATENCY_S).as_dict()
del _TOTALS["cost_usd"]
_SPEND: Final = asdict(Spend(calls=1, tokens=_USAGE.total_tokens, cost_usd=_COST_USD))
_CALL: Final = {
    "model": _MODEL, "tier": Tier.STANDARD.value, "outcome": OK, **_USAGE.as_dict(), "cost_usd": _COST_USD,
    "latency_s": _LATENCY_S,
}  # fmt: skip
_QUERY: Final = {
    "text": "What is said?", "route": "notes", "budget": "v1", "answer": "Statement 0.", "notes_used": "[]",
    **_USAGE.as_dict(), "cost_usd": _COST_USD, "latency_s": _LATENCY_S,
}  # fmt: skip


def _calls(rng: Random) -> Iterator[tuple[str, str, Lane, str | None]]:
    """The calls of a context: the query that each answered, its own id, lane and key."""
    for i in range(SLEEP_CALLS):
        yield "", _id(rng), Lane.SLEEP, f"{i}"
    for _ in range(QUERIES):
        yield _id(rng), _id(rng), Lane.WAKE, None


def _id(rng: Random) -> str:
    return f"{rng.getrandbits(128):032x}"


def _spend(tenant: str, scope: Scope, day: str, subject: str, lane: Lane, times: int) -> Row:
    key = {"tenant": tenant, "scope": scope.value, "day": day, "subject": subject, "lane": lane.value}
    return key | _times(times, _SPEND)


def _line(tenant: str, scope: Scope, subject: str, lane: Lane, times: int) -> Row:
    key = SumKey(scope, tenant, subject, Phase(lane.value), _MODEL, Tier.STANDARD)
    return key._asdict() | {"line": key.line} | _times(times, _TOTALS)


def _times(number: int, amounts: Row) -> Row:
    return {name: number * amount for name, amount in amounts.items()}


def _moment(at: datetime) -> str:
    """As SQLite keeps it, and PostgreSQL reads it in the time zone UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


async def _insert(connection: AsyncConnection, rows: dict[str, list[Row]]) -> None:
    for table in Table.metadata.sorted_tables:
        of_table = rows.get(table.name)
        if of_table:
            await _insert_into(connection, table.name, [*of_table[0]], [tuple(row.values()) for row in of_table])


async def _insert_into(
    connection: AsyncConnection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" for _ in columns)
        await connection.exec_driver_sql(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*rows])
        return
    await connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    driver: Any = (await connection.get_raw_connection()).driver_connection
    async with driver.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for row in rows:
            await copy.write_row(row)


async def _settle(connection: AsyncConnection) -> None:
    """Number further rows behind these, and know how many there are, which autovacuum does on PostgreSQL by itself."""
    if connection.dialect.name == "sqlite":
        return
    for table in ("part", "context", "context_version", "learned"):
        await connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        )
    await connection.execute(text("ANALYZE"))
