"""EchoScorer: log P(query | context) from a server that echoes a prompt with its log-probabilities.

The completions endpoint of the OpenAI format with ``echo`` and ``logprobs``: vLLM and llama-cpp-python serve it. OpenAI
and the server of llama.cpp do not (they refuse, or send the log-probabilities of what they generate alone), and chat
endpoints have nothing like it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import httpx2

from sleeptime.core.context import Context
from sleeptime.core.errors import (
    BadReply,
    EmptyInput,
    InputError,
    ModelError,
    ModelTimeout,
    ProviderDown,
    RateLimited,
    RequestRejected,
)
from sleeptime.gate.predictability import QueryScore

NO_CONTEXT: Final = "Question:"
"""What a query is scored behind when its context is empty: a first token has no log-probability."""

_WHAT_TO_DO: Final = (
    "serve the model with vLLM (`vllm serve MODEL`) or llama-cpp-python (with logits_all), whose completions endpoint "
    "echoes prompts with their log-probabilities, or score with nano"
)
_MAX_DETAIL_CHARS: Final = 300


class EchoScorer:
    """Scores with a (base) model behind a URL. The query runs on behind the context, as in the paper's texts.

    Args:
        base_url: ends where ``/completions`` begins.
        model_name: as the server knows it.
        api_key: sent as a bearer token; None for a server without keys.
        timeout_s: seconds without a byte after which a request fails.
    """

    def __init__(self, base_url: str, model_name: str, *, api_key: str | None = None, timeout_s: float = 60.0) -> None:
        self._url = f"{base_url.rstrip('/')}/completions"
        self._model_name = model_name
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s

    async def score(self, context: Context, queries: Sequence[str]) -> list[QueryScore]:
        """As `QueryScorer.score`.

        The context alone is sent first: the tokens of a query are those behind the beginning that both have in common,
        whatever the server counts as a character and wherever its tokenizer joins the two.
        """
        text = "\n\n".join(part.text for part in context.parts).strip() or NO_CONTEXT
        async with httpx2.AsyncClient(timeout=self._timeout_s, headers=self._headers) as client:
            context_tokens, _ = await self._echo(client, text)
            return [await self._scored(client, text, context_tokens, query) for query in queries]

    async def _scored(
        self, client: httpx2.AsyncClient, text: str, context_tokens: Sequence[str], query: str
    ) -> QueryScore:
        if not query.strip():
            raise EmptyInput("the query is blank; there is nothing to score")
        tokens, logprobs = await self._echo(client, f"{text} {query.strip()}")
        start = _common(context_tokens, tokens)
        asked = logprobs[start:]
        if not asked or not all(_is_logprob(logprob) for logprob in asked):
            raise InputError(f"{self._url} gave no log-probabilities of the query's tokens; {_WHAT_TO_DO}")
        return QueryScore(math.fsum(asked), len(asked))

    async def _echo(self, client: httpx2.AsyncClient, prompt: str) -> tuple[list[str], list[Any]]:
        """Tokens of a prompt, and the log-probability of each behind those before it."""
        body = {"model": self._model_name, "prompt": prompt, "echo": True, "logprobs": 1, "temperature": 0}
        # One token is generated and dropped: some servers take 0 for no limit, some refuse it.
        reply = await self._post(client, body | {"max_tokens": 1})
        try:
            said, length = reply["choices"][0].get("logprobs") or {}, reply["usage"]["prompt_tokens"]
            tokens, logprobs = said.get("tokens") or [], said.get("token_logprobs") or []
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise BadReply(f"{self._url} replied in another format than the completions endpoint's") from error
        if not isinstance(length, int) or not isinstance(tokens, list) or not isinstance(logprobs, list):
            raise BadReply(f"{self._url} replied in another format than the completions endpoint's")
        if not 0 < length <= len(tokens) or len(tokens) != len(logprobs):
            raise InputError(f"{self._url} does not echo the log-probabilities of a prompt; {_WHAT_TO_DO}")
        return tokens[:length], logprobs[:length]

    async def _post(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await client.post(self._url, json=body)
        except httpx2.TimeoutException as error:
            raise ModelTimeout(f"{self._url} did not reply within {self._timeout_s:g} s") from error
        except httpx2.InvalidURL as error:
            raise InputError(f"{self._url!r} is no address; write openai-compatible:URL#MODEL") from error
        except httpx2.HTTPError as error:
            raise ProviderDown(f"{self._url} cannot be reached: {str(error) or type(error).__name__}") from error
        if not response.is_success:
            raise self._refused(response)
        try:
            reply = response.json()
        except ValueError as error:
            raise BadReply(f"{self._url} replied with something that is not JSON") from error
        if not isinstance(reply, dict):
            raise BadReply(f"{self._url} replied with JSON that is no object")
        return reply

    def _refused(self, response: httpx2.Response) -> ModelError | InputError:
        said = f"{self._url} answered {response.status_code}: {response.text[:_MAX_DETAIL_CHARS]}"
        if "echo" in response.text.lower() or "logprobs" in response.text.lower():
            return InputError(f"{said}. To measure log-probabilities, {_WHAT_TO_DO}")
        match response.status_code:
            case HTTPStatus.TOO_MANY_REQUESTS:
                return RateLimited(said)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return RequestRejected(said, response.status_code)
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
                return ProviderDown(said)
            case _:
                return InputError(f"{said}. To measure log-probabilities, {_WHAT_TO_DO}")


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _is_logprob(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value <= 1e-6
