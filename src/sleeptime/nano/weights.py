"""The weights of nano: read from safetensors (fp16), widened to fp32 and laid out for the decoder.

Knows the names and shapes of the tensors; knows nothing of tokens or of how the layers are run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load as load_safetensors

Array = npt.NDArray[np.float32]

WEIGHTS_FILE = "nano.safetensors"
CONFIG_FILE = "config.json"
RELEASE = resources.files("sleeptime.nano") / "weights"
"""The folder of the weights that ship with nano."""


class WeightsError(ValueError):
    """Weights that do not fit their own configuration: a tensor missing, or of another shape."""


@dataclass(frozen=True, slots=True)
class Config:
    """Shape of a decoder.

    Args:
        width: size of the residual stream, D.
        layers: number of layers, L.
        heads: attention heads, H; each has D / H dimensions, an even number.
        ffn: inner size of the feed-forward, F.
        vocab: number of tokens, V.
        theta: base of the rotary position angles.
        eps: added to the mean square in RMSNorm.
        max_length: most tokens in one sequence, prompt and completion together.
    """

    width: int
    layers: int
    heads: int
    ffn: int
    vocab: int
    theta: float = 10000.0
    eps: float = 1e-5
    max_length: int = 1024

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise WeightsError(f"width {self.width} must be a multiple of twice the {self.heads} heads")

    @property
    def head_width(self) -> int:
        """Dimensions of one attention head."""
        return self.width // self.heads

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Read `config.json`; entries that describe the training are ignored."""
        entries = json.loads(text)
        try:
            return cls(**{name: entries[name] for name in cls.__slots__ if name in entries})
        except TypeError as error:
            raise WeightsError(f"{CONFIG_FILE} is incomplete: {error}") from error


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, with weights that share an input fused. Linear weights are (out, in).

    Args:
        attn_norm: (D,).
        attn_mix: (2, D), the share of the two previous tokens' hidden vectors.
        wqkv: (3 D, D): queries, keys, values. Queries are scaled by 1 / sqrt(head width); the dimensions of each
            query and key head are interleaved (first half, second half, first half, ...), so that a pair to be
            rotated is one complex number.
        wo: (D, D).
        ffn_norm: (D,).
        ffn_mix: (2, D).
        w13: (2 F, D): gate, then value.
        w2: (D, F).
    """

    attn_norm: Array
    attn_mix: Array
    wqkv: Array
    wo: Array
    ffn_norm: Array
    ffn_mix: Array
    w13: Array
    w2: Array


@dataclass(frozen=True, slots=True)
class Weights:
    """All tensors of a decoder in fp32; `embed` (V, D) is also the output layer."""

    config: Config
    embed: Array
    final_norm: Array
    layers: tuple[Layer, ...]

    @classmethod
    def load(cls, folder: Path | None = None) -> Weights:
        """Read `nano.safetensors` and `config.json` from `folder`, by default the release that ships with nano.

        Raises:
            WeightsError: a tensor is missing or has another shape than the configuration says.
        """
        source = RELEASE if folder is None else folder
        config = Config.from_json(source.joinpath(CONFIG_FILE).read_text(encoding="utf-8"))
        return cls.from_tensors(config, load_safetensors(source.joinpath(WEIGHTS_FILE).read_bytes()))

    @classmethod
    def from_tensors(cls, config: Config, tensors: Mapping[str, npt.NDArray[np.floating]]) -> Weights:
        """Lay out named tensors (any float type). Raises WeightsError when one is missing or misshapen."""

        def take(name: str, *shape: int) -> Array:
            if name not in tensors:
                raise WeightsError(f"the weights lack the tensor {name!r}")
            if tensors[name].shape != shape:
                raise WeightsError(
                    f"tensor {name!r} has the shape {tensors[name].shape}; the configuration says {shape}"
                )
            return np.ascontiguousarray(tensors[name], dtype=np.float32)

        def take_layer(i: int) -> Layer:
            width, ffn = config.width, config.ffn
            wq, wk, wv, wo = (take(f"layers.{i}.{name}", width, width) for name in ("wq", "wk", "wv", "wo"))
            scale = np.float32(config.head_width**-0.5)
            w1, w3 = (take(f"layers.{i}.{name}", ffn, width) for name in ("w1", "w3"))
            return Layer(
                attn_norm=take(f"layers.{i}.attn_norm", width),
                attn_mix=take(f"layers.{i}.attn_mix", 2, width),
                wqkv=np.concatenate([_interleave(wq * scale, config), _interleave(wk, config), wv]),
                wo=wo,
                ffn_norm=take(f"layers.{i}.ffn_norm", width),
                ffn_mix=take(f"layers.{i}.ffn_mix", 2, width),
                w13=np.concatenate([w1, w3]),
                w2=take(f"layers.{i}.w2", width, ffn),
            )

        return cls(
            config=config,
            embed=take("embed", config.vocab, config.width),
            final_norm=take("final_norm", config.width),
            layers=tuple(take_layer(i) for i in range(config.layers)),
        )


def _interleave(weight: Array, config: Config) -> Array:
    """Reorder the rows of each head (out, in) from halves (a.. b..) to pairs (a b a b ..): the same dot products."""
    half = config.head_width // 2
    return weight.reshape(config.heads, 2, half, config.width).swapaxes(1, 2).reshape(config.width, config.width)
