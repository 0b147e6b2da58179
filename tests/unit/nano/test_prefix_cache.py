"""The prefix cache: whole blocks, found by all the tokens before them, within a limit of bytes."""

from __future__ import annotations

import numpy as np

from sleeptime.nano.prefix_cache import BLOCK_TOKENS, Block, PrefixCache

A, B, C = (list(range(start, start + BLOCK_TOKENS)) for start in (0, 100, 200))


def block(value: float) -> Block:
    return Block(*(np.full(25, value, dtype=np.float32) for _ in range(3)))


SIZE = block(0).num_bytes


def values(cache: PrefixCache, ids: list[int]) -> list[float]:
    return [float(found.keys[0]) for found in cache.find(ids)]


def test_only_whole_blocks_behind_the_same_tokens_are_found() -> None:
    cache = PrefixCache(10 * SIZE)
    cache.keep([*A, *B, 7], [block(1), block(2)])
    assert values(cache, [*A, *B, *C]) == [1, 2]
    assert values(cache, [*A, *B[:-1]]) == [1]
    assert values(cache, [*B, *A]) == []
    assert values(cache, [*A, *C, *B]) == [1]
    assert cache.num_tokens == 2 * BLOCK_TOKENS


def test_shared_blocks_are_held_once() -> None:
    cache = PrefixCache(10 * SIZE)
    cache.keep([*A, *B], [block(1), block(2)])
    cache.keep([*A, *C], [block(9), block(3)])
    assert cache.num_bytes == 3 * SIZE
    assert values(cache, [*A, *C]) == [1, 3]


def test_the_least_recently_used_go_first_and_last_blocks_before_their_beginnings() -> None:
    cache = PrefixCache(3 * SIZE)
    cache.keep([*A, *B], [block(1), block(2)])
    cache.keep(C, [block(3)])
    cache.find(A)
    cache.keep([*C, *A], [block(3), block(4)])
    assert values(cache, [*A, *B]) == [1]
    assert values(cache, [*C, *A]) == [3, 4]
    cache.keep([*B, *C, *A, *B], [block(n) for n in range(4)])
    assert values(cache, [*B, *C, *A, *B]) == [0, 1, 2]
    assert cache.num_bytes == 3 * SIZE


def test_a_limit_of_nothing_keeps_nothing() -> None:
    cache = PrefixCache(0)
    cache.keep(A, [block(1)])
    assert values(cache, A) == []
    assert cache.num_bytes == 0


def test_clear_drops_everything() -> None:
    cache = PrefixCache(10 * SIZE)
    cache.keep(A, [block(1)])
    cache.clear()
    assert (values(cache, A), cache.num_bytes, cache.num_tokens) == ([], 0, 0)
