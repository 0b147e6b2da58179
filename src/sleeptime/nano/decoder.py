"""The decoder in numpy: reads tokens behind what was read before, and steps a batch of rows by one token each.

A layer is RMSNorm, a short causal mixing over the two previous tokens, rotary attention, then the same norm and mixing
before a SwiGLU feed-forward. Rows that share a prefix attend to one copy of its keys and values. Knows nothing of
requests, sampling, stop tokens or the cache between calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sleeptime.nano.weights import Array, Config, Layer, Weights

ATTN, FFN = 0, 1
"""Places of a layer in which the hidden vectors of the two previous tokens are mixed in."""


FEW_ROWS = 6
"""Up to here, a vector at a time is faster than a matrix (measured on AVX2 kernels: at 3 rows in 0.4 of the time)."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """A beginning that has been read.

    Args:
        keys, values: (L, H, T, D / H), keys rotated.
        tails: (L, 2, 2, D), hidden vectors of the last two tokens at each place (older first; zeros before the start).
    """

    keys: Array
    values: Array
    tails: Array

    @property
    def length(self) -> int:
        """Tokens read, T."""
        return int(self.keys.shape[2])

    @classmethod
    def empty(cls, config: Config) -> Prefix:
        """The state before the first token."""
        nothing = np.empty((config.layers, config.heads, 0, config.head_width), dtype=np.float32)
        return cls(nothing, nothing, np.zeros((config.layers, 2, 2, config.width), dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Span:
    """n tokens to read behind a prefix.

    Args:
        prefix: what comes before.
        ids: the tokens (n,), at least one.
        keys, values: (L, H, n, D / H), views that are written.
    """

    prefix: Prefix
    ids: Sequence[int]
    keys: Array
    values: Array


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading spans of N tokens in all gave.

    Args:
        ends: offset of each span's end in N.
        final: (N, D), normed output of the last layer.
        hidden: (L, 2, N, D), the hidden vectors before mixing at each place.
    """

    ends: tuple[int, ...]
    final: Array
    hidden: Array

    def tails(self, prefix: Prefix, start: int, end: int) -> Array:
        """Tails (L, 2, 2, D) behind the tokens `start` to `end` of N, which followed `prefix`."""
        return np.concatenate([prefix.tails, self.hidden[:, :, start:end]], axis=2)[:, :, -2:].copy()


class Decoder:
    """Runs the layers of `weights`."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        config = weights.config
        half = config.head_width // 2
        rates = config.theta ** (-np.arange(half, dtype=np.float64) / half)
        angles = np.arange(config.max_length)[:, None] * rates
        self.rotations = np.exp(1j * angles).astype(np.complex64)
        """(max_length, D / 2H): rotation of each pair of a head at each position (RoFormer, arXiv:2104.09864)."""

    def logits(self, final: Array) -> Array:
        """Logits (n, V) of normed outputs (n, D)."""
        return _linear(final, self.weights.embed)

    def read(self, spans: Sequence[Span]) -> Reading:
        """Read spans together, each behind its own prefix; writes their keys and values."""
        config = self.weights.config
        sizes = [len(span.ids) for span in spans]
        ends = np.cumsum(sizes)
        starts = ends - sizes
        total = int(ends[-1])
        positions = np.concatenate(
            [span.prefix.length + np.arange(size) for span, size in zip(spans, sizes, strict=True)]
        )
        rotations = self.rotations[positions][:, None, :]
        # Rows of [tails of every span, older first; hidden of every token]: where each token's previous ones stand.
        older, newer = np.arange(total) + 2 * len(spans) - 2, np.arange(total) + 2 * len(spans) - 1
        for i, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            newer[start], older[start] = 2 * i + 1, 2 * i
            if size > 1:
                older[start + 1] = 2 * i + 1
        hidden = np.empty((config.layers, 2, total, config.width), dtype=np.float32)

        def mix(vectors: Array, place: int, i: int, mixing: Array) -> Array:
            hidden[i, place] = vectors
            seen = np.concatenate([*(span.prefix.tails[i, place] for span in spans), vectors])
            mixed: Array = vectors + mixing[0] * seen[newer] + mixing[1] * seen[older]
            return mixed

        x = self.weights.embed[np.concatenate([np.asarray(span.ids) for span in spans])]
        for i, layer in enumerate(self.weights.layers):
            h = mix(_rms_norm(x, layer.attn_norm, config.eps), ATTN, i, layer.attn_mix)
            queries, keys, values = _project(h, layer, rotations, config)
            attended = np.empty_like(queries)
            for span, start, end in zip(spans, starts, ends, strict=True):
                span.keys[i] = keys[start:end].swapaxes(0, 1)
                span.values[i] = values[start:end].swapaxes(0, 1)
                attended[start:end] = _attend_span(queries[start:end], span, i)
            x += _linear(attended.reshape(total, config.width), layer.wo)
            h = mix(_rms_norm(x, layer.ffn_norm, config.eps), FFN, i, layer.ffn_mix)
            x += _feed_forward(h, layer)
        final = _rms_norm(x, self.weights.final_norm, config.eps)
        return Reading(tuple(int(end) for end in ends), final, hidden)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows `rows` of a batch, which share `prefix`."""

    rows: slice
    prefix: Prefix


