"""The messages of a query: constant system text, then what stays the same from query to query, then what is asked."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_ai.messages import (
    CachePoint,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    SystemPromptPart,
    UserContent,
    UserPromptPart,
)

from sleeptime.core.context import Part
from sleeptime.core.note import Note
from sleeptime.prompts.load import Prompt


def query_messages(
    prompt: Prompt,
    parts: Sequence[Part],
    notes: Sequence[Note],
    query: str,
    verbosity: int | None,
    *,
    cache_point: bool = False,
) -> list[ModelMessage]:
    """Build the messages.

    Args:
        prompt: the profile's ``answer``.
        parts: of the context; empty to leave it out.
        notes: in the order of c'; empty for none.
        query: what is asked.
        verbosity: prompt level 0 to 4, or ``None`` when the budget is followed by other means.
        cache_point: mark the end of what stays the same, for providers that cache only where they are told to.
    """
    blocks = prompt.user(parts=parts, notes=notes, query=query, verbosity=verbosity)
    messages: list[ModelRequestPart] = []
    if system := prompt.system():
        messages.append(SystemPromptPart(system))
    content: str | list[UserContent] = "\n\n".join(blocks)
    if cache_point and len(blocks) > 1:
        content = [*blocks[:-1], CachePoint(), blocks[-1]]
    messages.append(UserPromptPart(content))
    return [ModelRequest(messages)]
