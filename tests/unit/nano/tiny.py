"""A tiny decoder with random weights, and the architecture once more, written plainly in float64 as its reference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sleeptime.nano.tokenizer import Tokenizer
from sleeptime.nano.weights import Config, Weights

Tensors = dict[str, npt.NDArray[np.float16]]
Vector = npt.NDArray[np.float64]

TINY = Config(width=32, layers=2, heads=2, ffn=48, vocab=40, max_length=96)


def random_tensors(config: Config, seed: int) -> Tensors:
    """Named tensors as they stand in a weights file. Scaled so that every part of a layer matters."""
    rng = np.random.default_rng(seed)
    width, ffn = config.width, config.ffn

    def normal(*shape: int, scale: float = 1.0, mean: float = 0.0) -> npt.NDArray[np.float16]:
        return (mean + scale * rng.standard_normal(shape)).astype(np.float16)

    tensors = {"embed": normal(config.vocab, width), "final_norm": normal(width, scale=0.2, mean=1.0)}
    for i in range(config.layers):
        for place in ("attn", "ffn"):
            tensors[f"layers.{i}.{place}_norm"] = normal(width, scale=0.2, mean=1.0)
            tensors[f"layers.{i}.{place}_mix"] = normal(2, width, scale=0.5)
        for name in ("wq", "wk", "wv", "wo"):
            tensors[f"layers.{i}.{name}"] = normal(width, width, scale=1.5 * width**-0.5)
        for name, shape in (("w1", (ffn, width)), ("w3", (ffn, width)), ("w2", (width, ffn))):
            tensors[f"layers.{i}.{name}"] = normal(*shape, scale=1.5 * width**-0.5)
    return tensors


def tiny_weights(seed: int = 7, config: Config = TINY) -> Weights:
    """Random weights of the tiny decoder."""
    return Weights.from_tensors(config, random_tensors(config, seed))


def reference_logits(config: Config, tensors: Tensors, ids: list[int]) -> Vector:
    """Logits (n, V) of a whole sequence, one token, head and layer at a time."""
    t = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    half = config.head_width // 2
    rates = config.theta ** (-np.arange(half) / half)
    x = t["embed"][ids]
    for i in range(config.layers):
        own = {
            name.removeprefix(f"layers.{i}."): tensor for name, tensor in t.items() if name.startswith(f"layers.{i}.")
        }
        h = _mixed(_normed(x, own["attn_norm"], config.eps), own["attn_mix"])
        q, k, v = h @ own["wq"].T, h @ own["wk"].T, h @ own["wv"].T
        attended = np.zeros_like(x)
        for head in range(config.heads):
            cut = np.s_[:, head * config.head_width : (head + 1) * config.head_width]
            rotated_q, rotated_k = _rotated(q[cut], rates), _rotated(k[cut], rates)
            for n in range(len(ids)):
                scores = rotated_k[: n + 1] @ rotated_q[n] / np.sqrt(config.head_width)
                weights = np.exp(scores - scores.max())
                attended[n, cut[1]] = (weights / weights.sum()) @ v[cut][: n + 1]
        x = x + attended @ own["wo"].T
        h = _mixed(_normed(x, own["ffn_norm"], config.eps), own["ffn_mix"])
        gate = h @ own["w1"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ own["w3"].T)) @ own["w2"].T
    logits: Vector = _normed(x, t["final_norm"], config.eps) @ t["embed"].T
    return logits


def reference_greedy(config: Config, tensors: Tensors, prompt: list[int], max_tokens: int) -> list[int]:
    """Greedy completion, reading everything anew for every token."""
    ids = list(prompt)
    for _ in range(max_tokens):
        ids.append(int(reference_logits(config, tensors, ids)[-1].argmax()))
    return ids[len(prompt) :]


def _normed(x: Vector, gain: Vector, eps: float) -> Vector:
    normed: Vector = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) * gain
    return normed


def _mixed(h: Vector, mix: Vector) -> Vector:
    mixed = h.copy()
    mixed[1:] += mix[0] * h[:-1]
    mixed[2:] += mix[1] * h[:-2]
    return mixed


def _rotated(x: Vector, rates: Vector) -> Vector:
    angles = np.arange(len(x))[:, None] * rates
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=-1)


def reciting_weights(tokenizer: Tokenizer, texts: list[str]) -> Weights:
    """Weights that recite: behind two neighbouring tokens of a text comes its next token.

    One feed-forward unit per pair of neighbours opens only for that pair, and points at the token that follows. The
    pairs of all texts must be distinct where their followers are.
    """
    follower: dict[tuple[int, int], int] = {}
    for text in texts:
        ids = tokenizer.encode(text, allow_control=True)
        for older, newer, then in zip(ids, ids[1:], ids[2:], strict=False):
            assert follower.setdefault((older, newer), then) == then, f"two tokens follow one pair in {text!r}"
    width = 2 * len(tokenizer)
    config = Config(width=width, layers=1, heads=1, ffn=len(follower), vocab=len(tokenizer), max_length=512)
    tensors = {name: np.zeros_like(tensor) for name, tensor in random_tensors(config, 0).items()}
    tensors["embed"][:, : config.vocab] = np.eye(config.vocab)
    for name in ("final_norm", "layers.0.attn_norm", "layers.0.ffn_norm"):
        tensors[name][:] = width**-0.5  # a normed one-hot vector has the length sqrt(width)
    tensors["final_norm"][:] = 1
    tensors["layers.0.ffn_mix"][0] = 0.5
    for unit, ((older, newer), then) in enumerate(follower.items()):
        # Twice the newer token and the older one (0.5): 2.5 for this pair, at most 2 for any other; 2.25 is the bar.
        gate = np.full(width, -2.25 / 1.5)
        gate[newer] += 2
        gate[older] += 1
        tensors["layers.0.w1"][unit] = 40 * gate
        tensors["layers.0.w3"][unit] = 1
        tensors["layers.0.w2"][then, unit] = 1
    return Weights.from_tensors(config, tensors)
