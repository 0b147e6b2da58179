"""Provider: the account that a model's calls are counted for, by name."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pydantic_ai.models import Model

MAX_CHARS: Final = 255
"""Longest name that is kept."""


def provider_of(model: Model) -> str:
    """Who serves a model: its system and, where it has one, its host, such as ``openai api.openai.com``."""
    host = urlsplit(model.base_url or "").netloc.rpartition("@")[2]
    return f"{model.system} {host}".strip()[:MAX_CHARS]


def served_model(model: Model) -> str:
    """A model of a provider, such as ``openai api.openai.com gpt-4o``."""
    return f"{provider_of(model)} {model.model_name}"[:MAX_CHARS]
