"""The decoder in torch: Llama-style, with a short causal mixing before attention and before the feed-forward.

A row is a tree of token branches, so the model takes positions, the two previous tokens and the attention mask from
outside. The engine in `sleeptime.nano` computes the same function on plain sequences.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a decoder."""

    vocab: int
    width: int = 256
    layers: int = 6
    heads: int = 4
    ffn: int = 704
    theta: float = 10_000.0
    eps: float = 1e-5


COPY_MIX, COPY_GAIN = 0.4, 0.3
"""Start of the mixing weights before attention, and of the output of heads that copy."""


class Layer(nn.Module):
    """One block; linear weights are (out, in) and have no bias.

    Half of the heads start by copying what is alike: keys equal queries, and the output is the transposed values. With
    the mixing, a number is then found by the owner that stands before it from the first steps on, which the usual start
    learns late and suddenly (docs/lab-notebook.md).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, self.heads, self.eps = shape.width, shape.heads, shape.eps
        scale = width**-0.5
        self.attn_norm = nn.Parameter(torch.ones(width))
        self.ffn_norm = nn.Parameter(torch.ones(width))
        self.attn_mix = nn.Parameter(torch.full((2, width), COPY_MIX))
        self.ffn_mix = nn.Parameter(torch.zeros(2, width))
        self.wq = nn.Parameter(torch.randn(width, width) * scale)
        self.wk = nn.Parameter(torch.randn(width, width) * scale)
        self.wv = nn.Parameter(torch.randn(width, width) * scale)
        self.wo = nn.Parameter(torch.zeros(width, width))
        self.w1 = nn.Parameter(torch.randn(shape.ffn, width) * scale)
        self.w3 = nn.Parameter(torch.randn(shape.ffn, width) * scale)
        self.w2 = nn.Parameter(torch.zeros(width, shape.ffn))
        copying = shape.heads // 2 * (width // shape.heads)
        with torch.no_grad():
            self.wk[:copying] = self.wq[:copying]
            self.wo[:, :copying] = COPY_GAIN * self.wv[:copying].T

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, previous: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, width); cos, sin (B, 1, T, head/2); previous (B, 2, T), index + 1 or 0; mask (B, 1, T, T)."""
        batch, length, width = x.shape
        h = _mix(functional.rms_norm(x, (width,), self.attn_norm, self.eps), self.attn_mix, previous)
        q, k, v = (
            functional.linear(h, w).view(batch, length, self.heads, -1).transpose(1, 2)
            for w in (self.wq, self.wk, self.wv)
        )
        attended = _attend(_rotate(q, cos, sin), _rotate(k, cos, sin), v, mask)
        x = x + functional.linear(attended.transpose(1, 2).reshape(batch, length, width), self.wo)
        h = _mix(functional.rms_norm(x, (width,), self.ffn_norm, self.eps), self.ffn_mix, previous)
        return x + functional.linear(
            functional.silu(functional.linear(h, self.w1)) * functional.linear(h, self.w3), self.w2
        )


class Decoder(nn.Module):
    """Token ids to logits, embeddings tied."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed = nn.Parameter(torch.randn(shape.vocab, shape.width) * 0.02)
        self.final_norm = nn.Parameter(torch.ones(shape.width))
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        half = shape.width // shape.heads // 2
        frequencies = shape.theta ** (-torch.arange(half, dtype=torch.float32) / half)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, tokens: Tensor, positions: Tensor, previous: Tensor, mask: Tensor) -> Tensor:
        """Logits (B, T, vocab) of tokens (B, T) on a tree: see `Layer.forward` for `previous` and `mask`."""
        angles = positions[:, None, :, None].float() * self.frequencies
        cos, sin = angles.cos(), angles.sin()
        x = functional.embedding(tokens, self.embed)
        for layer in self.layers:
            x = layer(x, cos, sin, previous, mask)
        return functional.linear(
            functional.rms_norm(x, (self.shape.width,), self.final_norm, self.shape.eps), self.embed
        )


def chain_inputs(length: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Positions, previous and mask of one plain sequence (a tree with a single branch), batch size 1."""
    index = torch.arange(length, device=device)
    previous = torch.stack([index, (index - 1).clamp(min=0)])[None]
    mask = torch.ones(length, length, dtype=torch.bool, device=device).tril()[None, None]
    return index[None], previous, mask


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Plain matrix products: with a dense mask on CPU, faster than the fused kernel (docs/lab-notebook.md)."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return scores.masked_fill(~mask, float("-inf")).softmax(-1, dtype=torch.float32).to(v.dtype) @ v


def _mix(h: Tensor, weights: Tensor, previous: Tensor) -> Tensor:
    padded = functional.pad(h, (0, 0, 1, 0))
    for k in range(2):
        index = previous[:, k, :, None].expand(-1, -1, h.shape[-1])
        h = h + padded.gather(1, index) * weights[k]
    return h


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)