class Batch:
    """B rows that are decoded together, each behind its group's prefix and its own suffix.

    Suffixes stand right-aligned in the row cache, so that every row writes its next token into the same slot.

    Args:
        decoder: runs the layers.
        groups: a partition of the rows, in order.
        suffixes: (B) lists of tokens, at least one each, that follow the group's prefix.
        max_new: most tokens to be decoded.
    """

    def __init__(
        self, decoder: Decoder, groups: Sequence[Group], suffixes: Sequence[Sequence[int]], max_new: int
    ) -> None:
        self._decoder = decoder
        self._groups = list(groups)
        config = decoder.weights.config
        rows = len(suffixes)
        self._used = max(len(suffix) for suffix in suffixes)
        shape = (config.layers, rows, config.heads, self._used + max_new, config.head_width)
        self._keys = np.empty(shape, dtype=np.float32)
        self._values = np.empty(shape, dtype=np.float32)
        self._prefix_slots = max(group.prefix.length for group in groups)
        self._bias = np.zeros((rows, 1, self._prefix_slots + shape[3]), dtype=np.float32)
        spans: list[Span] = []
        for group in groups:
            for row in range(group.rows.start, group.rows.stop):
                pad = self._used - len(suffixes[row])
                # Masked slots are multiplied too, so they must hold finite numbers.
                self._keys[:, row, :, :pad] = 0.0
                self._values[:, row, :, :pad] = 0.0
                self._bias[row, 0, group.prefix.length : self._prefix_slots + pad] = -np.inf
                filled = np.s_[:, row, :, pad : self._used]
                spans.append(Span(group.prefix, suffixes[row], self._keys[filled], self._values[filled]))
        reading = decoder.read(spans)
        self._positions = np.array([span.prefix.length + len(span.ids) for span in spans])
        starts = (0, *reading.ends[:-1])
        tails = [
            reading.tails(span.prefix, start, end) for span, start, end in zip(spans, starts, reading.ends, strict=True)
        ]
        # Three turns, so that a step writes the new hidden vectors beside the two it reads: (3, L, 2, B, D).
        self._turns = np.zeros((3, config.layers, 2, rows, config.width), dtype=np.float32)
        self._turns[:2] = np.stack(tails).transpose(3, 1, 2, 0, 4)
        self._turn = 2
        self._scores = np.zeros((rows, config.heads, self._bias.shape[2]), dtype=np.float32)
        self.logits: Array = decoder.logits(reading.final[np.array(reading.ends) - 1])
        """(B, V), for the next token of each row."""

    def __len__(self) -> int:
        return len(self._positions)

    def step(self, ids: npt.NDArray[np.intp]) -> None:
        """Append one token per row (B,) and compute the logits of the next."""
        config, weights = self._decoder.weights.config, self._decoder.weights
        rotations = self._decoder.rotations[self._positions][:, None, :]
        slots = self._used + 1
        x = weights.embed[ids]
        for i, layer in enumerate(weights.layers):
            h = self._mix(_rms_norm(x, layer.attn_norm, config.eps), ATTN, i, layer.attn_mix)
            queries, keys, values = _project(h, layer, rotations, config)
            self._keys[i, :, :, self._used] = keys
            self._values[i, :, :, self._used] = values
            x += _linear(self._attend(queries, i, slots).reshape(x.shape), layer.wo)
            h = self._mix(_rms_norm(x, layer.ffn_norm, config.eps), FFN, i, layer.ffn_mix)
            x += _feed_forward(h, layer)
        self._used = slots
        self._positions += 1
        self._turn = (self._turn + 1) % 3
        self.logits = self._decoder.logits(_rms_norm(x, weights.final_norm, config.eps))

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only (in ascending order), and give back the room of the others."""
        capacity = self._keys.shape[3]
        self._keys = _kept_rows(self._keys, rows, self._used, capacity)
        self._values = _kept_rows(self._values, rows, self._used, capacity)
        self._bias = self._bias[rows]
        self._scores = np.zeros((len(rows), *self._scores.shape[1:]), dtype=np.float32)
        self._turns = self._turns[:, :, :, rows]
        self._positions = self._positions[rows]
        self.logits = self.logits[rows]
        groups: list[Group] = []
        start = 0
        for group in self._groups:
            size = sum(group.rows.start <= row < group.rows.stop for row in rows)
            if size:
                groups.append(Group(slice(start, start + size), group.prefix))
            start += size
        self._groups = groups

    def _mix(self, vectors: Array, place: int, i: int, mixing: Array) -> Array:
        self._turns[self._turn, i, place] = vectors
        vectors += mixing[0] * self._turns[self._turn - 1, i, place]
        vectors += mixing[1] * self._turns[self._turn - 2, i, place]
        return vectors

    def _attend(self, queries: Array, i: int, slots: int) -> Array:
        """Attention (B, H, D / H) of one query per row to its group's prefix and to its own first `slots` slots."""
        first = self._prefix_slots
        scores = self._scores[:, :, : first + slots]
        own = scores[:, :, None, first:]
        for group in self._groups:
            length = group.prefix.length
            shared = scores[group.rows, :, :length].swapaxes(0, 1)
            np.matmul(queries[group.rows].swapaxes(0, 1), group.prefix.keys[i].swapaxes(1, 2), out=shared)
        np.matmul(queries[:, :, None], self._keys[i, :, :, :slots].swapaxes(2, 3), out=own)
        scores += self._bias[:, :, : first + slots]
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        attended: Array = np.matmul(own, self._values[i, :, :, :slots])[:, :, 0]
        for group in self._groups:
            shared = scores[group.rows, :, : group.prefix.length].swapaxes(0, 1)
            attended[group.rows] += np.matmul(shared, group.prefix.values[i]).swapaxes(0, 1)
        attended /= scores.sum(axis=-1)[:, :, None]
        return attended


