"""Clustered bootstrap: against brute force, against the analytic standard error, and where it must say nothing."""

import itertools

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics import Bootstrap, Estimate, clustered_standard_error, divide
from tests.support.estimates import covers, ends, given


def clustered(rng: np.random.Generator, contexts: int, queries: int) -> tuple[list[str], np.ndarray]:
    """Right or wrong for queries whose contexts differ in difficulty; the true share is 0.5."""
    easy = rng.beta(1, 1, size=contexts)
    labels = [f"c{c}" for c in range(contexts) for _ in range(queries)]
    return labels, (rng.random((contexts, queries)) < easy[:, None]).astype(float).ravel()


def test_the_interval_equals_that_of_all_possible_draws() -> None:
    contexts = ["a", "a", "b", "c", "c", "c"]
    values = [1.0, 0.0, 1.0, 4.0, 5.0, 6.0]
    groups = [[1.0, 0.0], [1.0], [4.0, 5.0, 6.0]]
    every = [np.concatenate(drawn).mean() for drawn in itertools.product(groups, repeat=3)]
    low, high = np.quantile(every, (0.1, 0.9), method="inverted_cdf")
    found = Bootstrap(contexts, seed=0, resamples=20_000, level=0.8).mean(values, contexts)
    assert found.mean == pytest.approx(17 / 6)
    assert (found.n, found.clusters) == (6, 3)
    assert ends(found) == pytest.approx((low, high))


def test_the_width_agrees_with_the_analytic_clustered_standard_error() -> None:
    contexts, values = clustered(np.random.default_rng(1), 300, 5)
    error = clustered_standard_error(values, contexts)
    found = Bootstrap(contexts, seed=2).mean(values, contexts)
    assert error is not None
    low, high = ends(found)
    # 10,000 draws place each end within about 3 % of the width.
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_the_analytic_standard_error_is_the_naive_one_when_every_context_has_one_row() -> None:
    values = np.arange(10.0)
    assert clustered_standard_error(values, [str(i) for i in range(10)]) == pytest.approx(values.std() / 10**0.5)
    assert clustered_standard_error([1.0, 3.0], ["a", "a"]) is None


def test_intervals_cover_the_truth_as_often_as_they_say_and_rows_drawn_alone_do_not() -> None:
    """A right 95 % interval covers 351 of 400 times or less with probability below 3e-6 at a true coverage of 94 %."""
    rng, covered, covered_by_rows = np.random.default_rng(3), 0, 0
    for _ in range(400):
        contexts, values = clustered(rng, 80, 6)
        for_contexts = Bootstrap(contexts, seed=int(rng.integers(2**32)), resamples=600).mean(values, contexts)
        alone = [str(i) for i in range(len(values))]
        for_rows = Bootstrap(alone, seed=int(rng.integers(2**32)), resamples=100).mean(values, alone)
        covered += covers(for_contexts, 0.5)
        covered_by_rows += covers(for_rows, 0.5)
    assert covered > 351
    assert covered_by_rows < 351


def test_the_same_seed_gives_the_same_interval_in_any_order_of_rows() -> None:
    contexts, values = clustered(np.random.default_rng(4), 40, 3)
    order = np.random.default_rng(5).permutation(len(values))
    first = Bootstrap(contexts, seed=6).mean(values, contexts)
    shuffled = [contexts[i] for i in order]
    assert Bootstrap(shuffled, seed=6).mean(values[order], shuffled) == first
    assert Bootstrap(contexts, seed=7).mean(values, contexts) != first


def test_draws_do_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts, values = clustered(np.random.default_rng(4), 40, 3)
    first = Bootstrap(contexts, seed=6, resamples=500).mean(values, contexts)
    monkeypatch.setattr("sleeptime.lab.statistics.bootstrap.BLOCK_ENTRIES", 1)
    assert Bootstrap(contexts, seed=6, resamples=500).mean(values, contexts) == first


def test_one_context_gives_no_interval_however_many_rows() -> None:
    found = Bootstrap(["a", "b"], seed=0).mean([1.0, 0.0, 1.0], ["a", "a", "a"])
    assert (found.mean, found.n, found.clusters) == (2 / 3, 3, 1)
    assert (found.low, found.high) == (None, None)


def test_an_accuracy_without_a_single_error_is_not_certain() -> None:
    contexts = [str(i) for i in range(100)]
    bootstrap = Bootstrap(contexts, seed=0)
    found = bootstrap.share([1] * 100, contexts)
    # Clopper and Pearson for 100 of 100: 0.025 ** 0.01.
    assert ends(found) == pytest.approx((0.96378, 1.0), abs=1e-5)
    none = bootstrap.share([0] * 100, contexts)
    assert ends(none) == pytest.approx((0.0, 0.03622), abs=1e-5)
    assert bootstrap.share([0] + [1] * 99, contexts) == bootstrap.mean([0] + [1] * 99, contexts)


