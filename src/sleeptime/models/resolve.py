"""Resolve: from the name that a user writes to a model. Loads a provider's SDK only when its model is asked for."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sleeptime.core.errors import InputError, UnknownModel

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.settings import ModelSettings

MODEL_FORMS: Final = (
    "nano, openai:MODEL, anthropic:MODEL, google:MODEL or another PROVIDER:MODEL of pydantic-ai, "
    "openai-compatible:URL#MODEL, scripted:FILE.json"
)
"""The allowed forms, as error messages show them."""


def resolve_model(name: str, *, timeout_s: float = 60.0) -> Model:
    """Build the model that a name means.

    The SDK's own retries are off: `RetryModel` does them, where the ledger sees each attempt. Enter the model
    (``async with model:``) where its connections should be closed at the end.

    Args:
        name: one of `MODEL_FORMS`. Keys come from ``OPENAI_API_KEY``, ``ANTHROPIC_API_KEY`` and ``GOOGLE_API_KEY``, and
            for openai-compatible from ``SLEEPTIME_API_KEY``, where there is one; those of further providers from the
            variables that pydantic-ai documents.
        timeout_s: seconds without a byte from the provider after which an attempt fails.

    Raises:
        UnknownModel: the name has none of the forms.
        InputError: a key or a provider's package is missing, or a script cannot be read.
    """
    _ignore_warnings_of_replies()
    settings = _settings(timeout_s)
    kind, _, rest = name.strip().partition(":")
    if kind == "nano" and not rest:
        from sleeptime.models.nano import NanoModel

        return NanoModel()
    if kind == "openai-compatible":
        return _compatible(name, rest, settings)
    if rest and kind == "scripted":
        from sleeptime.models.scripted import ScriptedModel

        return ScriptedModel.from_file(rest)
    if rest and kind == "openai":
        return _with_client_limits(_openai(rest), timeout_s)
    if rest and kind == "anthropic":
        return _with_client_limits(_anthropic(rest), timeout_s)
    if rest and kind == "google":
        return _google(rest, settings)
    if rest and (model := _inferred(name.strip(), settings)) is not None:
        return model
    raise UnknownModel(f"no model answers to {name!r}; allowed: {MODEL_FORMS}")


def _ignore_warnings_of_replies() -> None:
    """What a provider wrote in the place of a number is an error of ours, or counts as none; it is not printed."""
    for message in ("Pydantic serializer warnings", "Failed to extract usage"):
        warnings.filterwarnings("ignore", message)


def model_family(model: Model) -> str:
    """The family that decides how a budget is followed.

    Returns:
        ``nano``, ``scripted``, ``openai-chat``, ``openai-reasoning``, ``openai-compatible``, ``anthropic``, ``google``,
        or ``other``.
    """
    system = model.system
    if system == "openai":
        return "openai-reasoning" if model.profile.get("openai_supports_reasoning", False) else "openai-chat"
    if system.startswith("google"):
        return "google"
    return system if system in ("nano", "scripted", "openai-compatible", "anthropic") else "other"


def prompt_profile(model: Model) -> str:
    """The profile of the prompts that the model reads."""
    return "nano" if model_family(model) == "nano" else "default"


def _settings(timeout_s: float) -> ModelSettings:
    if timeout_s <= 0:
        raise InputError(f"a model's timeout must be above 0 seconds, got {timeout_s}")
    return {"timeout": timeout_s, "max_retries": 0}


def _compatible(name: str, address: str, settings: ModelSettings) -> Model:
    url, _, model_name = address.partition("#")
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or not model_name:
        raise UnknownModel(
            f"{name!r} does not name a model behind a URL; write it as openai-compatible:URL#MODEL, for example "
            "openai-compatible:http://127.0.0.1:11434/v1#qwen3"
        )
    from sleeptime.models.compatible import CompatibleChatModel

    api_key = _sendable("SLEEPTIME_API_KEY") or "none"
    return CompatibleChatModel(model_name, base_url=url, api_key=api_key, settings=settings)


def _with_client_limits(model: OpenAIResponsesModel | AnthropicModel, timeout_s: float) -> Model:
    """Give the limits of `_settings` to the model's client: a batch API refuses them in a request."""
    model.client.timeout = timeout_s
    model.client.max_retries = 0
    return model


def _openai(model_name: str) -> OpenAIResponsesModel:
    if "OPENAI_BASE_URL" not in os.environ:
        _need_key("openai", "OPENAI_API_KEY")
    from pydantic_ai.models.openai import OpenAIResponsesModel

    return OpenAIResponsesModel(model_name, provider="openai")


def _anthropic(model_name: str) -> AnthropicModel:
    _need_key("anthropic", "ANTHROPIC_API_KEY")
    from pydantic_ai.models.anthropic import AnthropicModel

    return AnthropicModel(model_name, provider="anthropic")


def _google(model_name: str, settings: ModelSettings) -> Model:
    _need_key("google", "GOOGLE_API_KEY", "GEMINI_API_KEY")
    from pydantic_ai.models.google import GoogleModel

    return GoogleModel(model_name, provider="google", settings=settings)


def _inferred(name: str, settings: ModelSettings) -> Model | None:
    from sleeptime.models.inferred import inferred_model

    return inferred_model(name, settings)


def _need_key(provider: str, variable: str, *others: str) -> None:
    if any(_sendable(candidate) for candidate in (variable, *others)):
        return
    raise InputError(
        f"{provider} needs an API key: set the environment variable {variable}, or use the embedded model nano, "
        "which needs none"
    )


def _sendable(variable: str) -> str | None:
    """The key in this environment variable, which goes into a header of HTTP; None where there is none."""
    key = os.environ.get(variable)
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise InputError(f"the key in {variable} holds a space, a line end or a letter outside ASCII; set it again")
    return key or None
