"""Weights: read from a folder, refused when they do not fit their configuration."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from sleeptime.nano.weights import CONFIG_FILE, WEIGHTS_FILE, Config, Weights, WeightsError
from tests.unit.nano.tiny import TINY, random_tensors


def test_weights_are_read_from_a_folder_and_widened(tmp_path: Path) -> None:
    tensors = random_tensors(TINY, 7)
    save_file(tensors, tmp_path / WEIGHTS_FILE)
    (tmp_path / CONFIG_FILE).write_text(json.dumps({**asdict(TINY), "trained_tokens": 123}))
    weights = Weights.load(tmp_path)
    assert weights.config == TINY
    assert weights.embed.dtype == np.float32
    np.testing.assert_array_equal(weights.embed, tensors["embed"].astype(np.float32))


def test_a_missing_or_misshapen_tensor_is_named() -> None:
    tensors = random_tensors(TINY, 7)
    with pytest.raises(
        WeightsError, match=r"'layers\.1\.w2' has the shape \(48, 32\); the configuration says \(32, 48\)"
    ):
        Weights.from_tensors(TINY, {**tensors, "layers.1.w2": tensors["layers.1.w2"].T})
    del tensors["layers.1.wo"]
    with pytest.raises(WeightsError, match=r"lack the tensor 'layers\.1\.wo'"):
        Weights.from_tensors(TINY, tensors)


def test_a_configuration_that_cannot_be_is_refused() -> None:
    with pytest.raises(WeightsError, match="width 30"):
        Config(width=30, layers=1, heads=4, ffn=8, vocab=9)
    with pytest.raises(WeightsError, match=r"config\.json is incomplete: .*'vocab'"):
        Config.from_json('{"width": 32, "layers": 2, "heads": 2, "ffn": 48}')
