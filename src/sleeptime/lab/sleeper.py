"""Sleeper: the c' of each context by each recipe, made once.

Drafts are kept one by one under their number, so that ten drafts hold the first five, comparisons between numbers of
drafts are nested, and a run that was stopped pays for no draft twice. A model that could not be reached has drafted
nothing: that is raised and not kept, so that another run tries again. A context that the provider refuses, while it has
taken others, leaves a failed draft.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pydantic_ai.models import Model

from sleeptime.core.context import Context
from sleeptime.core.errors import BadReply, PromptRejected
from sleeptime.core.outcome import Outcome
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
            SleeptimeError: a draft could not be made; the others are kept.
        """
        key = context.name, recipe_key(settings)
        if key not in self._results:
            making = (self._draft(context, settings, index) for index in range(settings.drafts))
            # Every one to its end, also where one fails: the others were paid for.
            made = await asyncio.gather(*making, return_exceptions=True)
            drafts = [draft for draft in made if isinstance(draft, Draft)]
            for error in made:
                if isinstance(error, BaseException):
                    raise error
            self._results[key] = combine_drafts(drafts, context, settings, model_name=self._model.model_name)
        return self._results[key]

    async def _draft(self, context: Context, settings: SleepSettings, index: int) -> Draft:
        """Draft number `index` by a recipe, whatever number of drafts is wanted and however they are combined."""
        key = draft_keys(context.name, settings)[index]
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._book.drafts:
                made = await self._made(context, settings, index, can_be_rejected=self._has_taken(key))
                self._book.add_draft(key, made)
        return self._book.drafts[key]

    def _has_taken(self, key: DraftKey) -> bool:
        """Whether the provider has made any draft by this recipe."""
        return any(
            recipe == key[1] and draft.outcome is not Outcome.FAILED
            for (_, recipe, _), draft in self._book.drafts.items()
        )

    async def _made(self, context: Context, settings: SleepSettings, index: int, *, can_be_rejected: bool) -> Draft:
        if not any(part.text.strip() for part in context.parts):
            return Draft(Outcome.NOTHING_NEW, reason="the context has no text to sleep on")
        temperature = sleep_temperature(self._model, settings.effort, settings.temperature)
        told = replace(settings, temperature=temperature, profile=prompt_profile(self._model))
        effort = sleep_effort(self._model, settings.effort)
        forgiven = (BadReply, PromptRejected) if can_be_rejected else BadReply
        return await make_draft(self._model, context, told, index, effort, forgiven=forgiven)
