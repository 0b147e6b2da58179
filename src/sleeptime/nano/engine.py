"""Completions of token sequences: batched, with shared prefixes read once and kept between calls.

Deterministic for a seed; each row draws from its own generator, so that its completion does not depend on its batch (up
to the last bits of a sum, which a larger matrix may add in another order). Knows nothing of words: ids in, ids out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from sleeptime.nano.blas import one_blas_thread
from sleeptime.nano.decoder import Batch, Decoder, Group, Prefix, Span
from sleeptime.nano.prefix_cache import BLOCK_TOKENS, Block, PrefixCache
from sleeptime.nano.sampler import Sampler, Sampling
from sleeptime.nano.weights import Array, Weights

MAX_ROWS = 64
"""Rows decoded together; more requests wait for the next batch."""
_SPARSE = 0.75
"""A batch is closed up when this share of its rows or less is still running."""

FinishReason = Literal["stop", "length"]


class TooLongError(ValueError):
    """A prompt that leaves no room for a completion within the decoder's longest sequence."""


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to make.

    Args:
        prompt: token ids, at least one.
        max_tokens: most tokens to decode; the decoder's longest sequence may end it sooner.
        stop: ids that end the completion and are left out of it.
        sampling: how tokens are drawn; greedy by default.
    """

    prompt: Sequence[int]
    max_tokens: int = 256
    stop: frozenset[int] = frozenset()
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class Completion:
    """A completion so far.

    Args:
        ids: decoded tokens, without the stop token.
        finish_reason: "stop" (a stop token came), "length" (no more room or allowance), None (still running).
        num_cached_tokens: prompt tokens that were not read anew: kept from an earlier call, or shared in the batch.
        num_decoded_tokens: tokens decoded, with the stop token.
    """

    ids: tuple[int, ...]
    finish_reason: FinishReason | None
    num_cached_tokens: int
    num_decoded_tokens: int


class Engine:
    """Runs one decoder for any number of threads.

    Args:
        weights: of the decoder.
        cache_bytes: most memory for prefixes kept between calls (about 14 KB a token at width 256 and 6 layers).
    """

    def __init__(self, weights: Weights, *, cache_bytes: int = 128 * 2**20) -> None:
        self.config = weights.config
        self.prefix_cache = PrefixCache(cache_bytes)
        self._decoder = Decoder(weights)

    @classmethod
    def load(cls, folder: Path | None = None) -> Engine:
        """An engine with the weights in `folder`, by default the release that ships with nano."""
        return cls(Weights.load(folder))

    def check(self, request: Request) -> None:
        """Raise what `generate` would raise for this request, without doing it."""
        prompt, longest = request.prompt, self.config.max_length
        if not prompt:
            raise ValueError("the prompt is empty; give at least one token")
        if len(prompt) >= longest:
            raise TooLongError(
                f"the prompt has {len(prompt):,} tokens; nano reads at most {longest - 1:,}, "
                "so that one is left to answer: give it less context or fewer notes"
            )
        if min(prompt) < 0 or max(prompt) >= self.config.vocab:
            raise ValueError(f"the prompt holds an id outside 0 to {self.config.vocab - 1}")
        if request.max_tokens < 1:
            raise ValueError(f"max_tokens is {request.max_tokens}; it must be 1 or more")

    def generate(
        self,
        requests: Sequence[Request],
        on_done: Callable[[int, Completion], None] | None = None,
        *,
        before_step: Callable[[], None] | None = None,
    ) -> list[Completion]:
        """Complete all requests, decoded together; the order is kept.

        Args:
            on_done: called with the place and the completion of each request as soon as it is finished.
            before_step: called before prompts are read and before each token; may wait, to let others go first.

        Raises:
            TooLongError: a prompt leaves no room for a completion.
            ValueError: a prompt is empty, holds an id outside the vocabulary, or max_tokens is below 1.
        """
        for request in requests:
            self.check(request)
        done: list[Completion | None] = [None] * len(requests)
        # Sorted, so that prompts with the same beginning meet in one batch.
        order = sorted(range(len(requests)), key=lambda i: tuple(requests[i].prompt))
        for start in range(0, len(order), MAX_ROWS):
            chosen = order[start : start + MAX_ROWS]
            if before_step is not None:
                before_step()
            with one_blas_thread(), np.errstate(over="ignore"):
                run = _Run(self, [requests[i] for i in chosen])
                while run.is_running:
                    if before_step is not None:
                        before_step()
                    for i in run.step():
                        done[chosen[i]] = completion = run.completion(i)
                        if on_done is not None:
                            on_done(chosen[i], completion)
        return [completion for completion in done if completion is not None]

    def stream(self, request: Request) -> Iterator[Completion]:
        """Complete one request token by token: yields the completion so far after each, the last one finished.

        Raises:
            TooLongError, ValueError: as `generate`, at once.
        """
        self.check(request)
        return self._stream(request)

    def logprobs(self, prompt: Sequence[int], continuation: Sequence[int]) -> Array:
        """Natural log-probabilities (n,) of the n tokens of `continuation` behind `prompt`.

        Raises:
            TooLongError, ValueError: as `generate`, for the two together.
        """
        whole = [*prompt, *continuation]
        self.check(Request(prompt))
        if not continuation:
            return np.empty(0, dtype=np.float32)
        self.check(Request(whole[:-1]))
        with one_blas_thread(), np.errstate(over="ignore"):
            prefix, _ = self._read_prefix(whole[: len(prompt) - 1])
            ids = whole[len(prompt) - 1 : -1]
            shape = (self.config.layers, self.config.heads, len(ids), self.config.head_width)
            span = Span(prefix, ids, np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32))
            logits = self._decoder.logits(self._decoder.read([span]).final)
        logits -= logits.max(axis=-1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        chosen: Array = logits[np.arange(len(ids)), np.asarray(continuation)]
        return chosen

    def _stream(self, request: Request) -> Iterator[Completion]:
        run: _Run | None = None
        while run is None or run.is_running:
            # The limit is not held while the consumer works.
            with one_blas_thread(), np.errstate(over="ignore"):
                run = _Run(self, [request]) if run is None else run
                run.step()
            yield run.completion(0)

    def _read_prefix(self, ids: Sequence[int]) -> tuple[Prefix, int]:
        """The state behind `ids`, and how many of them came from the cache; keeps what was read."""
        blocks = self.prefix_cache.find(ids)
        num_cached = len(blocks) * BLOCK_TOKENS
        config = self.config
        shape = (config.layers, config.heads, len(ids), config.head_width)
        keys, values = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
        for i, block in enumerate(blocks):
            keys[:, :, i * BLOCK_TOKENS : (i + 1) * BLOCK_TOKENS] = block.keys
            values[:, :, i * BLOCK_TOKENS : (i + 1) * BLOCK_TOKENS] = block.values
        tails = blocks[-1].tails if blocks else Prefix.empty(config).tails
        if num_cached == len(ids):
            return Prefix(keys, values, tails), num_cached
        before = Prefix(keys[:, :, :num_cached], values[:, :, :num_cached], tails)
        reading = self._decoder.read(
            [Span(before, ids[num_cached:], keys[:, :, num_cached:], values[:, :, num_cached:])]
        )
        for end in range(num_cached + BLOCK_TOKENS, len(ids) + 1, BLOCK_TOKENS):
            cut = np.s_[:, :, end - BLOCK_TOKENS : end]
            block_tails = reading.tails(before, end - BLOCK_TOKENS - num_cached, end - num_cached)
            blocks.append(Block(keys[cut].copy(), values[cut].copy(), block_tails))
        self.prefix_cache.keep(ids, blocks)
        return Prefix(keys, values, reading.tails(before, 0, len(ids) - num_cached)), num_cached


class _Run:
    """One batch on its way: `requests` in the order of their prompts, decoded a token at a time."""

    def __init__(self, engine: Engine, requests: Sequence[Request]) -> None:
        self._requests = requests
        self._ids: list[list[int]] = [[] for _ in requests]
        self._reasons: list[FinishReason | None] = [None] * len(requests)
        self._cached = [0] * len(requests)
        longest = engine.config.max_length
        self._allowed = [min(request.max_tokens, longest - len(request.prompt)) for request in requests]
        self._rows = list(range(len(requests)))
        """The request of each row of the batch; a finished one keeps its row until the batch is closed up."""
        groups: list[Group] = []
        suffixes: list[Sequence[int]] = []
        for rows, length in _shared_prefixes([request.prompt for request in requests]):
            prefix, num_cached = engine._read_prefix(requests[rows.start].prompt[:length])
            groups.append(Group(rows, prefix))
            self._cached[rows] = [num_cached, *(length for _ in range(rows.start + 1, rows.stop))]
            suffixes.extend(request.prompt[length:] for request in requests[rows])
        self._batch = Batch(engine._decoder, groups, suffixes, max(self._allowed))
        self._sampler = Sampler([request.sampling for request in requests])

    @property
    def is_running(self) -> bool:
        """Whether any row is not finished."""
        return bool(self._rows)

    def step(self) -> list[int]:
        """Decode one token for every running row; returns the requests that it finished."""
        picked = self._sampler.pick(self._batch.logits)
        finished: list[int] = []
        for i, token in zip(self._rows, picked.tolist(), strict=True):
            if self._reasons[i] is not None:
                continue
            if token in self._requests[i].stop:
                self._reasons[i] = "stop"
            else:
                self._ids[i].append(token)
                if len(self._ids[i]) == self._allowed[i]:
                    self._reasons[i] = "length"
            if self._reasons[i] is not None:
                finished.append(i)
        running = [row for row, i in enumerate(self._rows) if self._reasons[i] is None]
        if not running:
            self._rows = []
            return finished
        if len(running) <= _SPARSE * len(self._rows):
            self._rows = [self._rows[row] for row in running]
            self._batch.keep(running)
            self._sampler.keep(running)
            picked = picked[running]
        self._batch.step(picked)
        return finished

    def completion(self, i: int) -> Completion:
        """The completion of request `i` so far."""
        ids, reason = self._ids[i], self._reasons[i]
        return Completion(tuple(ids), reason, self._cached[i], len(ids) + (reason == "stop"))


def _common_length(a: Sequence[int], b: Sequence[int]) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (left, right) in pairs if left != right), min(len(a), len(b)))


def _shared_prefixes(prompts: Sequence[Sequence[int]]) -> list[tuple[slice, int]]:
    """Cut sorted prompts into runs that share a beginning: (rows, its length in tokens, below every prompt's own).

    A prompt joins the run before it when that costs the run less than half of its shared beginning.
    """
    runs: list[tuple[slice, int]] = []
    start, shared = 0, len(prompts[0]) - 1
    for i in range(1, len(prompts)):
        common = min(shared, _common_length(prompts[i - 1], prompts[i]), len(prompts[i]) - 1)
        if common < BLOCK_TOKENS or 2 * common < shared:
            runs.append((slice(start, i), shared))
            start, shared = i, len(prompts[i]) - 1
        else:
            shared = common
    runs.append((slice(start, len(prompts)), shared))
    return runs
