"""Predictability: log P(query | context), how far a context tells what will be asked (arXiv:2504.13171, section 5.4).

The paper finds that sleep gains more where this is high. The raw score sums over the tokens of the query, so that a
short query scores high for its length alone; the score per token does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sleeptime.core.context import Context


@dataclass(frozen=True, slots=True)
class QueryScore:
    """How likely a model finds a query behind its context.

    Args:
        logprob: natural logarithm of the probability of the whole query, in nats; at most 0.
        tokens: how many tokens of the model the query has, at least 1.
    """

    logprob: float
    tokens: int

    @property
    def per_token(self) -> float:
        """Mean log-probability of a token, in nats."""
        return self.logprob / self.tokens


class QueryScorer(Protocol):
    """Measures how likely queries are, given their context."""

    async def score(self, context: Context, queries: Sequence[str]) -> list[QueryScore]:
        """Score queries about one context, which is read once as far as the model can keep it.

        Args:
            context: what they are asked of; it may be empty.
            queries: each with some text.

        Returns:
            One score per query, in order.

        Raises:
            InputError: the model cannot read the text, or gives no log-probabilities.
            ModelError: a call failed.
        """
        ...
