"""The engine: the same function as a plain reference, batched, cached, sampled and streamed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from sleeptime.nano.engine import Completion, Engine, Request, TooLongError
from sleeptime.nano.sampler import Sampling
from tests.unit.nano.tiny import TINY, random_tensors, reference_greedy, reference_logits, tiny_weights

SEED = 7
RNG = np.random.default_rng(11)
CONTEXT = RNG.integers(0, TINY.vocab, 40).tolist()
OTHER = RNG.integers(0, TINY.vocab, 25).tolist()
RAGGED = [[*CONTEXT, *RNG.integers(0, TINY.vocab, n).tolist()] for n in (1, 2, 5, 9, 3)]
PROMPTS = [*RAGGED, [*OTHER, 3], [*OTHER, 4, 5, 6], [9], [9, 1], CONTEXT[:20], RAGGED[0]]
"""Ragged rows over two contexts, two tiny prompts, a prompt that is the beginning of others, and one twice."""


@pytest.fixture
def engine() -> Engine:
    return Engine(tiny_weights(SEED))


def greedy(prompts: list[list[int]], max_tokens: int = 12) -> list[Request]:
    return [Request(prompt, max_tokens) for prompt in prompts]


def sampled(prompts: list[list[int]], **sampling: float) -> list[Request]:
    return [Request(p, 12, sampling=Sampling(1.0, sampling.get("top_p", 1.0), seed)) for seed, p in enumerate(prompts)]


def test_logprobs_match_the_reference(engine: Engine) -> None:
    prompt, continuation = CONTEXT[:19], CONTEXT[19:]
    logits = reference_logits(TINY, random_tensors(TINY, SEED), CONTEXT)[len(prompt) - 1 : -1]
    expected = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    for _ in range(2):  # the second time from the cache
        found = engine.logprobs(prompt, continuation)
        np.testing.assert_allclose(found, expected[np.arange(len(continuation)), continuation], atol=2e-4)
    assert engine.logprobs(prompt, []).shape == (0,)


@pytest.mark.parametrize("prompt", [[9], [9, 1], OTHER, CONTEXT], ids=len)
def test_greedy_matches_the_reference_token_for_token(engine: Engine, prompt: list[int]) -> None:
    expected = reference_greedy(TINY, random_tensors(TINY, SEED), prompt, 20)
    for _ in range(2):
        [completion] = engine.generate([Request(prompt, 20)])
        assert list(completion.ids) == expected
        assert (completion.finish_reason, completion.num_decoded_tokens) == ("length", 20)


@pytest.mark.parametrize("make", [greedy, sampled])
def test_a_row_is_the_same_alone_and_in_any_batch(engine: Engine, make: type) -> None:
    requests = make(PROMPTS)
    together = engine.generate(requests)
    engine.prefix_cache.clear()
    alone = [engine.generate([request])[0] for request in requests]
    assert [c.ids for c in together] == [c.ids for c in alone]
    backwards = engine.generate(requests[::-1])
    assert [c.ids for c in together] == [c.ids for c in backwards[::-1]]


def test_rows_that_end_early_leave_the_others_as_they_were(engine: Engine) -> None:
    requests = [
        replace(r, max_tokens=n) for n, r in zip((3, 40, 1, 25, 2, 7, 30, 4, 11, 5, 6), greedy(PROMPTS), strict=True)
    ]
    for request, completion in zip(requests, engine.generate(requests), strict=True):
        assert completion == replace(engine.generate([request])[0], num_cached_tokens=completion.num_cached_tokens)
        assert len(completion.ids) == request.max_tokens


def test_a_stop_token_ends_the_completion_and_is_left_out(engine: Engine) -> None:
    [whole] = engine.generate([Request(CONTEXT, 12)])
    stop = whole.ids[5]
    first = whole.ids.index(stop)
    [cut] = engine.generate([Request(CONTEXT, 12, stop=frozenset({stop}))])
    assert cut.ids == whole.ids[:first]
    assert (cut.finish_reason, cut.num_decoded_tokens) == ("stop", first + 1)


def test_sampling_repeats_for_a_seed_and_differs_between_seeds(engine: Engine) -> None:
    def draw(seed: int) -> Completion:
        return engine.generate([Request(CONTEXT, 12, sampling=Sampling(1.5, 0.9, seed))])[0]

    assert draw(3).ids == draw(3).ids
    assert len({draw(seed).ids for seed in range(5)}) == 5


def test_drafts_of_one_prompt_read_it_once(engine: Engine) -> None:
    drafts = engine.generate(sampled([CONTEXT] * 4))
    assert [c.num_cached_tokens for c in drafts] == [0, *[len(CONTEXT) - 1] * 3]
    assert len({c.ids for c in drafts}) == 4


def test_a_shared_beginning_is_kept_between_calls(engine: Engine) -> None:
    first, second = greedy(RAGGED[2:4])
    assert engine.generate([first])[0].num_cached_tokens == 0
    assert engine.generate([second])[0].num_cached_tokens == 32  # whole blocks of the 40 shared tokens
    assert engine.prefix_cache.num_tokens == 48


def test_the_cache_never_changes_what_is_decoded() -> None:
    engines = [Engine(tiny_weights(SEED)), Engine(tiny_weights(SEED), cache_bytes=0)]
    for request in greedy(PROMPTS * 2):
        kept, fresh = (engine.generate([request])[0] for engine in engines)
        assert kept.ids == fresh.ids
        assert fresh.num_cached_tokens == 0


def test_more_requests_than_one_batch_come_back_in_order(engine: Engine) -> None:
    requests = greedy([[*CONTEXT, i % TINY.vocab, i // TINY.vocab] for i in range(150)], max_tokens=2)
    completions = engine.generate(requests)
    assert len(completions) == 150
    for i in (0, 70, 149):
        assert completions[i].ids == engine.generate([requests[i]])[0].ids
    assert engine.generate([]) == []


def test_streaming_yields_the_same_tokens_one_by_one(engine: Engine) -> None:
    request = sampled([CONTEXT])[0]
    [whole] = engine.generate([request])
    seen = list(engine.stream(request))
    assert [c.ids for c in seen] == [whole.ids[: n + 1] for n in range(12)]
    assert [c.finish_reason for c in seen] == [None] * 11 + ["length"]


def test_a_stream_ends_with_its_stop_token(engine: Engine) -> None:
    [whole] = engine.generate([Request(CONTEXT, 4)])
    last = list(engine.stream(Request(CONTEXT, 12, stop=frozenset(whole.ids[:1]))))
    assert [(c.ids, c.finish_reason, c.num_decoded_tokens) for c in last] == [((), "stop", 1)]


def test_threads_share_one_engine(engine: Engine) -> None:
    requests = sampled(PROMPTS * 3)
    expected = [engine.generate([request])[0].ids for request in requests]
    engine.prefix_cache.clear()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda request: engine.generate([request])[0].ids, requests))
    assert found == expected


def test_the_longest_sequence_ends_a_completion(engine: Engine) -> None:
    prompt = (CONTEXT * 3)[: TINY.max_length - 5]
    [completion] = engine.generate([Request(prompt, 100)])
    assert (len(completion.ids), completion.finish_reason) == (5, "length")


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (Request([1] * 96), TooLongError, "has 96 tokens; nano reads at most 95"),
        (Request([]), ValueError, "prompt is empty"),
        (Request([1, 40]), ValueError, "outside 0 to 39"),
        (Request([-1]), ValueError, "outside 0 to 39"),
        (Request([1], 0), ValueError, "max_tokens is 0"),
    ],
)
def test_a_request_that_cannot_be_served_says_why(
    engine: Engine, request_: Request, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        engine.generate([Request([1]), request_])
    with pytest.raises(error, match=message):
        engine.stream(request_)
    if request_.max_tokens:
        with pytest.raises(error, match=message):
            engine.logprobs(request_.prompt, [1])
