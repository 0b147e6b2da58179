"""Drafts: k independent samples of one strategy, side by side (arXiv:2504.13171, section 5), of each piece."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings, merge_model_settings
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.context import Context
from sleeptime.core.errors import CapReached, InputError, NotNow, StoreAway
from sleeptime.core.outcome import Outcome
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.prompts.load import Prompt, load_prompt
from sleeptime.sleep.dialogue import Dialogue, request_digest
from sleeptime.sleep.incremental import Agenda
from sleeptime.sleep.notes import NOTES_TOOLS, write_notes
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.piece import Piece
from sleeptime.sleep.rethink import RETHINK_TOOLS, rethink
from sleeptime.sleep.settings import SleepSettings, Strategy
from sleeptime.telemetry.telemetry import SILENT, Telemetry, spend_attributes

log = logging.getLogger(__name__)

AWAY: Final = timedelta(seconds=10)
"""A draft of which a call could not be kept, or looked for, is made again after this."""

Progress = Callable[[int, int], None]
"""Told after every draft: how many are done, and of how many."""

Models = Callable[[int], Model]
"""The model that makes a draft. Drafts are counted over all pieces: draft d of piece p is ``p * drafts + d``."""


Maker = Callable[[Model, Piece, int], Awaitable[Draft]]
"""Makes a draft of a piece, by its number, for a strategy that needs more than the parts; raises as `make_draft`."""


@dataclass(frozen=True, slots=True)
class _Procedure:
    """A strategy with what it needs."""

    prompt_name: str
    tools: tuple[ToolDefinition, ...]
    run: Callable[[Dialogue, Context, SleepSettings, TokenCounter], Awaitable[Draft]]


async def _by_maker_alone(*_: object) -> Draft:
    raise InputError("the strategy repository needs a context that was added from a git repository")


_PROCEDURES: Final = {
    Strategy.RETHINK: _Procedure("rethink", RETHINK_TOOLS, rethink),
    Strategy.NOTES: _Procedure("notes", NOTES_TOOLS, write_notes),
    Strategy.REPOSITORY: _Procedure("explore", (), _by_maker_alone),
}


@dataclass(frozen=True, slots=True)
class Drafts:
    """What came of an agenda.

    Args:
        of_piece: drafts of each piece, in order; none of one that was not come to.
        stop: why not all were made; ``None`` when all were.
    """

    of_piece: tuple[tuple[Draft, ...], ...]
    stop: CapReached | None = None


async def make_drafts(
    models: Models,
    agenda: Agenda,
    name: str,
    settings: SleepSettings,
    *,
    model_settings: ModelSettings | None,
    progress: Progress | None,
    count: TokenCounter,
    telemetry: Telemetry = SILENT,
    maker: Maker | None = None,
) -> Drafts:
    """Make the drafts of every piece, a bounded number at once; a draft that fails does not disturb the others.

    Args:
        models: who makes which draft; draft i of a piece is sampled with ``settings.of_draft(i)``.
        agenda: what to read.
        name: of the context.
        settings: strategy, number of drafts, concurrency and limits.
        model_settings: further settings of every request, such as a provider's effort; those of the draft win.
        progress: called after every draft.
        count: tokens of a text, for the cap.
        maker: makes the drafts of a strategy that needs more than the parts.
        telemetry: gets a span for each draft.

    Returns:
        The drafts. When a cap on spend leaves no room for the next call, drafts under way go on to their own end, and
        no other is begun; pieces whose drafts were all made count, and where there is none, those with one that wrote:
        it was paid for.

    Raises:
        InputError: the model cannot take this at all, so no draft could succeed; the others are cancelled.
        NotNow: a draft has to wait; all others were made, and the earliest moment is told.
        CapReached: a cap was reached before any piece had a draft that counts.
    """
    gate = asyncio.Semaphore(settings.concurrency)
    done = 0
    stops: list[CapReached] = []
    waiting: list[NotNow] = []

    async def make(unit: int) -> Draft | None:
        nonlocal done
        number, index = divmod(unit, settings.drafts)
        piece = agenda.pieces[number]
        async with gate:
            if stops:
                return None
            try:
                context = piece.context(name)
                memory = piece.memory(index)
                with telemetry.span("sleeptime.draft", {"sleeptime.draft": unit, "sleeptime.piece": number}) as span:
                    draft = await (
                        maker(models(unit), piece, index)
                        if maker is not None
                        else make_draft(models(unit), context, settings, index, model_settings, count, memory=memory)
                    )
                    span.set_attribute("sleeptime.outcome", draft.outcome.value)
                    span.set_attributes(spend_attributes(draft.usage, None))
            except CapReached as error:
                stops.append(error)
                return None
            except NotNow as error:
                waiting.append(error)
                return None
        done += 1
        if progress is not None:
            progress(done, len(agenda.pieces) * settings.drafts)
        return draft

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(make(unit)) for unit in range(len(agenda.pieces) * settings.drafts)]
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    if waiting:
        raise min(waiting, key=lambda error: error.until)
    made = [task.result() for task in tasks]
    pieces = [made[i : i + settings.drafts] for i in range(0, len(made), settings.drafts)]
    there = [tuple(draft for draft in drafts if draft is not None) for drafts in pieces]
    whole = tuple(drafts if len(drafts) == settings.drafts else () for drafts in there)
    if not any(whole):
        whole = tuple(drafts if any(draft.outcome is Outcome.WROTE for draft in drafts) else () for drafts in there)
    if stops and not any(whole):
        raise stops[0]
    return Drafts(whole, stops[0] if stops else None)


def told_digest(settings: SleepSettings, *, is_rewriting: bool = False) -> str:
    """Digest of everything constant that the model is told: the prompt and the tools of the strategy.

    Args:
        settings: profile and strategy.
        is_rewriting: drafts start from texts that are there.
    """
    procedure = _PROCEDURES[settings.strategy]
    return request_digest(sleep_prompt(settings, is_rewriting=is_rewriting), procedure.tools)


def sleep_prompt(settings: SleepSettings, *, is_rewriting: bool) -> Prompt:
    """What a draft is asked: to begin, or to start from a text that is there."""
    if settings.strategy is Strategy.REPOSITORY:
        return load_prompt("default", "explore")
    name = _PROCEDURES[settings.strategy].prompt_name
    return load_prompt(settings.profile, "revise" if is_rewriting and settings.profile == "default" else name)


async def make_draft(
    model: Model,
    context: Context,
    settings: SleepSettings,
    index: int,
    model_settings: ModelSettings | None = None,
    count: TokenCounter = approximate_tokens,
    *,
    memory: str = "",
    forgiven: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Draft:
    """Make draft number ``index``; what goes wrong with it is its outcome.

    Args:
        model: any model.
        context: what to study.
        settings, model_settings, count: as for `make_drafts`.
        index: number of the draft, from 0.
        memory: a text that strategy `rethink` starts from.
        forgiven: kinds of errors that end as a failed draft; others are raised.

    Raises:
        InputError: the model cannot take this context or these settings at all.
        CapReached: a cap on spend leaves no room for the next call.
        NotNow: the next call has to wait, or the database is away; the draft can be made later.
    """
    procedure = _PROCEDURES[settings.strategy]
    dialogue = Dialogue(
        model,
        sleep_prompt(settings, is_rewriting=bool(memory)),
        procedure.tools,
        merge_model_settings(model_settings, settings.of_draft(index)) or ModelSettings(),
        parts=context.parts,
        effort=settings.effort,
        max_note_tokens=settings.max_note_tokens,
        max_rethinks=settings.max_rethinks,
        memory=memory,
    )
    try:
        return await procedure.run(dialogue, context, settings, count)
    except (InputError, CapReached, NotNow):
        raise
    except StoreAway as error:  # no fault of the draft: what was kept of it costs nothing again
        raise NotNow(str(error), datetime.now(UTC) + AWAY) from error
    except forgiven as error:  # the edge of a draft: whatever happened, the other drafts count
        log.info("draft %d of context %r failed", index, context.name, exc_info=True)
        return Draft(Outcome.FAILED, (), f"{type(error).__name__}: {error}", dialogue.usage)


def _first(errors: BaseExceptionGroup) -> BaseException:
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
