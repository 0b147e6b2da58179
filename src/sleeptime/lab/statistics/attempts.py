"""What k attempts at one query are worth: pass@k with an oracle, and the majority's answer. Both exact, no sampling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from math import comb

from sleeptime.core.errors import InputError


def pass_at_k(attempts: int, right: int, k: int) -> float:
    """Chance that at least one of k attempts is right, when they are drawn from ``attempts`` without replacement.

    ``1 - C(n - c, k) / C(n, k)``, the unbiased estimator of arXiv:2107.03374, section 2.1.

    >>> pass_at_k(attempts=4, right=1, k=2)
    0.5

    Args:
        attempts: n, attempts made.
        right: c, how many of them are right.
        k: attempts allowed, at most n.

    Raises:
        InputError: not ``1 <= k <= n`` and ``0 <= c <= n``.
    """
    _check(attempts, k)
    if not 0 <= right <= attempts:
        raise InputError(f"pass@k: {right} right out of {attempts} attempts cannot be")
    return 1 - comb(attempts - right, k) / comb(attempts, k)


def majority_at_k(answers: Sequence[Hashable | None], truth: Hashable, k: int) -> float:
    """Chance that the most frequent answer of k attempts, drawn without replacement from those made, is the truth.

    A tie is broken evenly: with m answers in front, the truth among them counts 1 / m. An unscored attempt (``None``)
    takes one of the k places and casts no vote; without any vote there is no answer, which is not right.

    >>> majority_at_k([7, 7, 8], truth=7, k=3), majority_at_k([7, 8], truth=7, k=2)
    (1.0, 0.5)

    Args:
        answers: one per attempt, equal when they mean the same.
        truth: the right answer.
        k: attempts in one vote, at most ``len(answers)``.

    Raises:
        InputError: not ``1 <= k <= len(answers)``.
    """
    _check(len(answers), k)
    votes = Counter(answer for answer in answers if answer is not None)
    right = votes.pop(truth, 0)
    return _majority(right, tuple(sorted(votes.values(), reverse=True)), sum(a is None for a in answers), k)


def _check(attempts: int, k: int) -> None:
    if not 1 <= k <= attempts:
        raise InputError(f"k = {k} attempts cannot be drawn from {attempts}; k must be 1 to {attempts}")


@lru_cache(maxsize=65_536)
def _majority(right: int, others: tuple[int, ...], unscored: int, k: int) -> float:
    """Count the draws in which the truth leads: j votes for it, no other answer above j.

    ``ways[used, tied]``: in how many ways the wrong answers seen so far give ``used`` votes, ``tied`` of them at j.
    """
    total = 0.0
    for j in range(1, min(right, k) + 1):
        places = k - j
        ways = {(0, 0): 1}
        for votes in others:
            grown: Counter[tuple[int, int]] = Counter()
            for (used, tied), count in ways.items():
                for taken in range(min(votes, j, places - used) + 1):
                    grown[used + taken, tied + (taken == j)] += count * comb(votes, taken)
            ways = dict(grown)
        for (used, tied), count in ways.items():
            total += comb(right, j) * count * comb(unscored, places - used) / (tied + 1)
    return total / comb(right + sum(others) + unscored, k)
