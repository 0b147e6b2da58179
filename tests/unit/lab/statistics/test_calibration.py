"""Predicted probabilities: fitted without the row they are for, and held against what happened."""

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics import Bootstrap, auc, calibration, cross_fitted, fit_logistic
from tests.support.estimates import ends, given


def test_the_fit_is_the_minimum_of_the_penalised_loss() -> None:
    """An independent check: the gradient, by finite differences of the loss written out anew, is zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)) * [1, 10, 0.1] + [0, 5, -3]
    y = (rng.random(200) < 1 / (1 + np.exp(-(x[:, 0] - 0.1 * x[:, 1])))).astype(float)
    found = fit_logistic(x, y, ridge=0.7)
    z = (x - x.mean(0)) / x.std(0)

    def loss(theta: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-(theta[0] + z @ theta[1:])))
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() + 0.35 * (theta[1:] ** 2).sum())

    at = np.array([found.intercept, *found.slopes])
    slopes = [(loss(at + 1e-5 * e) - loss(at - 1e-5 * e)) / 2e-5 for e in np.eye(4)]
    assert slopes == pytest.approx([0] * 4, abs=1e-5)


def test_known_coefficients_are_recovered() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=20_000)
    y = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 + 1.5 * x)))
    found = fit_logistic(x, y, ridge=1e-6)
    # Standard errors are about 0.02: four of them.
    assert found.intercept == pytest.approx(0.5, abs=0.08)
    assert found.slopes[0] == pytest.approx(1.5, abs=0.1)


def test_outcomes_that_a_feature_parts_perfectly_stay_finite() -> None:
    found = fit_logistic(np.array([-1e9, -1.0, 1.0, 1e9]), [0, 0, 1, 1])
    assert np.isfinite(found.slopes).all()
    assert found.predict([-1e12, 1e12]) == pytest.approx([0, 1], abs=1e-3)
    steep = fit_logistic(np.arange(100.0), np.arange(100) >= 50, ridge=1e-9)
    assert np.isfinite(steep.slopes).all()


def test_outcomes_that_are_all_equal_predict_almost_that_and_a_constant_feature_nothing() -> None:
    assert fit_logistic([1.0, 2.0, 3.0], [1, 1, 1]).predict([7.0]) == pytest.approx([3.5 / 4])
    assert fit_logistic([0.1] * 4, [1, 0, 0, 0]).predict([0.1]) == pytest.approx([0.25])


def test_no_row_helps_to_predict_its_own_context() -> None:
    """The score names the context, and outcomes are drawn per context: fitted on all rows it would seem to predict."""
    rng = np.random.default_rng(2)
    contexts = [str(c) for c in range(30) for _ in range(20)]
    features = np.repeat(np.eye(30), 20, axis=0)
    outcomes = np.repeat(rng.permutation([0, 1] * 15), 20)
    bootstrap = Bootstrap(contexts, seed=0, resamples=100)
    seen = auc(fit_logistic(features, outcomes, ridge=0.1).predict(features), outcomes, contexts, bootstrap)
    unseen = auc(cross_fitted(features, outcomes, contexts), outcomes, contexts, bootstrap)
    assert given(seen).mean == 1.0
    assert given(unseen).mean <= 0.5


def test_cross_fitting_uses_each_fold_once_and_the_seed() -> None:
    rng = np.random.default_rng(3)
    contexts = [str(i // 2) for i in range(60)]
    x, y = rng.normal(size=60), rng.integers(0, 2, 60)
    first = cross_fitted(x, y, contexts, seed=1)
    assert first.tolist() == cross_fitted(x, y, contexts, seed=1).tolist()
    assert first.tolist() != cross_fitted(x, y, contexts, seed=2).tolist()
    two = cross_fitted([0.0, 0.0, 1.0, 1.0], [0, 1, 1, 1], list("aabb"))
    assert two[:2] == pytest.approx([2.5 / 3] * 2)
    assert two[2:] == pytest.approx([0.5] * 2)


def test_true_probabilities_are_calibrated_and_shifted_ones_are_not() -> None:
    rng = np.random.default_rng(4)
    p = rng.uniform(0.1, 0.8, 4_000)
    contexts = [str(i // 4) for i in range(4_000)]
    y = rng.random(4_000) < p
    bootstrap = Bootstrap(contexts, seed=0, resamples=1_000)
    right, shifted = calibration(p, y, contexts, bootstrap), calibration(p + 0.2, y, contexts, bootstrap)
    # Ten bins of 400 rows: standard error 0.023 each, so the mean of their sizes is about 0.018.
    assert right.expected_error.mean < 0.04
    assert shifted.expected_error.mean == pytest.approx(0.2, abs=0.04)
    assert shifted.brier.mean - right.brier.mean == pytest.approx(0.04, abs=0.02)
    assert right.brier.mean < right.brier_base
    assert len(right.bins) == 10
    assert all(abs(b.predicted - b.observed.mean) < 0.1 for b in right.bins)


def test_the_table_the_error_and_the_score_of_a_small_case() -> None:
    contexts = list("abcd")
    found = calibration([0.2, 0.2, 0.8, 0.8], [0, 1, 1, 1], contexts, Bootstrap(contexts, seed=0), bins=2)
    assert [b.predicted for b in found.bins] == pytest.approx([0.2, 0.8])
    assert [(b.observed.mean, b.observed.n) for b in found.bins] == [(0.5, 2), (1.0, 2)]
    assert found.expected_error.mean == pytest.approx((0.3 + 0.2) / 2)
    assert found.brier.mean == pytest.approx((0.04 + 0.64 + 0.04 + 0.04) / 4)
    assert found.brier_base == pytest.approx(3 / 16)
    assert ends(found.brier)[0] < found.brier.mean


def test_what_is_no_probability_or_no_table_is_refused() -> None:
    bootstrap = Bootstrap("ab", seed=0)
    with pytest.raises(InputError, match=r"0 to 1, got 0\.5 to 1\.5"):
        calibration([0.5, 1.5], [0, 1], ["a", "b"], bootstrap)
    with pytest.raises(InputError, match="ridge must be above 0"):
        fit_logistic([1.0, 2.0], [0, 1], ridge=0)
    with pytest.raises(InputError, match="table of finite numbers"):
        fit_logistic([[float("nan")]], [0])
    with pytest.raises(InputError, match="at least 2 contexts"):
        cross_fitted([1.0, 2.0], [0, 1], ["a", "a"])
