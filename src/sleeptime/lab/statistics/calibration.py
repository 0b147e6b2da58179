"""Predicted probabilities: how to make them without seeing the row they are for, and how well they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics.bootstrap import Bootstrap, divide
from sleeptime.lab.statistics.estimate import Estimate, Floats, codes, finite, same_length, zero_or_one
from sleeptime.lab.statistics.trend import quantile_bins


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Rows of about the same prediction.

    Args:
        predicted: mean prediction.
        observed: share of outcomes 1.
    """

    predicted: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """How predictions hold against what happened.

    Args:
        bins: the reliability table, by rising prediction; bins hold equally many rows as far as ties allow.
        expected_error: ECE, mean over rows of ``|predicted - observed|`` of their bin. It is above 0 even for perfect
            predictions, the more the fewer rows a bin has.
        brier: mean squared difference of prediction and outcome.
        brier_base: the same for a prediction that is always the overall share: what must be beaten.
    """

    bins: tuple[ReliabilityBin, ...]
    expected_error: Estimate
    brier: Estimate
    brier_base: float


def calibration(
    predicted: ArrayLike, outcomes: ArrayLike, contexts: Sequence[str], bootstrap: Bootstrap, bins: int = 10
) -> Calibration:
    """Reliability table, expected calibration error and Brier score.

    Args:
        predicted: ``(n,)`` probabilities.
        outcomes: ``(n,)`` of 0 and 1.
        contexts: context of each row; intervals draw contexts.
        bootstrap: the draws.
        bins: of the table; they stay as they are in the resamples.

    Raises:
        InputError: a prediction outside 0 to 1, or as the arrays' checks say.
    """
    p, y = finite(predicted, "predicted"), zero_or_one(outcomes, "outcomes")
    same_length(p.size, outcomes=y, contexts=contexts)
    if p.min() < 0 or p.max() > 1:
        raise InputError(f"predicted: probabilities lie in 0 to 1, got {p.min():g} to {p.max():g}")
    index = quantile_bins(p, bins)
    used = [np.flatnonzero(index == b) for b in range(bins) if (index == b).any()]
    table = tuple(
        ReliabilityBin(float(p[rows].mean()), bootstrap.share(y[rows], [contexts[row] for row in rows.tolist()]))
        for rows in used
    )
    # Counts cancel: rows of a bin times |mean prediction - share| is |sum of the differences|.
    errors = [bootstrap.totals((p - y) * np.isin(np.arange(p.size), rows), contexts) for rows in used]
    expected = bootstrap.estimate(
        np.stack([*errors, bootstrap.counts(contexts)], axis=1),
        lambda sums: divide(np.abs(sums[:, :-1]).sum(1), sums[:, -1]),
        n=p.size,
        clusters=len(set(contexts)),
    )
    assert expected is not None
    return Calibration(table, expected, bootstrap.mean((p - y) ** 2, contexts), float(y.mean() * (1 - y.mean())))


@dataclass(frozen=True, slots=True, eq=False)
class Logistic:
    """Logistic regression on standardised features: ``P(1) = 1 / (1 + exp(-(intercept + slopes . z)))``.

    Args:
        intercept: log-odds at the mean of all features.
        slopes: ``(F,)`` change of log-odds per standard deviation.
        centre: ``(F,)`` means of the features.
        scale: ``(F,)`` their standard deviations, 1 for one that never varies.
    """

    intercept: float
    slopes: Floats
    centre: Floats
    scale: Floats

    def predict(self, features: ArrayLike) -> Floats:
        """Probabilities ``(n,)`` for features ``(n,)`` or ``(n, F)``."""
        z = (_table(features) - self.centre) / self.scale
        return _sigmoid(self.intercept + z @ self.slopes)


