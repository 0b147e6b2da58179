"""Read sequences kept between calls, in blocks of 16 tokens, so that a shared beginning is read once.

A block is found by the digest of every token up to its end, so it can only follow the tokens it was made after. Knows
nothing of how keys and values are computed.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sleeptime.nano.weights import Array

BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Block:
    """What the decoder needs of 16 tokens in order to read on behind them.

    Args:
        keys, values: (L, H, 16, D / H).
        tails: (L, 2, 2, D), the hidden vectors of the last two tokens (older first), before attention and before the
            feed-forward.
    """

    keys: Array
    values: Array
    tails: Array

    @property
    def num_bytes(self) -> int:
        return self.keys.nbytes + self.values.nbytes + self.tails.nbytes


class PrefixCache:
    """Blocks by the tokens they follow; the least recently used go first when `limit_bytes` is reached. Thread-safe.

    Args:
        limit_bytes: most bytes of keys, values and hidden vectors to keep; 0 keeps nothing.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self._num_bytes = 0
        self._lock = threading.Lock()

    @property
    def num_bytes(self) -> int:
        """Bytes held now."""
        return self._num_bytes

    @property
    def num_tokens(self) -> int:
        """Tokens held now."""
        return len(self._blocks) * BLOCK_TOKENS

    def find(self, ids: Sequence[int]) -> list[Block]:
        """The longest run of whole blocks from the start of `ids` that is held; they count as used."""
        found: list[Block] = []
        keys: list[bytes] = []
        with self._lock:
            for key in _block_keys(ids):
                block = self._blocks.get(key)
                if block is None:
                    break
                found.append(block)
                keys.append(key)
            self._touch(keys)
        return found

    def keep(self, ids: Sequence[int], blocks: Sequence[Block]) -> None:
        """Hold the blocks of `ids`, in order from its first token; those already held count as used."""
        with self._lock:
            keys = [key for key, _ in zip(_block_keys(ids), blocks, strict=False)]
            for key, block in zip(keys, blocks, strict=True):
                if key not in self._blocks:
                    self._blocks[key] = block
                    self._num_bytes += block.num_bytes
            self._touch(keys)
            while self._num_bytes > self.limit_bytes:
                _, dropped = self._blocks.popitem(last=False)
                self._num_bytes -= dropped.num_bytes

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._blocks.clear()
            self._num_bytes = 0

    def _touch(self, keys: Sequence[bytes]) -> None:
        # Last block first: a block is never older than those that follow it, so that none is left out of reach.
        for key in reversed(keys):
            self._blocks.move_to_end(key)


def _block_keys(ids: Sequence[int]) -> Iterator[bytes]:
    digest = hashlib.blake2b(digest_size=16)
    tokens = np.asarray(ids, dtype=np.int32)
    for start in range(0, len(tokens) - BLOCK_TOKENS + 1, BLOCK_TOKENS):
        digest.update(tokens[start : start + BLOCK_TOKENS].tobytes())
        yield digest.copy().digest()
