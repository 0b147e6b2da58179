"""From ranks to probabilities, weights from replays, and how many files to name."""

from __future__ import annotations

import numpy as np

from sleeptime.swe.fusion import MAX_RANK, Evidence, features, fit, num_named, prior, probabilities, strengths
from sleeptime.swe.signals import NAMES


def _scores(**given: list[float]) -> dict[str, np.ndarray]:
    size = len(next(iter(given.values())))
    return {name: np.array(given.get(name, [0.0] * size)) for name in NAMES}


def test_the_first_file_of_a_signal_counts_in_full_and_one_that_it_did_not_find_not_at_all() -> None:
    found = strengths(_scores(content=[0.0, 2.0, 5.0, 2.0]))
    content = found[:, NAMES.index("content")]
    assert content[2] == 1
    assert content[1] > content[3] > content[0] == 0
    assert not found[:, NAMES.index("path")].any()


def test_a_file_near_the_best_score_counts_more_than_one_of_the_same_rank_that_is_far_from_it() -> None:
    found = strengths(_scores(content=[5.0, 4.9], path=[5.0, 0.1]))
    assert found[1, NAMES.index("content")] > found[1, NAMES.index("path")] > 0


def test_a_signal_finds_no_more_than_its_first_files() -> None:
    assert (strengths(_scores(content=[1.0] * (MAX_RANK + 9)))[:, 0] > 0).sum() == MAX_RANK


def _evidence(rng: np.random.Generator, telling: str) -> Evidence:
    """A change of the five files that one signal puts first, and the others anywhere."""
    found = strengths({name: rng.permutation(40) + 1.0 for name in NAMES})
    is_touched = found[:, NAMES.index(telling)] > np.sort(found[:, NAMES.index(telling)])[-6]
    return Evidence(found, np.ones(40, bool), is_touched, np.zeros((2, 2), np.int64))


def test_no_replay_leaves_the_weights_and_replays_shift_them_to_the_signal_that_tells() -> None:
    rng = np.random.default_rng(0)
    assert fit([]).tolist() == prior().tolist()
    weights = fit([_evidence(rng, "similar") for _ in range(30)])
    assert NAMES[int(np.argmax(weights[: len(NAMES)]))] == "similar"


def test_the_same_evidence_gives_the_same_weights_after_it_was_kept() -> None:
    rng = np.random.default_rng(1)
    evidence = [_evidence(rng, "path") for _ in range(5)]
    kept = [Evidence.unpacked(one.packed()) for one in evidence]
    assert fit(kept).tolist() == fit(evidence).tolist()


def test_a_file_that_more_signals_find_is_likelier() -> None:
    found = np.zeros((2, len(NAMES)))
    found[0, 0], found[1, :3] = 1, 1
    likely = probabilities(prior(), features(found, np.array([True, True])))
    assert likely[1] > likely[0]


def test_as_many_files_are_named_as_promise_the_best_f1() -> None:
    assert num_named(np.array([])) == 0
    assert num_named(np.array([0.9])) == 1
    assert num_named(np.array([0.9, 0.9, 0.9, 0.01, 0.01])) == 3
    assert num_named(np.array([0.3] * 10)) == 10
