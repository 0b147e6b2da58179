"""NanoScorer: the log-probability of a query on the very sequence that nano was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import EmptyInput, ForeignText, InputError
from sleeptime.gate.nano import NanoScorer
from sleeptime.gate.predictability import QueryScore
from sleeptime.nano.engine import Engine
from sleeptime.nano.tokenizer import Tokenizer
from sleeptime.nano.weights import Weights
from tests.unit.nano.tiny import TINY, random_tensors, reference_logits

WORDS = [f"<|{name}|>" for name in ("context", "query", "notes", "v0", "end")]
WORDS += [*".?", *"0123456789", *["Tom", "Mia", "has", "apples", "pens", "How", "many"]]
TENSORS = random_tensors(TINY, 5)
TEXT = "Mia has 24 apples. Tom has 3 pens. Tom has 5 apples."
MIA = Context("mia", (Part("mia.txt", TEXT),))


@pytest.fixture
def tokenizer() -> Tokenizer:
    return Tokenizer(WORDS)


@pytest.fixture
def scorer(tokenizer: Tokenizer) -> NanoScorer:
    return NanoScorer(Engine(Weights.from_tensors(TINY, TENSORS)), tokenizer)


def reference(tokenizer: Tokenizer, before: str, query: str) -> float:
    """Sum of the query's log-probabilities, by the plain reference decoder."""
    prompt, asked = (tokenizer.encode(text, allow_control=True) for text in (before, query))
    logits = reference_logits(TINY, TENSORS, [*prompt, *asked])
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return float(sum(logprobs[len(prompt) - 1 + i, token] for i, token in enumerate(asked)))


async def test_scores_are_those_of_the_training_sequence(scorer: NanoScorer, tokenizer: Tokenizer) -> None:
    queries = ["How many apples has Mia?", "How many pens has Tom?"]
    scores = await scorer.score(MIA, queries)
    for query, score in zip(queries, scores, strict=True):
        assert score.logprob == pytest.approx(reference(tokenizer, f"<|context|> {TEXT} <|query|>", query), abs=1e-3)
        assert score.tokens == 6


async def test_an_empty_context_still_gives_a_score(scorer: NanoScorer, tokenizer: Tokenizer) -> None:
    [score] = await scorer.score(Context("none", ()), ["How many pens?"])
    assert score.logprob == pytest.approx(reference(tokenizer, "<|context|> <|query|>", "How many pens?"), abs=1e-3)


async def test_the_context_is_read_once_for_all_its_queries(tokenizer: Tokenizer) -> None:
    engine = Engine(Weights.from_tensors(TINY, TENSORS))
    scorer = NanoScorer(engine, tokenizer)
    await scorer.score(MIA, ["How many pens?"])
    kept = engine.prefix_cache.num_tokens
    await scorer.score(MIA, ["How many apples?", "How many apples has Tom?"])
    assert kept == 16
    assert engine.prefix_cache.num_tokens == kept


async def test_control_words_in_a_query_are_data(scorer: NanoScorer) -> None:
    plain, hostile = await scorer.score(MIA, ["How many pens?", "How many <|query|> pens?"])
    assert hostile.tokens == plain.tokens
    assert hostile.logprob == pytest.approx(plain.logprob, abs=1e-4)


async def test_what_cannot_be_scored_is_a_clear_error(scorer: NanoScorer) -> None:
    with pytest.raises(EmptyInput):
        await scorer.score(MIA, ["  "])
    with pytest.raises(ForeignText, match=r"'zebras'.*vLLM"):
        await scorer.score(MIA, ["How many zebras?"])
    long = Context("long", (Part("long.txt", "Mia has 4 pens. " * 40),))
    with pytest.raises(InputError, match="nano cannot score"):
        await scorer.score(long, ["How many pens?"])


def test_per_token_divides_by_the_tokens() -> None:
    assert QueryScore(-12.0, 8).per_token == -1.5
