"""AUC: against every pair counted one by one."""

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics import Bootstrap, auc
from tests.support.estimates import covers, ends, given


def by_pairs(scores: np.ndarray, outcomes: np.ndarray, strata: np.ndarray) -> float:
    won, pairs = 0.0, 0
    for i in np.flatnonzero(outcomes == 1):
        for j in np.flatnonzero(outcomes == 0):
            if strata[i] == strata[j]:
                won += (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])
                pairs += 1
    return won / pairs


def test_it_counts_pairs_and_a_tie_as_half_within_strata_too() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores, outcomes, strata = rng.integers(0, 6, 40), rng.integers(0, 2, 40), rng.integers(0, 3, 40)
        contexts = [str(i // 2) for i in range(40)]
        bootstrap = Bootstrap(contexts, seed=0, resamples=100)
        whole, within = (
            auc(scores, outcomes, contexts, bootstrap),
            auc(scores, outcomes, contexts, bootstrap, strata=strata.tolist()),
        )
        assert given(whole).mean == pytest.approx(by_pairs(scores, outcomes, np.zeros(40)))
        assert given(within).mean == pytest.approx(by_pairs(scores, outcomes, strata))


def test_a_context_drawn_twice_is_two_contexts() -> None:
    """All 27 draws of three contexts, counted by hand, have the quantiles of the interval."""
    contexts, scores, outcomes = list("aabbcc"), np.array([1.0, 2, 4, 3, 3, 5]), np.array([0, 1, 1, 0, 0, 1])
    rows = {"a": [0, 1], "b": [2, 3], "c": [4, 5]}
    every = []
    for draw in np.ndindex(3, 3, 3):
        drawn = [row for i in draw for row in rows["abc"[i]]]
        every.append(by_pairs(scores[drawn], outcomes[drawn], np.zeros(6)))
    want = np.quantile(every, (0.2, 0.8), method="inverted_cdf")
    assert ends(auc(scores, outcomes, contexts, Bootstrap(contexts, seed=0, level=0.6))) == pytest.approx(tuple(want))


def test_a_score_that_tells_nothing_covers_one_half() -> None:
    """A 95 % interval misses in more than 27 of 200 with a chance below 1e-6."""
    rng, missed = np.random.default_rng(1), 0
    contexts = [str(i // 3) for i in range(180)]
    for seed in range(200):
        scores, outcomes = rng.normal(size=180), rng.random(180) < np.repeat(rng.random(60), 3)
        missed += not covers(auc(scores, outcomes, contexts, Bootstrap(contexts, seed=seed, resamples=200)), 0.5)
    assert missed <= 27


def test_one_outcome_alone_has_no_auc() -> None:
    bootstrap = Bootstrap("ab", seed=0)
    assert auc([1.0, 2.0], [1, 1], ["a", "b"], bootstrap) is None
    assert auc([1.0, 2.0], [0, 1], ["a", "b"], bootstrap, strata=["x", "y"]) is None


def test_an_outcome_that_is_no_yes_or_no_is_refused() -> None:
    with pytest.raises(InputError, match="0 or 1"):
        auc([1.0, 2.0], [0, 2], ["a", "b"], Bootstrap("ab", seed=0))
