"""Sleep on a context: drafts, combined into one learned context, with a clear outcome whatever the model does."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.context import Context
from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.outcome import Outcome
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.sleep.drafts import Progress, make_drafts, told_digest
from sleeptime.sleep.merge import Combined, concat, merge
from sleeptime.sleep.outcome import Draft, SleepResult
from sleeptime.sleep.settings import Combine, SleepSettings

_MAX_REASONS = 3


async def sleep_on(
    model: Model,
    context: Context,
    settings: SleepSettings | None = None,
    *,
    live: LearnedContext | None = None,
    model_settings: ModelSettings | None = None,
    progress: Progress | None = None,
    count_tokens: TokenCounter = approximate_tokens,
) -> SleepResult:
    """Sleep on ``context`` and return what was learned, as a value; nothing is stored.

    Args:
        model: any pydantic-ai model, metered and retried as the caller likes.
        context: what to study. Without any text there is nothing to study, and no call is made.
        settings: strategy, drafts, limits.
        live: the c' in service; when the same notes come out again of the same version of the context, the outcome
            is ``nothing new``.
        model_settings: further settings of every request, such as a provider's effort.
        progress: called after every draft with the number done and the number of drafts.
        count_tokens: tokens of a text, for the cap on size; an estimate by default.

    Returns:
        ``wrote`` with a c' of at least one note; ``nothing new``; or ``failed`` with the first reasons, when no draft
        wrote anything and not even one said that there is nothing.

    Raises:
        InputError: the model cannot take this context or these settings at all.
    """
    settings = settings or SleepSettings()
    digest = told_digest(settings)
    if not any(part.text.strip() for part in context.parts):
        reason = f"context {context.name!r} has no text to sleep on"
        return SleepResult(Outcome.NOTHING_NEW, None, reason, 0, Usage(), digest)
    drafts = await make_drafts(
        model, context, settings, model_settings=model_settings, progress=progress, count=count_tokens
    )
    return combine_drafts(drafts, context, settings, model_name=model.model_name, live=live)


def combine_drafts(
    drafts: Sequence[Draft],
    context: Context,
    settings: SleepSettings,
    *,
    model_name: str,
    live: LearnedContext | None = None,
) -> SleepResult:
    """Make one learned context of drafts that are there; calls no model.

    Args:
        drafts: of one strategy, at least one, in order.
        context: what they studied.
        settings: how they are combined.
        model_name: who wrote them.
        live: as for `sleep_on`.
    """
    digest = told_digest(settings)
    usage = sum((draft.usage for draft in drafts), Usage())
    written = [draft.notes for draft in drafts if draft.outcome is Outcome.WROTE]
    if not written:
        all_failed = all(draft.outcome is Outcome.FAILED for draft in drafts)
        outcome = Outcome.FAILED if all_failed else Outcome.NOTHING_NEW
        return SleepResult(outcome, None, _reasons(drafts), 0, usage, digest)
    combined = _combine(written, context, settings)
    losses = f"dropped when combined: {combined.losses}" if combined.losses else ""
    reason = "; ".join(text for text in (_reasons(drafts), losses) if text)
    if not combined.notes:
        reason = f"no statement was left of {len(written)} drafts; {reason}"
        return SleepResult(Outcome.NOTHING_NEW, None, reason, len(written), usage, digest)
    if live is not None and live.context_version == context.version and _says(live.notes) == _says(combined.notes):
        reason = "; ".join(text for text in ("the notes are those in service", reason) if text)
        return SleepResult(Outcome.NOTHING_NEW, None, reason, len(written), usage, digest)
    learned = LearnedContext(context.name, context.version, combined.notes, settings.strategy.value, model_name)
    return SleepResult(Outcome.WROTE, learned, reason, len(written), usage, digest)


def _combine(written: Sequence[Sequence[Note]], context: Context, settings: SleepSettings) -> Combined:
    if settings.combine is Combine.CONCAT:
        return concat(written)
    return merge(
        written,
        context_text="\n".join(part.text for part in context.parts),
        min_votes=settings.min_votes,
        grounded_only=settings.grounded_only,
    )


def _says(notes: Sequence[Note]) -> set[tuple[str, str]]:
    """What a set of notes says and how sure it is; the same with other votes is nothing new."""
    return {(note.id, note.verdict) for note in notes}


def _reasons(drafts: Sequence[Draft]) -> str:
    """The first different reasons of drafts that did not simply write, and how many drafts they speak for."""
    given = [draft for draft in drafts if draft.reason]
    if not given:
        return ""
    texts = list(dict.fromkeys(draft.reason for draft in given))
    more = f"; and {len(texts) - _MAX_REASONS} more" if len(texts) > _MAX_REASONS else ""
    failed = sum(draft.outcome is Outcome.FAILED for draft in drafts)
    count = f"{failed} of {len(drafts)} drafts failed: " if failed else ""
    return f"{count}{'; '.join(texts[:_MAX_REASONS])}{more}"