def _linear(x: Array, weight: Array) -> Array:
    """x (n, in) through a weight (out, in); OpenBLAS is slow at matrices of 2 to 6 rows, so these go one by one."""
    out: Array = np.matvec(weight, x) if len(x) <= FEW_ROWS else x @ weight.T
    return out


def _rms_norm(x: Array, gain: Array, eps: float) -> Array:
    """RMSNorm (arXiv:1910.07467) of the last axis."""
    scale: Array = np.vecdot(x, x)
    scale /= np.float32(x.shape[-1])
    scale += np.float32(eps)
    np.sqrt(scale, out=scale)
    normed: Array = x / scale[:, None]
    normed *= gain
    return normed


def _project(
    h: Array, layer: Layer, rotations: npt.NDArray[np.complex64], config: Config
) -> tuple[Array, Array, Array]:
    """Queries, keys and values (n, H, D / H) of hidden vectors (n, D), with rotations (n, 1, D / 2H) applied."""
    qkv = _linear(h, layer.wqkv).reshape(len(h), 3 * config.heads, config.head_width)
    pairs = qkv[:, : 2 * config.heads].view(np.complex64)
    pairs *= rotations
    return qkv[:, : config.heads], qkv[:, config.heads : 2 * config.heads], qkv[:, 2 * config.heads :]


def _attend_span(queries: Array, span: Span, i: int) -> Array:
    """Causal attention (n, H, D / H) of a span's queries to its prefix and to itself."""
    size, length = len(queries), span.prefix.length
    heads_first = queries.swapaxes(0, 1)
    scores = np.empty((queries.shape[1], size, length + size), dtype=np.float32)
    np.matmul(heads_first, span.prefix.keys[i].swapaxes(1, 2), out=scores[:, :, :length])
    np.matmul(heads_first, span.keys[i].swapaxes(1, 2), out=scores[:, :, length:])
    scores[:, :, length:][:, np.triu(np.ones((size, size), dtype=bool), k=1)] = -np.inf
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    attended = np.matmul(scores[:, :, :length], span.prefix.values[i])
    attended += np.matmul(scores[:, :, length:], span.values[i])
    attended /= scores.sum(axis=-1)[:, :, None]
    rows_first: Array = attended.swapaxes(0, 1)
    return rows_first


def _feed_forward(h: Array, layer: Layer) -> Array:
    """SwiGLU (arXiv:2002.05202) of hidden vectors (n, D)."""
    both = _linear(h, layer.w13)
    size = both.shape[1] // 2
    gate = both[:, :size]
    swish = np.negative(gate)
    np.exp(swish, out=swish)
    swish += 1.0
    np.divide(gate, swish, out=swish)
    swish *= both[:, size:]
    return _linear(swish, layer.w2)


def _kept_rows(cache: Array, rows: Sequence[int], used: int, capacity: int) -> Array:
    layers, _, heads, _, head_width = cache.shape
    kept = np.empty((layers, len(rows), heads, capacity, head_width), dtype=np.float32)
    kept[:, :, :, :used] = cache[:, rows, :, :used]
    return kept
