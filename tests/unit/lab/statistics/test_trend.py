"""Trends: bins, correlation and a test that keeps the queries of a context together."""

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics import Bootstrap, mid_ranks, quantile_bins, trend
from tests.support.estimates import covers, given

CONTEXTS = [f"c{c}" for c in range(60) for _ in range(4)]


def shared_noise(rng: np.random.Generator) -> np.ndarray:
    """Half of the variance belongs to the context."""
    return (rng.normal(size=60)[:, None] + rng.normal(size=(60, 4))).ravel()


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert mid_ranks([5, 1, 5, 5, 9]).tolist() == [3, 1, 3, 3, 5]


def test_quintiles_of_distinct_scores_are_equally_full() -> None:
    scores = np.random.default_rng(0).permutation(100)
    bins = quantile_bins(scores)
    assert np.bincount(bins).tolist() == [20] * 5
    assert all(bins[scores < 20] == 0)
    assert all(bins[scores >= 80] == 4)


@pytest.mark.parametrize("size", [1, 2, 7, 23])
def test_bins_rise_with_the_score_and_never_part_a_tie(size: int) -> None:
    scores = np.random.default_rng(size).integers(0, 5, size)
    bins = quantile_bins(scores)
    assert set(bins) <= set(range(5))
    for score in set(scores):
        assert len(set(bins[scores == score])) == 1
    assert (np.diff(bins[np.argsort(scores, kind="stable")]) >= 0).all()


def test_scores_that_are_all_equal_make_one_bin() -> None:
    assert quantile_bins([1.0] * 9).tolist() == [2] * 9


def test_bins_within_strata_hold_as_many_rows_of_each() -> None:
    rng = np.random.default_rng(0)
    strata = ["few"] * 10 + ["many"] * 90
    scores = np.concatenate([rng.normal(size=10), rng.normal(size=90) + 50])
    bins = quantile_bins(scores, strata=strata)
    assert np.bincount(bins[:10]).tolist() == [2] * 5
    assert np.bincount(bins[10:]).tolist() == [18] * 5
    assert bins[np.argmax(scores[:10])] == 4
    assert set(quantile_bins(scores)[:10]) == {0}


def test_the_correlation_is_spearmans() -> None:
    contexts = list("abcdefg")
    # 1 - 6 * (1 + 1 + 0 + 1 + 1 + 0 + 0) / (7 * 48), by the formula for ranks without ties.
    found = trend([1, 2, 3, 4, 5, 6, 70], [2, 1, 3, 5, 4, 6, 7], contexts, Bootstrap(contexts, seed=0))
    assert given(found.correlation).mean == pytest.approx(1 - 24 / 336)


def test_no_trend_is_rejected_as_seldom_as_the_p_value_says() -> None:
    """At p <= 0.05, more than 27 of 200 have a chance below 1e-6. Score and figure both depend on the context."""
    rng, rejected = np.random.default_rng(0), 0
    for seed in range(200):
        p = trend(
            shared_noise(rng), shared_noise(rng), CONTEXTS, Bootstrap(CONTEXTS, seed=seed, resamples=100), flips=199
        ).p
        assert p is not None
        rejected += p <= 0.05
    assert 0 < rejected <= 27


def test_a_trend_is_found_and_its_interval_leaves_out_zero() -> None:
    rng = np.random.default_rng(1)
    scores = shared_noise(rng)
    found = trend(scores, scores + 2 * shared_noise(rng), CONTEXTS, Bootstrap(CONTEXTS, seed=0))
    assert found.p is not None
    assert found.p < 0.001
    assert not covers(found.correlation, 0)


def test_the_least_p_value_counts_the_data_among_the_flips() -> None:
    found = trend(np.arange(240.0), np.arange(240.0), CONTEXTS, Bootstrap(CONTEXTS, seed=0), flips=99)
    assert (found.p, found.flips) == (0.01, 99)


def test_a_trend_that_runs_through_the_strata_alone_vanishes_within_them() -> None:
    """Score and figure both fall with the number of steps; at a given number of steps they have nothing in common."""
    rng = np.random.default_rng(2)
    steps = np.tile(np.arange(4), 60)
    scores, figures = rng.normal(size=240) - 3 * steps, rng.normal(size=240) - 3 * steps
    bootstrap = Bootstrap(CONTEXTS, seed=0)
    mixed, within = (
        trend(scores, figures, CONTEXTS, bootstrap),
        trend(scores, figures, CONTEXTS, bootstrap, strata=steps),
    )
    assert mixed.p is not None
    assert within.p is not None
    assert mixed.p < 0.001 < 0.01 < within.p
    assert covers(within.correlation, 0)


def test_a_trend_within_strata_is_found_against_the_trend_through_them() -> None:
    rng = np.random.default_rng(3)
    steps = np.tile(np.arange(4), 60)
    scores = rng.normal(size=240) - 5 * steps
    figures = scores + 10 * steps + rng.normal(size=240)
    bootstrap = Bootstrap(CONTEXTS, seed=0)
    assert given(trend(scores, figures, CONTEXTS, bootstrap).correlation).mean < -0.5
    within = trend(scores, figures, CONTEXTS, bootstrap, strata=steps)
    assert given(within.correlation).mean > 0.5
    assert within.p is not None
    assert within.p < 0.001


def test_without_variation_or_with_one_context_there_is_no_test() -> None:
    constant = trend([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], list("abc"), Bootstrap("abc", seed=0))
    assert (constant.correlation, constant.p) == (None, None)
    alone = trend([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], list("aaa"), Bootstrap("a", seed=0))
    assert (given(alone.correlation).mean, given(alone.correlation).low, alone.p) == (1, None, None)


def test_the_same_seed_gives_the_same_p_value() -> None:
    rng = np.random.default_rng(4)
    scores, figures = shared_noise(rng), shared_noise(rng)
    first, second, other = (trend(scores, figures, CONTEXTS, Bootstrap(CONTEXTS, seed=s)) for s in (0, 0, 1))
    assert first == second
    assert first.p != other.p


def test_arrays_that_do_not_fit_are_refused() -> None:
    bootstrap = Bootstrap("ab", seed=0)
    with pytest.raises(InputError, match="figures: 1 entries for 2 rows"):
        trend([1.0, 2.0], [1.0], ["a", "b"], bootstrap)
    with pytest.raises(InputError, match="strata: 1 entries for 2 rows"):
        trend([1.0, 2.0], [1.0, 2.0], ["a", "b"], bootstrap, strata=["x"])
    with pytest.raises(InputError, match="at least 1 bin"):
        quantile_bins([1.0], bins=0)
    with pytest.raises(InputError, match="strata: 1 entries for 2 rows"):
        quantile_bins([1.0, 2.0], strata=["x"])
