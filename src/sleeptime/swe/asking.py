"""Asking an agent: a change is made in a scratch tree by a model that searches what sleep has left of a context."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_ai.models import Model

from sleeptime.core.errors import EmptyInput
from sleeptime.core.note import Note
from sleeptime.core.text import checked_text
from sleeptime.swe.attempt import STEPS, Attempt, attempt
from sleeptime.swe.cache import Warn
from sleeptime.swe.context import index_of, repository_of
from sleeptime.swe.file_notes import DERIVATION
from sleeptime.swe.index import Progress
from sleeptime.swe.player import told_search
from sleeptime.swe.scratch import Scratch
from sleeptime.swe.tools import Tools
from sleeptime.wake.select import servable_notes

if TYPE_CHECKING:
    from sleeptime.store.store import Store

log = logging.getLogger(__name__)


async def ask_agent(
    store: Store,
    model: Model,
    name: str,
    query: str,
    *,
    steps: int = STEPS,
    folder: Path | None = None,
    progress: Progress | None = None,
    asking: Callable[[], None] = lambda: None,
    warn: Warn = log.warning,
) -> Attempt:
    """Let an agent make a change of a context's repository, guided by the index and by the notes that are in service.

    Args:
        store: of the tenant.
        model: metered and retried as the caller likes.
        name: of the context.
        query: what is asked for.
        steps: the budget.
        folder, progress, warn: as for `context.ask`.
        asking: called when the index is there and the agent begins.

    Returns:
        what it came to; ``work.error`` says why it broke off after an edit.

    Raises:
        NotFound, Unreadable, InputError: as `context.ask`; or the model cannot call tools.
        SleeptimeError: a call of the model failed before anything was edited.
    """
    if not query.strip():
        raise EmptyInput("the query is blank; say what is to be changed, such as 'add a --json flag to the export'")
    checked_text("the query", query)
    index = await index_of(store, name, folder=folder, progress=progress, warn=warn)
    serving = await store.serving(name)
    notes = _of_model(servable_notes(serving.learned, serving.context))
    repository = await repository_of(store, name)
    asking()
    with Scratch(repository) as scratch:
        made = await attempt(
            model,
            scratch,
            Tools(repository),
            query,
            steps=steps,
            search=lambda words: told_search(index, notes, words),
        )
    if made.work.error is not None and not made.modified:
        raise made.work.error
    return made


def _of_model(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """The notes that a model wrote; those of the index, whose reasons a search tells anyway, where there are none."""
    return tuple(note for note in notes if note.derivation != DERIVATION) or notes
