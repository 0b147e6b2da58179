"""Speed of nano's decoder: batches of 1 and 32, with and without a prefix that was read before or is shared.

Prompts are 200 tokens of context and 8 to 20 of query; each row decodes 64 tokens. The time includes reading whatever
part of the prompts is not kept or shared. One BLAS thread, as always in nano.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from bench.figure import Figure
from sleeptime.nano.engine import Engine, Request

CONTEXT_TOKENS = 200
DECODED_TOKENS = 64
REPEATS = 7


def queries(engine: Engine, count: int) -> list[list[int]]:
    """Random queries; the speed does not depend on what they say."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, engine.config.vocab, rng.integers(8, 21)).tolist() for _ in range(count)]


def contexts(engine: Engine, count: int) -> list[list[int]]:
    """Random contexts."""
    rng = np.random.default_rng(2)
    return [rng.integers(0, engine.config.vocab, CONTEXT_TOKENS).tolist() for _ in range(count)]


def speed(name: str, engine: Engine, requests: list[Request], *, keep: bool, how: str) -> Figure:
    """Median decoded tokens per second of one call; `keep` leaves the prefixes of the call before in the cache."""
    engine.generate(requests)
    speeds: list[float] = []
    for _ in range(REPEATS):
        if not keep:
            engine.prefix_cache.clear()
        start = time.perf_counter()
        completions = engine.generate(requests)
        took_s = time.perf_counter() - start
        speeds.append(sum(completion.num_decoded_tokens for completion in completions) / took_s)
    spread = f"median of {REPEATS}, {min(speeds):,.0f} to {max(speeds):,.0f}"
    return Figure(name, median(speeds), "tokens/s", f"{how}; {spread}")


def figures(engine: Engine) -> list[Figure]:
    """All figures of one engine."""
    asked, told = queries(engine, 32), contexts(engine, 32)
    shared = [Request([*told[0], *query], DECODED_TOKENS) for query in asked]
    apart = [Request([*context, *query], DECODED_TOKENS) for context, query in zip(told, asked, strict=True)]
    return [
        speed("nano, batch 1", engine, shared[:1], keep=False, how="nothing kept"),
        speed("nano, batch 1, prefix kept", engine, shared[:1], keep=True, how="prefix read by an earlier call"),
        speed("nano, batch 32", engine, apart, keep=False, how="32 contexts, nothing kept"),
        speed("nano, batch 32, prefix shared", engine, shared, keep=False, how="one context, read once in the call"),
    ]


async def measure() -> list[Figure]:
    """Figures of the released weights."""
    return figures(Engine.load())
