"""The released weights in numpy: token for token what the training framework makes of them.

`training/export_vectors.py` writes the vectors with torch, in fp32, without caches or batches.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sleeptime.nano.engine import Engine, Request
from sleeptime.nano.tokenizer import Tokenizer
from sleeptime.nano.weights import RELEASE

VECTORS = Path(__file__).parents[2] / "data/nano_vectors.json"


@dataclass(frozen=True, slots=True)
class Vector:
    text: str
    prompt: list[int]
    greedy: list[int]
    logprobs: list[float]

    @property
    def request(self) -> Request:
        return Request(self.prompt, len(self.greedy))


@pytest.fixture(scope="module")
def vectors() -> list[Vector]:
    return [Vector(**entry) for entry in json.loads(VECTORS.read_text())["vectors"]]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


def test_the_vectors_were_made_of_these_weights() -> None:
    config = json.loads(RELEASE.joinpath("config.json").read_text())
    assert json.loads(VECTORS.read_text())["sha256"] == config["sha256"], "run python -m training.export_vectors"


def test_the_vocabulary_reads_the_prompts_as_in_training(vectors: list[Vector]) -> None:
    tokenizer = Tokenizer.load()
    for vector in vectors:
        assert tokenizer.encode(vector.text, allow_control=True) == vector.prompt


def test_greedy_in_one_batch_matches_torch_token_for_token(engine: Engine, vectors: list[Vector]) -> None:
    completions = engine.generate([vector.request for vector in vectors])
    assert [list(completion.ids) for completion in completions] == [vector.greedy for vector in vectors]
    assert sum(len(vector.greedy) for vector in vectors) > 500


def test_greedy_one_by_one_matches_torch_token_for_token(engine: Engine, vectors: list[Vector]) -> None:
    engine.prefix_cache.clear()
    for vector in vectors:
        assert list(engine.generate([vector.request])[0].ids) == vector.greedy, vector.text


def test_logprobs_match_torch(engine: Engine, vectors: list[Vector]) -> None:
    for vector in vectors:
        np.testing.assert_allclose(engine.logprobs(vector.prompt, vector.greedy), vector.logprobs, atol=1e-3)
