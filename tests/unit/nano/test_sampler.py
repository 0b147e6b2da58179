"""The sampler: greedy, in proportion, and from the nucleus."""

from __future__ import annotations

import numpy as np
import pytest

from sleeptime.nano.sampler import Sampler, Sampling

PROBABILITIES = np.array([0.05, 0.4, 0.25, 0.1, 0.2])
LOGITS = np.log(PROBABILITIES).astype(np.float32)[None] + 3.0


def frequencies(temperature: float, top_p: float, n: int = 20_000) -> np.ndarray:
    sampler = Sampler([Sampling(temperature, top_p, seed) for seed in range(n)])
    picked = sampler.pick(np.repeat(LOGITS, n, axis=0))
    return np.bincount(picked, minlength=5) / n


def test_temperature_zero_takes_the_likeliest_and_the_lowest_id_among_equals() -> None:
    logits = np.array([[0.0, 2.0, 1.0], [1.0, 1.0, 0.0]], dtype=np.float32)
    assert Sampler([Sampling(), Sampling()]).pick(logits).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [
        (1.0, 1.0, PROBABILITIES),
        (0.5, 1.0, PROBABILITIES**2 / (PROBABILITIES**2).sum()),
        (1.0, 0.6, np.array([0.0, 0.4, 0.25, 0.0, 0.0]) / 0.65),
        (1.0, 0.05, np.array([0.0, 1.0, 0.0, 0.0, 0.0])),
    ],
)
def test_tokens_are_drawn_in_proportion(temperature: float, top_p: float, expected: np.ndarray) -> None:
    # Fixed seeds: no false alarm. A share of 20,000 draws has a standard deviation below 0.0036.
    np.testing.assert_allclose(frequencies(temperature, top_p), expected, atol=0.015)


def test_each_row_keeps_its_own_generator_when_others_leave() -> None:
    rows = [Sampling(1.0, 1.0, 1), Sampling(), Sampling(1.0, 0.7, 2), Sampling(1.0, 1.0, 3)]
    alone = [Sampler([row]) for row in rows]
    together = Sampler(rows)
    for _ in range(3):
        assert together.pick(np.repeat(LOGITS, 4, axis=0)).tolist() == [int(s.pick(LOGITS)[0]) for s in alone]
    together.keep([1, 2])
    for _ in range(3):
        assert together.pick(np.repeat(LOGITS, 2, axis=0)).tolist() == [int(s.pick(LOGITS)[0]) for s in alone[1:3]]


@pytest.mark.parametrize(
    ("temperature", "top_p", "seed", "name"),
    [
        (-0.1, 1.0, 0, "temperature"),
        (float("nan"), 1.0, 0, "temperature"),
        (1.0, 0.0, 0, "top_p"),
        (1.0, 1.0, -1, "seed"),
    ],
)
def test_settings_out_of_range_are_refused(temperature: float, top_p: float, seed: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is"):
        Sampling(temperature, top_p, seed)