def test_an_accuracy_over_seeds_is_the_mean_of_the_shares_that_each_query_has() -> None:
    contexts = ["a", "a", "b", "c"]
    bootstrap = Bootstrap(contexts, seed=0)
    assert bootstrap.share([1 / 3, 1.0, 0.0, 2 / 3], contexts) == bootstrap.mean([1 / 3, 1.0, 0.0, 2 / 3], contexts)
    # Three seeds are no further trials: what all of them get right is as certain as what one does.
    assert bootstrap.share(np.ones((4, 3)).mean(axis=1), contexts) == bootstrap.share([1] * 4, contexts)


def test_an_estimate_is_told_from_a_value_by_its_whole_interval() -> None:
    assert Estimate(0.2, 0.1, 0.3, 20, 10).is_above()
    assert not Estimate(0.2, 0.1, 0.3, 20, 10).is_above(0.1)
    assert Estimate(-0.2, -0.3, -0.1, 20, 10).is_below()
    assert not Estimate(0.2, -0.1, 0.5, 20, 10).is_above()
    without = Estimate(5.0, None, None, 4, 1)
    assert not without.is_above()
    assert not without.is_below(9.0)


def test_a_paired_difference_is_narrower_than_its_arms() -> None:
    contexts, without = clustered(np.random.default_rng(8), 100, 4)
    with_sleep = without.copy()
    with_sleep[np.flatnonzero(without == 0)[::10]] = 1
    bootstrap = Bootstrap(contexts, seed=0)
    gain, arm = bootstrap.paired_difference(with_sleep, without, contexts), bootstrap.mean(without, contexts)
    assert gain.mean == pytest.approx(with_sleep.mean() - without.mean())
    assert np.ptp(ends(gain)) < np.ptp(ends(arm)) / 2


def test_a_ratio_of_means_is_not_a_mean_of_ratios_and_is_none_over_zero() -> None:
    contexts = ["a", "b", "c"]
    bootstrap = Bootstrap(contexts, seed=0)
    found = bootstrap.ratio([10.0, 1.0, 1.0], [1.0, 1.0, 2.0], contexts)
    assert given(found).mean == 3.0
    assert bootstrap.ratio([1.0, 1.0, 1.0], [0.0, 0.0, 0.0], contexts) is None


def test_the_share_of_undefined_resamples_is_reported_and_too_many_leave_no_interval() -> None:
    contexts = ["a", "b", "c"]
    found = Bootstrap(contexts, seed=0).ratio([1.0, 2.0, 3.0], [1.0, 1.0, 0.0], contexts)
    # Only "c" drawn three times makes the denominator 0: chance 1 / 27, four standard errors are 0.008.
    assert given(found).low is not None
    assert given(found).undefined == pytest.approx(1 / 27, abs=0.008)
    mostly = Bootstrap(contexts, seed=0).estimate(
        np.array([[1.0], [0.0], [0.0]]), lambda sums: np.where(sums[:, 0] == 1, 1.0, np.nan), n=3
    )
    assert given(mostly).mean == 1.0
    assert (given(mostly).low, given(mostly).high) == (None, None)
    assert given(mostly).undefined == pytest.approx(1 - 3 * (1 / 3) * (2 / 3) ** 2, abs=0.02)


def test_any_statistic_of_totals_agrees_with_the_same_of_weights() -> None:
    contexts, values = clustered(np.random.default_rng(9), 30, 2)
    bootstrap = Bootstrap(contexts, seed=1, resamples=1_000)
    totals = bootstrap.totals(values, contexts)
    by_sums = bootstrap.estimate(totals[:, None], lambda sums: sums[:, 0] ** 2, n=60)
    by_weights = bootstrap.weighted_estimate(lambda weights: (weights @ totals) ** 2, width=1, n=60)
    assert by_sums == by_weights
    assert given(by_sums).mean == totals.sum() ** 2


def test_every_resample_draws_as_many_contexts_as_there_are() -> None:
    contexts = [str(i) for i in range(1_000)]
    bootstrap = Bootstrap(contexts, seed=0, resamples=200)
    counted = bootstrap.estimate(bootstrap.counts(contexts)[:, None], lambda sums: sums[:, 0], n=1_000)
    assert ends(counted) == (1_000, 1_000)


def test_a_quotient_by_zero_is_undefined_and_no_warning() -> None:
    assert np.isnan(divide(np.array([1.0, 0.0]), np.zeros(2))).all()


@pytest.mark.parametrize(
    ("values", "contexts", "message"),
    [
        ([], [], "at least one row"),
        ([1.0, float("nan")], ["a", "b"], "unscored"),
        ([1.0, float("inf")], ["a", "b"], "finite"),
        ([1.0], ["a", "b"], "2 entries for 1 rows"),
        ([[1.0], [2.0]], ["a", "b"], "one value per row"),
        ([1.0], ["z"], "'z' is not among"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(values: list[float], contexts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Bootstrap(["a", "b"], seed=0).paired_difference(values, np.zeros_like(np.asarray(values)), contexts)


def test_settings_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InputError, match="at least one context"):
        Bootstrap([], seed=0)
    with pytest.raises(InputError, match="100 resamples"):
        Bootstrap(["a"], seed=0, resamples=10)
    with pytest.raises(InputError, match="from 0 to 1"):
        Bootstrap(["a", "b"], seed=0).share([0.5, 1.1], ["a", "b"])
