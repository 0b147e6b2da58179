"""pass@k and majority@k: against every possible draw, counted one by one."""

from collections import Counter
from itertools import combinations

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.statistics import majority_at_k, pass_at_k


def majority_by_hand(answers: list[int | None], truth: int, k: int) -> float:
    total, draws = 0.0, 0
    for drawn in combinations(range(len(answers)), k):
        votes = Counter(answers[i] for i in drawn if answers[i] is not None)
        ahead = [answer for answer, count in votes.items() if count == max(votes.values())]
        total += (truth in ahead) / len(ahead) if ahead else 0
        draws += 1
    return total / draws


@pytest.mark.parametrize(("attempts", "right"), [(1, 0), (1, 1), (5, 0), (5, 1), (6, 3), (7, 7)])
def test_pass_at_k_counts_the_draws_that_hold_a_right_attempt(attempts: int, right: int) -> None:
    for k in range(1, attempts + 1):
        draws = list(combinations([1] * right + [0] * (attempts - right), k))
        assert pass_at_k(attempts, right, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(
    "answers",
    [
        [7],
        [1, 2],
        [7, 7, 8, 8, 9],
        [7, 7, 7, 1, 1, 1, 1, 2],
        [7, None, None, 8],
        [None, None],
        [7, 1, 2, 3, 4, 5],
        [7, 7, 1, 1, 2, 2, None, 3],
    ],
)
def test_majority_at_k_equals_every_draw_with_ties_shared_evenly(answers: list[int | None]) -> None:
    for k in range(1, len(answers) + 1):
        assert majority_at_k(answers, 7, k) == pytest.approx(majority_by_hand(answers, 7, k)), k


def test_a_majority_of_one_is_one_attempt() -> None:
    assert majority_at_k([7, 7, None, 8], 7, 1) == pass_at_k(4, 2, 1) == 0.5


def test_thirty_two_attempts_that_all_differ_are_counted_exactly() -> None:
    assert majority_at_k(list(range(32)), 7, 16) == pytest.approx(0.5 * 1 / 16)


@pytest.mark.parametrize("k", [0, 4, -1])
def test_more_attempts_than_were_made_are_refused(k: int) -> None:
    with pytest.raises(InputError, match="1 to 3"):
        pass_at_k(3, 1, k)
    with pytest.raises(InputError, match="1 to 3"):
        majority_at_k([1, 2, 3], 1, k)


def test_more_right_than_made_is_refused() -> None:
    with pytest.raises(InputError, match="4 right out of 3"):
        pass_at_k(3, 4, 1)
