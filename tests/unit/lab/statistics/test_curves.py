"""Curves: what an arm spends to reach an accuracy, never beyond what was measured."""

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics import (
    Bootstrap,
    Measured,
    curve_points,
    ratio_at_equal_accuracy,
    spent_at,
    spent_to_reach,
)
from tests.support.estimates import covers, ends, given


def reach(spent: list[float], accuracy: list[float], targets: list[float]) -> list[float | None]:
    found = spent_to_reach(np.array([spent]), np.array([accuracy]), np.array([targets]))[0]
    return [None if np.isnan(value) else float(value) for value in found]


def budget(label: str, contexts: list[str], right: int, spent: float) -> Measured:
    """The first ``right`` of the contexts answered right."""
    return Measured(label, contexts, [1] * right + [0] * (len(contexts) - right), [spent] * len(contexts))


TEN = [f"c{i}" for i in range(10)]


def test_it_is_linear_between_points_and_none_outside() -> None:
    assert reach([10, 30, 50], [0.2, 0.6, 0.8], [0.1, 0.2, 0.3, 0.6, 0.7, 0.8, 0.9]) == [
        None, 10.0, pytest.approx(15.0), pytest.approx(30.0), pytest.approx(40.0), pytest.approx(50.0), None,
    ]  # fmt: skip


def test_points_may_come_in_any_order() -> None:
    assert reach([50, 10, 30], [0.8, 0.2, 0.6], [0.3, 0.7]) == pytest.approx([15.0, 40.0])


def test_a_budget_that_spends_more_for_less_is_not_on_the_curve() -> None:
    assert reach([10, 30, 50], [0.2, 0.1, 0.6], [0.4]) == pytest.approx([30.0])
    assert reach([10, 30, 50], [0.5, 0.2, 0.4], [0.5, 0.4]) == [10.0, None]


def test_of_two_budgets_that_spend_alike_the_better_counts() -> None:
    assert reach([10, 10, 20], [0.2, 0.4, 0.6], [0.4, 0.5]) == pytest.approx([10.0, 15.0])
    assert reach([10, 10, 20], [0.2, 0.4, 0.6], [0.3]) == [None]


def test_one_point_reaches_its_own_accuracy_alone() -> None:
    assert reach([10], [0.5], [0.5, 0.49, 0.51]) == [10.0, None, None]


def test_a_point_that_is_undefined_makes_its_curve_undefined() -> None:
    assert reach([10, float("nan")], [0.5, float("nan")], [0.5]) == [None]


def test_a_budget_below_the_line_between_two_others_is_not_on_the_curve() -> None:
    assert reach([0, 10, 20], [0.0, 0.1, 1.0], [0.5]) == pytest.approx([10.0])


def test_random_curves_agree_with_the_best_mixture_of_two_points() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        spent, accuracy = rng.integers(1, 6, 5).astype(float), rng.integers(0, 6, 5) / 5
        points = list(zip(spent, accuracy, strict=True))
        lowest = max(y for x, y in points if x == spent.min())
        for target in (0.0, 0.1, 0.4, 0.5, 1.0):
            mixtures = [
                x + (u - x) * ((target - y) / (v - y) if v != y else 0.0)
                for x, y in points
                for u, v in points
                if (y <= target <= v and y != v) or ((x, y) == (u, v) and y == target)
            ]
            want = min(mixtures) if mixtures and target >= lowest else None
            assert reach(list(spent), list(accuracy), [target])[0] == pytest.approx(want), (points, target)


def test_the_ratio_is_taken_at_the_accuracy_of_each_budget_with_sleep() -> None:
    without = [budget("v0", TEN, 2, 10), budget("v4", TEN, 8, 70)]
    with_sleep = [budget("v0", TEN, 5, 8), budget("v4", TEN, 9, 60), budget("low", TEN, 1, 1)]
    found = ratio_at_equal_accuracy(without, with_sleep, Bootstrap(TEN, seed=0))
    assert [point.label for point in found] == ["v0", "v4", "low"]
    assert given(found[0].spent_without).mean == pytest.approx(40)
    assert given(found[0].ratio).mean == pytest.approx(5)
    low, high = ends(found[0].ratio)
    assert 10 / 8 <= low < 5 < high <= 70 / 8
    assert [(point.spent_without, point.ratio) for point in found[1:]] == [(None, None)] * 2


def test_resamples_in_which_an_arm_falls_out_of_reach_are_counted() -> None:
    """Both arms have 8 of 10 right: the same 8, always in reach; or another 8, so that chance decides."""
    without = [budget("v0", TEN, 0, 1), budget("v4", TEN, 8, 10)]
    same = Measured("v0", TEN, [1] * 8 + [0] * 2, [2.0] * 10)
    other = Measured("v0", TEN, [0] + [1] * 8 + [0], [2.0] * 10)
    bootstrap = Bootstrap(TEN, seed=0)
    (in_reach,) = ratio_at_equal_accuracy(without, [same], bootstrap)
    (at_times,) = ratio_at_equal_accuracy(without, [other], bootstrap)
    assert given(in_reach.ratio).undefined == 0
    assert 0.3 < given(at_times.ratio).undefined < 0.5


def test_a_true_ratio_is_covered() -> None:
    """Accuracy 0.1 + tokens / 100 without, the same from a quarter of the tokens with sleep; 60 runs, a 95 % interval.

    Fewer than 48 covered has a chance below 5e-5 at a true coverage of 94 %.
    """
    rng, covered = np.random.default_rng(0), 0
    contexts = [f"c{c}" for c in range(150) for _ in range(4)]
    for _ in range(60):

        def played(tokens: float, accuracy: float) -> Measured:
            right = (rng.random(600) < accuracy).astype(float)
            return Measured("", contexts, right, np.full(600, tokens))

        without = [played(t, 0.1 + t / 100) for t in (10, 40, 80)]
        (point,) = ratio_at_equal_accuracy(
            without, [played(15, 0.7)], Bootstrap(contexts, seed=int(rng.integers(2**32)), resamples=500)
        )
        covered += covers(point.ratio, 4)
    assert covered >= 48


def test_what_an_arm_needs_for_given_accuracies() -> None:
    arm = [budget("v0", TEN, 2, 10), budget("v4", TEN, 8, 70)]
    at, above = spent_at(arm, [0.5, 0.9], Bootstrap(TEN, seed=0))
    assert given(at).mean == pytest.approx(40)
    assert above is None


def test_points_of_a_curve_carry_both_intervals() -> None:
    (point,) = curve_points([Measured("v0", TEN, [1, 0] * 5, np.arange(10.0))], Bootstrap(TEN, seed=0))
    assert (point.label, point.accuracy.mean, point.spent.mean) == ("v0", 0.5, 4.5)
    assert None not in (point.accuracy.low, point.spent.low)


def test_budgets_that_cannot_be_used_are_refused() -> None:
    bootstrap = Bootstrap(TEN, seed=0)
    with pytest.raises(InputError, match="at least one measured budget"):
        spent_at([], [0.5], bootstrap)
    with pytest.raises(InputError, match="from 0 to 1"):
        spent_at([Measured("v0", TEN, [1.5] * 10, [1.0] * 10)], [0.5], bootstrap)
    with pytest.raises(InputError, match="3 entries for 10 rows"):
        spent_at([Measured("v0", TEN, [1] * 10, [1.0] * 3)], [0.5], bootstrap)
