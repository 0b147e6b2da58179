"""CompatibleChatModel: pydantic-ai's chat model, stricter where compatible servers break off or answer nothing.

Imports the OpenAI SDK: import this module only when such a model is asked for.
"""

from __future__ import annotations

from typing import Final

from openai.types import chat
from pydantic import ValidationError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.openai._chat_completions import LenientChatCompletion  # return type of a documented hook
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from sleeptime.models.faults import UnusableReply

PROVIDER: Final = "openai-compatible"


class CompatibleChatModel(OpenAIChatModel):
    """A model behind a URL that speaks the OpenAI chat-completions format (vLLM, Ollama, llama.cpp...).

    A stream that ends without a finish reason was cut, and is an error. A reply without choices is an `UnusableReply`
    that keeps the usage, for it was paid for.
    """

    def __init__(self, model_name: str, *, base_url: str, api_key: str, settings: ModelSettings) -> None:
        """Serve ``model_name`` from ``base_url``, which ends where ``/chat/completions`` begins."""
        profile = OpenAIModelProfile(
            openai_chat_streaming_requires_finish_reason=True,
            # Every such server knows ``max_tokens``; the newer ``max_completion_tokens`` is silently ignored by some.
            openai_chat_supports_max_completion_tokens=False,
        )
        provider = OpenAICompatibleProvider(PROVIDER, base_url=base_url, api_key=api_key, profile=profile)
        super().__init__(model_name, provider=provider, settings=settings)

    def _validate_completion(self, response: chat.ChatCompletion) -> LenientChatCompletion:
        usage = self._map_usage(response) if response.usage is not None else None
        if not response.choices:
            raise UnusableReply(f"{self.model_name} sent a reply without choices", usage)
        try:
            return super()._validate_completion(response)
        except ValidationError as error:
            raise UnusableReply(f"{self.model_name} sent a reply in another format: {error}", usage) from error
