"""Sleeper: the c' of each context by each recipe, made once.

Drafts are kept one by one under their number, so that ten drafts hold the first five, comparisons between numbers of
drafts are nested, and a run that was stopped pays for no draft twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pydantic_ai.models import Model

from sleeptime.core.context import Context
from sleeptime.lab.arm import recipe_key
from sleeptime.lab.records import DraftKey, RecordBook
from sleeptime.models.budgets import sleep_effort, sleep_temperature
from sleeptime.models.resolve import prompt_profile
from sleeptime.sleep.drafts import make_draft
from sleeptime.sleep.outcome import Draft, SleepResult
from sleeptime.sleep.settings import Combine, SleepSettings
from sleeptime.sleep.sleep import combine_drafts


def draft_keys(context: str, settings: SleepSettings) -> list[DraftKey]:
    """Under which keys the drafts of a sleep are kept, whatever their number and however they are combined."""
    alone = replace(settings, drafts=1, combine=Combine.MERGE, min_votes=1, grounded_only=False)
    return [(context, recipe_key(alone), index) for index in range(settings.drafts)]


class Sleeper:
    """Sleeps on contexts.

    Args:
        model: writes the drafts, metered and retried as the caller likes.
        book: where drafts are kept.
    """

    def __init__(self, model: Model, book: RecordBook) -> None:
        self._model = model
        self._book = book
        self._locks: dict[DraftKey, asyncio.Lock] = {}
        self._results: dict[tuple[str, str], SleepResult] = {}

    async def sleep(self, context: Context, settings: SleepSettings) -> SleepResult:
        """The c' of a context by a recipe, from drafts that are there where there are any.

        Raises:
            SleeptimeError: as `sleep.drafts.make_draft`.
        """
        key = context.name, recipe_key(settings)
        if key not in self._results:
            drafts = await asyncio.gather(*(self._draft(context, settings, i) for i in range(settings.drafts)))
            self._results[key] = combine_drafts(drafts, context, settings, model_name=self._model.model_name)
        return self._results[key]

    async def _draft(self, context: Context, settings: SleepSettings, index: int) -> Draft:
        """Draft number `index` by a recipe, whatever number of drafts is wanted and however they are combined."""
        key = draft_keys(context.name, settings)[index]
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._book.drafts:
                temperature = sleep_temperature(self._model, settings.effort, settings.temperature)
                told = replace(settings, temperature=temperature, profile=prompt_profile(self._model))
                effort = sleep_effort(self._model, settings.effort)
                self._book.add_draft(key, await make_draft(self._model, context, told, index, effort))
        return self._book.drafts[key]
