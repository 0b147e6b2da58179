"""What a prediction scores is defined for every prediction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.swe.score import Score, score

PATHS = st.lists(st.sampled_from(["a.py", "b.py", "c.py", "d.py", "no/such.py"]))


def test_half_of_the_prediction_and_a_third_of_the_truth() -> None:
    found = score(["a", "x"], ["a", "b", "c"])
    assert found == Score(1 / 2, 1 / 3)
    assert found.f1 == pytest.approx(0.4)


def test_an_empty_prediction_scores_nothing() -> None:
    assert score([], ["a"]) == Score(0.0, 0.0)


def test_an_empty_prediction_of_an_empty_truth_is_right() -> None:
    assert score([], []).f1 == 1.0


def test_any_prediction_of_an_empty_truth_is_wrong() -> None:
    assert score(["a"], []).f1 == 0.0


def test_a_path_that_does_not_exist_is_wrong_once() -> None:
    assert score(["a", "gone.py", "gone.py"], ["a"]) == Score(0.5, 1.0)


@given(PATHS, PATHS)
def test_order_and_repetition_change_nothing_and_all_figures_are_shares(predicted: list[str], truth: list[str]) -> None:
    found = score(predicted, truth)
    assert found == score([*reversed(predicted), *predicted], truth)
    assert min(found.precision, found.recall) <= found.f1 <= max(found.precision, found.recall) or found.f1 == 0.0
    assert all(0.0 <= figure <= 1.0 for figure in (found.precision, found.recall, found.f1))
    assert (found.f1 == 1.0) == (set(predicted) == set(truth))
