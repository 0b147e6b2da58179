"""Transcript: messages as JSON, the way pydantic-ai writes them, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelResponse
from pydantic_core import PydanticSerializationError

from sleeptime.core.errors import StoreError
from sleeptime.core.text import kept_text


def messages_json(messages: Sequence[ModelMessage]) -> bytes:
    """The messages as JSON, whatever they hold: no paid reply is lost because it cannot be written.

    What JSON has no form for becomes its text; a lone surrogate becomes the replacement character.
    """
    told = list(messages)
    try:
        return ModelMessagesTypeAdapter.dump_json(told, fallback=str, warnings=False)
    except PydanticSerializationError:
        plain = ModelMessagesTypeAdapter.dump_python(told, mode="json", fallback=str, warnings=False)
        return kept_text(json.dumps(plain, ensure_ascii=False)).encode()


def read_response(text: str) -> ModelResponse:
    """The reply that was written alone by `messages_json`.

    Raises:
        StoreError: it was not.
    """
    try:
        [response] = ModelMessagesTypeAdapter.validate_json(text)
    except ValueError as error:
        raise StoreError(f"a kept reply cannot be read: {error}") from error
    if not isinstance(response, ModelResponse):
        raise StoreError("a kept reply cannot be read: it is none")
    return response
