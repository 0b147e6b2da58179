"""Plan: what a sleep could take at most, known before any call. Estimates tokens from the text's length."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pydantic_ai.models import Model

from sleeptime.core.context import Context
from sleeptime.core.price import Tier, billed_cost_usd
from sleeptime.core.tokens import approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.models.prices import price_of
from sleeptime.sleep.dialogue import MAX_WASTED_TURNS
from sleeptime.sleep.drafts import sleep_prompt
from sleeptime.sleep.incremental import Agenda
from sleeptime.sleep.notes import NOTES_TOOLS
from sleeptime.sleep.piece import Piece, has_text
from sleeptime.sleep.rethink import RETHINK_TOOLS
from sleeptime.sleep.settings import SleepSettings, Strategy
from sleeptime.swe.explore import MAX_NOTE_TOKENS
from sleeptime.swe.toolbox import MAX_RESULT_CHARS

_TURN_TOKENS = 80
"""What a turn adds beside the notes: the call's frame and our reply to it."""
_CHARS_PER_TOKEN = 4
_AGENT_TOKENS = 1_600
"""What an agent that explores is told of its tools, beside the prompt."""


@dataclass(frozen=True, slots=True)
class SleepPlan:
    """What a sleep could take at most. A usual sleep takes far less: strategy `notes` ends after one call per draft.

    Args:
        context: name of the context.
        context_version: the version it would read.
        model: name of the model.
        strategy: how one draft is made.
        drafts: independent drafts, of each piece.
        studied: parts that would be read to be thought about: all, or those that have changed.
        pieces: how many pieces they are read in.
        carried: notes that would be carried over as they are.
        reason: why nothing would be read, or all; "" when there is nothing to say.
        max_calls: most requests; retries of failed ones come on top.
        max_usage: tokens of all those requests, all input counted as fresh; reasoning comes on top.
        max_cost_usd: of those tokens at the list price; None when it is unknown.
    """

    context: str
    context_version: str
    model: str
    strategy: str
    drafts: int
    studied: int
    pieces: int
    carried: int
    reason: str
    max_calls: int
    max_usage: Usage = field(default_factory=Usage)
    max_cost_usd: float | None = None


def plan_sleep(model: Model, context: Context, agenda: Agenda, settings: SleepSettings, tier: Tier) -> SleepPlan:
    """Bound a sleep on `context` of this agenda; makes no call."""
    is_rethink = settings.strategy is Strategy.RETHINK
    # A turn without a usable call is wasted, and the last of MAX_WASTED_TURNS ends the draft.
    turns = MAX_WASTED_TURNS + (settings.max_rethinks - 1 if is_rethink else 0)
    said_tokens = turn_tokens = settings.max_note_tokens + _TURN_TOKENS
    if settings.strategy is Strategy.REPOSITORY:
        turns, turn_tokens = settings.max_steps, MAX_RESULT_CHARS // _CHARS_PER_TOKEN + MAX_NOTE_TOKENS + _TURN_TOKENS
    pieces = agenda.pieces if any(map(has_text, context.parts)) else ()
    firsts = [_first_request_tokens(piece, settings) for piece in pieces]
    # Each turn reads all turns before it again.
    read = settings.drafts * sum(turns * first + turn_tokens * turns * (turns - 1) // 2 for first in firsts)
    max_calls = settings.drafts * turns * len(pieces)
    usage = Usage(input_tokens=read, output_tokens=max_calls * said_tokens)
    longest = max(firsts, default=0)
    price = price_of(model.model_name, model.system, tier, base_url=model.base_url, input_tokens=longest)
    return SleepPlan(
        context=context.name,
        context_version=context.version,
        model=model.model_name,
        strategy=settings.strategy,
        drafts=settings.drafts,
        studied=agenda.num_parts,
        pieces=len(pieces),
        carried=len(agenda.carried),
        reason=agenda.reason,
        max_calls=max_calls,
        max_usage=usage,
        max_cost_usd=None if price is None else billed_cost_usd(usage, price),
    )


def _first_request_tokens(piece: Piece, settings: SleepSettings) -> int:
    if settings.strategy is Strategy.REPOSITORY:
        return _AGENT_TOKENS + approximate_tokens(sleep_prompt(settings, is_rewriting=False).system())
    is_rethink = settings.strategy is Strategy.RETHINK
    memory = max(piece.memories, key=len, default="")
    prompt = sleep_prompt(settings, is_rewriting=bool(memory))
    texts = prompt.user(
        parts=piece.parts,
        effort=settings.effort,
        max_note_tokens=settings.max_note_tokens,
        max_rethinks=settings.max_rethinks,
        memory=memory,
    )
    tools = [
        (tool.name, tool.description, tool.parameters_json_schema)
        for tool in (RETHINK_TOOLS if is_rethink else NOTES_TOOLS)
    ]
    return approximate_tokens("\n".join((prompt.system(), *texts, json.dumps(tools))))
