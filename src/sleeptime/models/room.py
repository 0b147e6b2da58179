"""Room: how many tokens of notes fit beside a context and a query in what a model reads at once.

nano's longest sequence is short, so its notes are chosen to fit. The windows of provider models are far larger than any
limit on notes, and are left to that limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.models.wrapper import WrapperModel

from sleeptime.core.context import Context
from sleeptime.core.tokens import TokenCounter, approximate_tokens
from sleeptime.models.nano import NanoModel
from sleeptime.nano.tokenizer import ForeignTextError, Tokenizer
from sleeptime.prompts.load import load_prompt

NANO_ANSWER_TOKENS: Final = 256
"""What is kept free for nano's answer: every step in words of the deepest query takes about 200."""


@dataclass(frozen=True, slots=True)
class Room:
    """What notes may take.

    Args:
        limit_tokens: most tokens of all notes; 0 when not even one would fit.
        count: tokens of a text.
    """

    limit_tokens: int
    count: TokenCounter


async def notes_room(model: Model, context: Context, query: str, limit_tokens: int) -> Room:
    """The room for notes: the limit that is set, or less where the model cannot read so much at once.

    Args:
        model: that answers.
        context: sent beside the notes.
        query: that is asked.
        limit_tokens: the limit that is set.
    """
    while isinstance(model, WrapperModel):
        model = model.wrapped
    if not isinstance(model, NanoModel):
        return Room(limit_tokens, approximate_tokens)
    engine, tokenizer = await model.loaded()
    blocks = load_prompt("nano", "answer").user(parts=context.parts, notes=(), query=query, verbosity=0)
    taken = _count(tokenizer, "\n\n".join(blocks)) + 1  # the control word that begins the notes
    free = engine.config.max_length - taken - NANO_ANSWER_TOKENS
    return Room(max(0, min(limit_tokens, free)), lambda text: _count(tokenizer, text))


def _count(tokenizer: Tokenizer, text: str) -> int:
    """Tokens of a text; an estimate for one that nano cannot read, which its own error will say."""
    try:
        return len(tokenizer.encode(text, allow_control=True))
    except ForeignTextError:
        return approximate_tokens(text)
