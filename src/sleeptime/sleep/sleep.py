"""Sleep on a context: drafts, combined into one learned context, with a clear outcome whatever the model does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.context import Context
from sleeptime.core.counted import counted
from sleeptime.core.errors import InputError
from sleeptime.core.note import LearnedContext, Note
from sleeptime.core.outcome import Outcome
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.sleep.carry import carry_over
from sleeptime.sleep.drafts import Drafts, Maker, Models, Progress, make_drafts, told_digest
from sleeptime.sleep.grounds import grounded
from sleeptime.sleep.incremental import Agenda, all_parts
from sleeptime.sleep.merge import Combined, concat, merge
from sleeptime.sleep.outcome import Draft, SleepResult
from sleeptime.sleep.piece import Piece, has_text
from sleeptime.sleep.settings import Combine, SleepSettings, Strategy
from sleeptime.telemetry.telemetry import SILENT, Telemetry

_MAX_REASONS = 3


async def sleep_on(
    model: Model | Models,
    context: Context,
    settings: SleepSettings | None = None,
    *,
    agenda: Agenda | None = None,
    live: LearnedContext | None = None,
    model_settings: ModelSettings | None = None,
    progress: Progress | None = None,
    count_tokens: TokenCounter = approximate_tokens,
    telemetry: Telemetry = SILENT,
    maker: Maker | None = None,
) -> SleepResult:
    """Sleep on ``context`` and return what was learned, as a value; nothing is stored.

    Args:
        model: any pydantic-ai model, metered and retried as the caller likes; or one for each draft. The same agenda
            has the same drafts under the same numbers, so that a call can be found again.
        context: what to study. Without any text there is nothing to study, and no call is made.
        settings: strategy, drafts, limits.
        agenda: what of it to read and which notes to carry over (`sleep.incremental`); all and none by default.
        live: the c' in service; when the same notes come out again of the same version of the context, the outcome
            is ``nothing new``.
        model_settings: further settings of every request, such as a provider's effort.
        progress: called after every draft with the number done and the number of drafts.
        count_tokens: tokens of a text, for limits on size; an estimate by default.
        maker: makes the drafts of strategy `repository`.
        telemetry: gets a span for each draft.

    Returns:
        ``wrote`` with a c' of at least one note; ``nothing new``; ``skipped`` when there is nothing to read; or
        ``failed`` with the first reasons, when no draft wrote anything and not even one said that there is nothing.
        Where some pieces failed or a cap was reached before them, their parts are `LearnedContext.unread`.

    Raises:
        InputError: the model cannot take this context or these settings at all.
        NotNow: a draft has to wait; all others were made.
        CapReached: a cap on spend leaves no room for a single piece.
    """
    settings = settings or SleepSettings()
    if settings.strategy is Strategy.REPOSITORY and maker is None:
        raise InputError("strategy repository studies a git repository: it needs somebody who makes its drafts")
    if not any(map(has_text, context.parts)):
        reason = f"context {context.name!r} has no text to sleep on"
        return SleepResult(Outcome.NOTHING_NEW, None, reason, 0, Usage(), told_digest(settings))
    agenda = all_parts(context, settings, count_tokens) if agenda is None else agenda
    if not agenda.pieces:
        return SleepResult(Outcome.SKIPPED, None, agenda.reason, 0, Usage(), told_digest(settings))
    models: Models = (lambda _: model) if isinstance(model, Model) else model
    drafts = await make_drafts(
        models,
        agenda,
        context.name,
        settings,
        model_settings=model_settings,
        progress=progress,
        count=count_tokens,
        telemetry=telemetry,
        maker=maker,
    )
    return combine_pieces(drafts, agenda, context, settings, model_name=models(0).model_name, live=live)


def combine_drafts(
    drafts: Sequence[Draft],
    context: Context,
    settings: SleepSettings,
    *,
    model_name: str,
    live: LearnedContext | None = None,
) -> SleepResult:
    """Make one learned context of drafts that each read all of the context; calls no model.

    Args:
        drafts: of one strategy, at least one, in order.
        context: what they studied.
        settings: how they are combined.
        model_name: who wrote them.
        live: as for `sleep_on`.
    """
    agenda = Agenda((Piece(context.parts, frozenset(part.sha256 for part in context.parts)),))
    return combine_pieces(Drafts((tuple(drafts),)), agenda, context, settings, model_name=model_name, live=live)


def combine_pieces(
    drafts: Drafts,
    agenda: Agenda,
    context: Context,
    settings: SleepSettings,
    *,
    model_name: str,
    live: LearnedContext | None = None,
) -> SleepResult:
    """Make one learned context of the drafts of every piece and the notes that are carried over; calls no model.

    Args:
        drafts: of every piece of the agenda.
        agenda: what they read, and what is carried over.
        context, settings, model_name, live: as for `combine_drafts`.
    """
    made = [draft for of_piece in drafts.of_piece for draft in of_piece]
    usage = sum((draft.usage for draft in made), Usage())
    digest = told_digest(settings, is_rewriting=agenda.is_rewriting)
    written = sum(draft.outcome is Outcome.WROTE for draft in made)
    unread = _unread(agenda, drafts)
    left = (Outcome.CAPPED if drafts.stop else Outcome.FAILED) if unread else None
    pieces = [
        _combine(piece, of_piece, settings) for piece, of_piece in zip(agenda.pieces, drafts.of_piece, strict=True)
    ]
    spared = [note for note in agenda.spare if not unread.isdisjoint(note.depends_on)]
    combined = _put_together([*agenda.carried, *spared], pieces, settings)
    learned = LearnedContext(
        context.name, context.version, combined.notes, settings.strategy.value, model_name, tuple(sorted(unread))
    )
    outcome, why = _outcome(learned, made, live, left)
    losses = f"dropped when combined: {combined.losses}" if combined.losses else ""
    reason = "; ".join(text for text in (agenda.reason, why, str(drafts.stop or ""), _reasons(made), losses) if text)
    if outcome is not Outcome.WROTE:
        return SleepResult(outcome, None, reason, written, usage, digest, agenda.num_parts)
    carried = sum(bool(note.made_from) for note in learned.notes)
    return SleepResult(outcome, learned, reason, written, usage, digest, agenda.num_parts, carried, left)


def _outcome(
    learned: LearnedContext, made: Sequence[Draft], live: LearnedContext | None, left: Outcome | None
) -> tuple[Outcome, str]:
    """How a sleep ended that came to these notes, and why.

    Args:
        learned: what it would write.
        made: all of its drafts.
        live: the c' in service.
        left: why some parts were not read; ``None`` when all were.
    """
    if all(draft.outcome is Outcome.FAILED for draft in made):
        return Outcome.FAILED, ""
    if not learned.notes:
        written = sum(draft.outcome is Outcome.WROTE for draft in made)
        return left or Outcome.NOTHING_NEW, f"no statement was left of {counted(written, 'draft')}" if written else ""
    if live is not None and _is_the_same(live, learned):
        return Outcome.NOTHING_NEW, "the notes are those in service"
    said = "" if any(not note.made_from for note in learned.notes) else "nothing new in what was read"
    waits = counted(len(learned.unread), "part is", "parts are") + " left for another sleep" if left else ""
    return Outcome.WROTE, "; ".join(text for text in (said, waits) if text)


def _combine(piece: Piece, drafts: Sequence[Draft], settings: SleepSettings) -> Combined:
    """The notes of one piece."""
    written = [kept for draft in drafts if (kept := piece.kept(draft.notes))]
    if not written:
        return Combined(())
    if settings.combine is Combine.CONCAT:
        return concat(written)
    merged = merge(
        written,
        context_text="\n".join(part.text for part in piece.parts),
        min_votes=settings.min_votes,
        grounded_only=settings.grounded_only,
    )
    return replace(merged, notes=grounded(merged.notes, piece.parts))


def _put_together(carried: Sequence[Note], pieces: Sequence[Combined], settings: SleepSettings) -> Combined:
    """The notes that are carried over and those of every piece; concatenation checks nothing."""
    if len(pieces) == 1 and not carried:
        return pieces[0]
    if settings.combine is Combine.CONCAT:
        notes = {note.id: note for note in (*carried, *(note for piece in pieces for note in piece.notes))}
        together = Combined(tuple(notes.values()))
    else:
        together = carry_over(carried, [piece.notes for piece in pieces])
    return Combined(together.notes, sum((piece.dropped for piece in pieces), together.dropped))


def _unread(agenda: Agenda, drafts: Drafts) -> frozenset[str]:
    """What was to be studied and was not: no draft of its piece came to an end but by failing."""
    failed = [
        piece.studied
        for piece, of_piece in zip(agenda.pieces, drafts.of_piece, strict=True)
        if all(draft.outcome is Outcome.FAILED for draft in of_piece)
    ]
    return frozenset[str]().union(*failed)


def _is_the_same(live: LearnedContext, learned: LearnedContext) -> bool:
    """Whether both say the same of the same, and as surely; the same with other votes is nothing new."""
    one, other = ({(note.id, note.verdict) for note in each.notes} for each in (live, learned))
    return one == other and (live.context_version, live.unread) == (learned.context_version, learned.unread)


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
