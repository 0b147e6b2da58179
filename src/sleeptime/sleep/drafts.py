"""Drafts: k independent samples of one strategy, side by side (arXiv:2504.13171, section 5)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings, merge_model_settings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.context import Context
from sleeptime.core.errors import CapReached, InputError
from sleeptime.core.outcome import Outcome
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.prompts.load import Prompt, load_prompt
from sleeptime.sleep.dialogue import Dialogue, request_digest
from sleeptime.sleep.notes import NOTES_TOOLS, write_notes
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.rethink import RETHINK_TOOLS, rethink
from sleeptime.sleep.settings import SleepSettings, Strategy

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told after every draft: how many are done, and of how many."""


@dataclass(frozen=True, slots=True)
class _Procedure:
    """A strategy with what it needs."""

    prompt_name: str
    tools: tuple[ToolDefinition, ...]
    run: Callable[[Dialogue, Context, SleepSettings, TokenCounter], Awaitable[Draft]]


_PROCEDURES: Final = {
    Strategy.RETHINK: _Procedure("rethink", RETHINK_TOOLS, rethink),
    Strategy.NOTES: _Procedure("notes", NOTES_TOOLS, write_notes),
}


async def make_drafts(
    model: Model,
    context: Context,
    settings: SleepSettings,
    *,
    model_settings: ModelSettings | None,
    progress: Progress | None,
    count: TokenCounter,
) -> tuple[Draft, ...]:
    """Make the drafts, a bounded number at once; a draft that fails does not disturb the others.

    Args:
        model: any model; draft i is sampled with ``settings.of_draft(i)``.
        context: what to study.
        settings: strategy, number of drafts, concurrency and limits.
        model_settings: further settings of every request, such as a provider's effort; those of the draft win.
        progress: called after every draft.
        count: tokens of a text, for the cap.

    Returns:
        One draft per number, in order.

    Raises:
        InputError: the model cannot take this at all, so no draft could succeed; the others are cancelled.
    """
    gate = asyncio.Semaphore(settings.concurrency)
    done = 0

    async def make(index: int) -> Draft:
        nonlocal done
        async with gate:
            draft = await make_draft(model, context, settings, index, model_settings, count)
        done += 1
        if progress is not None:
            progress(done, settings.drafts)
        return draft

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(make(index)) for index in range(settings.drafts)]
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    return tuple(task.result() for task in tasks)


def told_digest(settings: SleepSettings) -> str:
    """Digest of everything constant that the model is told: the prompt and the tools of the strategy."""
    procedure = _PROCEDURES[settings.strategy]
    return request_digest(_prompt(settings), procedure.tools)


def _prompt(settings: SleepSettings) -> Prompt:
    return load_prompt(settings.profile, _PROCEDURES[settings.strategy].prompt_name)


async def make_draft(
    model: Model,
    context: Context,
    settings: SleepSettings,
    index: int,
    model_settings: ModelSettings | None = None,
    count: TokenCounter = approximate_tokens,
    *,
    forgiven: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Draft:
    """Make draft number ``index``; what goes wrong with it is its outcome.

    Args:
        model, context, settings, model_settings, count: as for `make_drafts`.
        index: number of the draft, from 0.
        forgiven: kinds of errors that end as a failed draft; others are raised.

    Raises:
        InputError: the model cannot take this context or these settings at all.
        CapReached: a cap on spend leaves no room for the next call.
    """
    procedure = _PROCEDURES[settings.strategy]
    dialogue = Dialogue(
        model,
        _prompt(settings),
        procedure.tools,
        merge_model_settings(model_settings, settings.of_draft(index)) or ModelSettings(),
        parts=context.parts,
        effort=settings.effort,
        max_note_tokens=settings.max_note_tokens,
        max_rethinks=settings.max_rethinks,
    )
    try:
        return await procedure.run(dialogue, context, settings, count)
    except (InputError, CapReached):
        raise
    except forgiven as error:  # the edge of a draft: whatever happened, the other drafts count
        log.info("draft %d of context %r failed", index, context.name, exc_info=True)
        return Draft(Outcome.FAILED, (), f"{type(error).__name__}: {error}", dialogue.usage)


def _first(errors: BaseExceptionGroup) -> BaseException:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
