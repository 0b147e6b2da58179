"""Asking an agent: a change is made in a scratch tree by a model that searches what sleep has left of a context.

What was asked is kept as every query is, with what it cost, also when it broke off; only one that was interrupted is
not, and its calls are in the ledger all the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_ai.models import Model

from sleeptime.core.call import OK
from sleeptime.core.errors import SleeptimeError, StoreError
from sleeptime.core.note import Note
from sleeptime.core.query import AGENT, Query
from sleeptime.core.totals import Totals
from sleeptime.sources.entry import printable
from sleeptime.store.calls import StoredCalls
from sleeptime.store.outage import outlast
from sleeptime.swe.attempt import STEPS, Attempt, attempt, near_notes
from sleeptime.swe.cache import Warn
from sleeptime.swe.context import check_query, index_of, repository_of
from sleeptime.swe.file_notes import DERIVATION
from sleeptime.swe.index import Index, Progress
from sleeptime.swe.player import told_search
from sleeptime.swe.scratch import Scratch
from sleeptime.swe.tools import Tools
from sleeptime.telemetry.query_span import query_span
from sleeptime.telemetry.telemetry import SILENT, Telemetry
from sleeptime.wake.select import servable_notes

if TYPE_CHECKING:
    from sleeptime.store.entry import Serving
    from sleeptime.store.store import Store

log = logging.getLogger(__name__)

Metered = Callable[[StoredCalls, str], Model]
"""The model, retried as the caller likes, whose calls are kept there, for the query of this id."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking an agent.

    Args:
        made: the change.
        query: as it is kept.
        error: why it broke off after an edit, or could not be kept; None when all went well.
    """

    made: Attempt
    query: Query
    error: SleeptimeError | None = None


async def ask_agent(
    store: Store,
    metered: Metered,
    name: str,
    query: str,
    *,
    steps: int = STEPS,
    folder: Path | None = None,
    progress: Progress | None = None,
    asking: Callable[[], None] = lambda: None,
    warn: Warn = log.warning,
    telemetry: Telemetry = SILENT,
) -> Asked:
    """Let an agent make a change of a context's repository, guided by the index and by the notes that are in service.

    Args:
        store: of the tenant.
        metered: who makes it.
        name: of the context.
        query: what is asked for.
        steps: the budget.
        folder, progress, warn: as for `context.ask`.
        asking: called when the index is there and the agent begins.
        telemetry: gets a span for the query.

    Returns:
        what it came to, also when it broke off after an edit.

    Raises:
        NotFound, Unreadable, InputError: as `context.ask`; or the model cannot call tools.
        SleeptimeError: a call of the model failed before anything was edited.
    """
    check_query(query)
    with query_span(telemetry, name) as told:
        asked = Query(context=name, text=query, route=AGENT, budget=f"steps:{steps}", answer="")
        calls, began_s = StoredCalls(store), time.perf_counter()
        serving = await store.serving(name)
        repository = await repository_of(store, name, serving.context.version)
        search = _Search(index_of(repository, folder=folder, progress=progress, warn=warn), _notes(serving))
        asking()
        with Scratch(repository) as scratch:
            made = await attempt(
                metered(calls, asked.id), scratch, Tools(repository), query, steps=steps, search=search
            )
        totals = Totals.of(calls.ended)
        asked = replace(
            asked,
            answer="\n".join(map(printable, made.modified)),
            notes_used=tuple(search.told),
            learned=serving.number if search.told else None,
            usage=totals.usage,
            cost_usd=totals.cost_usd,
            latency_s=time.perf_counter() - began_s,
        )
        unkept = await _unkept(store, asked) if calls.ended else None
        error = made.work.error or unkept
        told(asked, serving.context.version, OK if error is None else type(error).__name__)
        if error is not None and not made.modified:
            raise error
        return Asked(made, asked, error)


async def _unkept(store: Store, asked: Query) -> StoreError | None:
    """Keep a query; why it could not be: what it came to is paid for, and is not lost with its row."""
    try:
        await outlast(partial(store.record_query, asked))
    except StoreError as error:
        return error
    return None


@dataclass(slots=True)
class _Search:
    """Searches the index and the notes, and knows what it told.

    Args:
        index: of the repository.
        notes: that may be told.
        told: ids of those that were, in their order.
    """

    index: Index
    notes: tuple[Note, ...]
    told: dict[str, None] = field(default_factory=dict)

    def __call__(self, query: str) -> str:
        near = near_notes(self.notes, query)
        self.told |= dict.fromkeys(note.id for note in near)
        return told_search(self.index, near, query)


def _notes(serving: Serving) -> tuple[Note, ...]:
    """The notes that a model wrote; those of the index, whose reasons a search tells anyway, where there are none."""
    notes = servable_notes(serving.learned, serving.context)
    return tuple(note for note in notes if note.derivation != DERIVATION) or notes
