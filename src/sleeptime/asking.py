"""Asking: a query answered from the notes or the context, within a budget, and kept with what it cost."""

from __future__ import annotations

import time
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from sleeptime.core.budget import Budget, parse_budget
from sleeptime.core.call import Phase
from sleeptime.core.errors import InputError
from sleeptime.core.lane import QUERIES
from sleeptime.core.query import Query
from sleeptime.core.totals import Totals
from sleeptime.models.budgets import budget_request
from sleeptime.models.prices import LOCAL_PROVIDERS
from sleeptime.models.resolve import model_family, prompt_profile
from sleeptime.models.room import notes_room
from sleeptime.resources import Resources
from sleeptime.store.calls import StoredCalls
from sleeptime.store.outage import outlast
from sleeptime.telemetry.query_span import query_span
from sleeptime.wake.answer import answer
from sleeptime.wake.route import Route


async def ask(
    resources: Resources, name: str, query: str, *, budget: str | Budget | None = None, route: str | None = None
) -> Query:
    """Answer a query about a context; takes, returns and raises as `Sleeptime.ask`."""
    with query_span(resources.telemetry(), name) as told:
        answered, version = await _ask(resources, name, query, budget, route)
        told(answered, version)
        return answered


async def _ask(
    resources: Resources, name: str, query: str, budget: str | Budget | None, route: str | None
) -> tuple[Query, str]:
    """The answered query, and the version of the context it is about."""
    settings = resources.settings
    allowed = budget if budget is not None else settings.budget
    allowed = parse_budget(allowed) if isinstance(allowed, str) else allowed
    asked_route = _route(route)
    store, model = await resources.store(), await resources.model()
    plan = budget_request(model, allowed)
    # A provider answers elsewhere; what answers here shares the process with sleep, which gives way.
    with QUERIES.query() if model.system in LOCAL_PROVIDERS else nullcontext():
        began_s = time.perf_counter()  # opening is paid by the first query alone, and says nothing about routes
        serving = await store.serving(name)
        calls, query_id, at = StoredCalls(store), uuid4().hex, datetime.now(UTC)
        ledger = resources.traffic(store).led(calls, model)
        room = await notes_room(model, serving.context, query, settings.notes_limit_tokens)
        found = await answer(
            plan.apply(resources.metered(model, ledger, Phase.WAKE, name, query_id=query_id)),
            serving.context,
            serving.learned,
            query,
            budget=allowed,
            plan=plan,
            route=asked_route,
            keep_raw=settings.keep_raw,
            notes_limit_tokens=room.limit_tokens,
            profile=prompt_profile(model),
            count_tokens=room.count,
            cache_point=model_family(model) == "anthropic",
        )
        totals = Totals.of(calls.ended)
        answered = Query(
            context=name,
            text=query,
            route=found.route.value,
            budget=found.budget,
            answer=found.text,
            notes_used=found.notes_used,
            learned=serving.number if found.notes_used else None,
            usage=totals.usage,
            cost_usd=totals.cost_usd,
            latency_s=time.perf_counter() - began_s,
            at=at,
            id=query_id,
        )
        await outlast(partial(store.record_query, answered))
        return answered, serving.context.version


def _route(name: str | None) -> Route:
    try:
        return Route(name or Route.AUTO)
    except ValueError as error:
        raise InputError(f"route {name!r} is not known; allowed: {', '.join(Route)}") from error
