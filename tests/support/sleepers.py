"""Models that sleep in a way that can be foreseen: they say again, word by word, what the prompt shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from sleeptime.models.scripted import AnyReply, Request, ScriptedModel, ToolCall

_PART = re.compile(r'<part name="([^"]*)">\n(.*?)\n</part>', re.DOTALL)


def shown_parts(messages: list[ModelMessage]) -> list[tuple[str, str]]:
    """Name and text of each part that a conversation began with, in order."""
    request = Request(tuple(messages[:1]), ModelSettings(), ModelRequestParameters())
    return _PART.findall(request.text)


def note_taker(
    *,
    model_name: str = "note taker",
    num_chars: int | None = None,
    names_parts: bool = True,
    pairs: bool = False,
    failures: Mapping[str, Exception] | None = None,
) -> ScriptedModel:
    """Writes one note per part, which says its text and names it; a memory says all texts.

    Args:
        model_name: name in the ledger.
        num_chars: how much of a text a note says; all of it by default.
        names_parts: say which part a note rests on; else it rests on all that was read.
        pairs: write a note on each two parts that stand beside each other, too.
        failures: what it raises when it is shown a part of this name.
    """

    def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        parts = [(name, text[:num_chars]) for name, text in shown_parts(messages)]
        for name, _ in parts:
            if name in (failures or {}):
                return (failures or {})[name]
        if "write_notes" in parameters.tool_defs:
            groups = [[part] for part in parts]
            groups += [list(two) for two in pairwise(parts)] if pairs else []
            return ToolCall("write_notes", {"notes": [_note(group, names_parts) for group in groups]})
        if "rethink_memory" in parameters.tool_defs:
            memory = " ".join(text for _, text in parts)
            return [ToolCall("rethink_memory", {"new_memory": memory}), ToolCall("finish_rethinking_memory")]
        return "an answer"

    return ScriptedModel(reply, model_name=model_name)


def _note(parts: list[tuple[str, str]], names_parts: bool) -> dict[str, object]:
    said = " and ".join(f"{name} says: {text}" for name, text in parts)
    return {"kind": "fact", "text": said, "parts": [name for name, _ in parts if names_parts]}