def fit_logistic(features: ArrayLike, outcomes: ArrayLike, ridge: float = 1.0, steps: int = 50) -> Logistic:
    """Fit by Newton's method (iteratively re-weighted least squares), with a penalty that keeps it finite.

    Minimises ``-log likelihood + ridge / 2 * |slopes|^2``; the intercept is not penalised. Where all outcomes are
    equal there is no finite intercept: half a row of each outcome is added to it.

    Args:
        features: ``(n,)`` or ``(n, F)``.
        outcomes: ``(n,)`` of 0 and 1.
        ridge: penalty on the slopes of standardised features, above 0.
        steps: at most so many Newton steps; few are ever needed.

    Raises:
        InputError: ``ridge`` is not positive, or as the arrays' checks say.
    """
    x, y = _table(features), zero_or_one(outcomes, "outcomes")
    same_length(len(x), outcomes=y)
    if not ridge > 0:
        raise InputError(f"logistic regression: ridge must be above 0, got {ridge}")
    centre, scale = x.mean(0), x.std(0)
    # Rounding leaves a constant column with a spread of about 1e-17 of its size.
    scale = np.where(scale > 1e-12 * np.maximum(1.0, np.abs(centre)), scale, 1.0)
    if y.min() == y.max():
        share = (y.sum() + 0.5) / (y.size + 1)
        return Logistic(float(np.log(share / (1 - share))), np.zeros(x.shape[1]), centre, scale)
    z = np.column_stack([np.ones(len(x)), (x - centre) / scale])
    penalty = np.diag([0.0] + [ridge] * x.shape[1])
    theta = np.zeros(z.shape[1])
    loss = _loss(z, y, penalty, theta)
    for _ in range(steps):
        p = _sigmoid(z @ theta)
        gradient = z.T @ (p - y) + penalty @ theta
        step = np.linalg.solve(z.T @ (z * (p * (1 - p))[:, None]) + penalty + 1e-12 * np.eye(len(theta)), gradient)
        size = 1.0
        while _loss(z, y, penalty, theta - size * step) > loss + 1e-12 * abs(loss) and size > 1e-6:
            size /= 2
        theta = theta - size * step
        loss = _loss(z, y, penalty, theta)
        if np.abs(step).max() < 1e-10:
            break
    return Logistic(float(theta[0]), theta[1:], centre, scale)


def cross_fitted(
    features: ArrayLike,
    outcomes: ArrayLike,
    contexts: Sequence[str],
    *,
    folds: int = 5,
    seed: int = 0,
    ridge: float = 1.0,
) -> Floats:
    """Predict each row by a regression fitted without any row of its context, ``(n,)``.

    Contexts are dealt to folds at random from ``seed``; with fewer contexts than folds each is a fold.

    Raises:
        InputError: fewer than 2 contexts or 2 folds, or as ``fit_logistic``.
    """
    x, y = _table(features), zero_or_one(outcomes, "outcomes")
    same_length(len(x), outcomes=y, contexts=contexts)
    index, count = codes(contexts)
    if count < 2 or folds < 2:
        raise InputError(f"cross-fitting needs at least 2 contexts and 2 folds, got {count} and {folds}")
    fold = (np.random.default_rng(seed).permutation(count) % folds)[index]
    predicted = np.empty(y.size)
    for number in np.unique(fold):
        held_out = fold == number
        predicted[held_out] = fit_logistic(x[~held_out], y[~held_out], ridge).predict(x[held_out])
    return predicted


def _table(features: ArrayLike) -> Floats:
    found = np.asarray(features, dtype=np.float64)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise InputError(f"features: a table of finite numbers with at least one row is needed, got {found.shape}")
    return found


def _sigmoid(log_odds: Floats) -> Floats:
    """Without overflow for log-odds of any size."""
    return np.asarray(0.5 * (1 + np.tanh(log_odds / 2)), dtype=np.float64)


def _loss(z: Floats, y: Floats, penalty: Floats, theta: Floats) -> float:
    log_odds = z @ theta
    return float((np.logaddexp(0.0, log_odds) - y * log_odds).sum() + theta @ penalty @ theta / 2)
