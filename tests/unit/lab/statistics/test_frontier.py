"""Frontier: the best accuracy that tokens buy, by one way or by a mixture of two."""

import numpy as np
import pytest

from sleeptime.lab.statistics.frontier import frontier


def best(spent: list[float], accuracy: list[float], limits: list[float]) -> list[float]:
    found: list[float] = frontier(np.array([spent]), np.array([accuracy])).best(np.array([limits]))[0].tolist()
    return found


def test_a_mixture_of_two_ways_is_within_reach() -> None:
    assert best([10, 30], [0.2, 0.8], [20, 25]) == pytest.approx([0.5, 0.65])


def test_a_way_under_the_mixture_of_its_neighbours_is_left_out() -> None:
    assert best([10, 20, 30], [0.2, 0.3, 0.8], [20]) == pytest.approx([0.5])


def test_more_tokens_than_the_best_way_takes_buy_nothing_more() -> None:
    assert best([10, 30, 90], [0.2, 0.8, 0.7], [500]) == pytest.approx([0.8])


def test_too_few_tokens_buy_no_answer() -> None:
    assert np.isnan(best([10, 30], [0.2, 0.8], [9.9])[0])


def test_the_best_of_equally_cheap_ways_counts() -> None:
    assert best([10, 10, 30], [0.2, 0.4, 0.3], [10, 20]) == pytest.approx([0.4, 0.4])


def test_it_is_what_trying_every_mixture_gives() -> None:
    rng = np.random.default_rng(3)
    spent, accuracy = rng.uniform(1, 100, (50, 12)), rng.uniform(0, 1, (50, 12))
    limits = rng.uniform(1, 120, (50, 7))
    found = frontier(spent, accuracy).best(limits)
    for row in range(50):
        for column in range(7):
            limit = limits[row, column]
            tried = [np.nan]
            for s, a in zip(spent[row], accuracy[row], strict=True):
                if s <= limit:
                    tried.append(a)
                    tried += [
                        a + (limit - s) / (s2 - s) * (a2 - a)
                        for s2, a2 in zip(spent[row], accuracy[row], strict=True)
                        if s2 > limit
                    ]
            expected = np.nan if len(tried) == 1 else np.nanmax(tried)
            assert found[row, column] == pytest.approx(expected, nan_ok=True)
