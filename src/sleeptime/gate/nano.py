"""Scores queries with nano, the embedded model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from sleeptime.core.context import Context
from sleeptime.core.errors import EmptyInput, ForeignText, InputError
from sleeptime.gate.predictability import QueryScore
from sleeptime.nano.engine import Engine
from sleeptime.nano.tokenizer import ForeignTextError, Tokenizer
from sleeptime.prompts.load import load_prompt

_QUERY: Final = "<|query|>"


class NanoScorer:
    """Scores with nano, on the very sequence it was trained on: the context, then the query, without notes.

    Args:
        engine: runs the decoder.
        tokenizer: reads its vocabulary.
    """

    def __init__(self, engine: Engine, tokenizer: Tokenizer) -> None:
        self._engine = engine
        self._tokenizer = tokenizer

    async def score(self, context: Context, queries: Sequence[str]) -> list[QueryScore]:
        """As `QueryScorer.score`; the engine keeps what it read of the context from query to query.

        Raises:
            EmptyInput: a query without any word.
            ForeignText: a word that nano does not know.
            InputError: the context is too long for nano.
        """
        return await asyncio.to_thread(lambda: [self._scored(context, query) for query in queries])

    def _scored(self, context: Context, query: str) -> QueryScore:
        ids = self._encoded(context, query)
        start = ids.index(self._tokenizer.id(_QUERY)) + 1
        asked = ids[start:-1]  # the last one is the control word of the verbosity
        if not asked:
            raise EmptyInput("the query is blank; there is nothing to score")
        try:
            logprobs = self._engine.logprobs(ids[:start], asked)
        except ValueError as error:
            raise InputError(f"nano cannot score the query {query!r}: {error}") from error
        return QueryScore(float(logprobs.sum(dtype="float64")), len(asked))

    def _encoded(self, context: Context, query: str) -> list[int]:
        """The tokens of a request without notes, as `wake` sends it."""
        blocks = load_prompt("nano", "answer").user(parts=context.parts, notes=(), query=query, verbosity=0)
        try:
            return self._tokenizer.encode("\n\n".join(blocks), allow_control=True)
        except ForeignTextError as error:
            raise ForeignText(
                f"nano reads only the worlds it was trained on: {error}. Score other text with a model behind a server "
                "that gives the log-probabilities of prompts: openai-compatible:URL#MODEL (vLLM, llama-cpp-python)"
            ) from error
