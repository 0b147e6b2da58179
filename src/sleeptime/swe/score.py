"""Score: a predicted set of files against the files that a change modified (arXiv:2504.13171, section 6: F1 of sets).

What is counted is defined once, here:

- The truth holds files that the change modified; files that it adds or deletes are not in it.
- A prediction is a set: a path given twice counts once, and order does not matter.
- A path that does not exist, or that the change did not modify, is wrong, once.
- No prediction at all scores 0, not "unscored": to say nothing is an answer, and a poor one. It scores 1 only where the
  truth is empty too, which no task that was built is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """How well a set of files was predicted; all from 0 to 1.

    Args:
        precision: share of what was predicted that is true.
        recall: share of what is true that was predicted.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 when either is 0."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(predicted: Collection[str], truth: Collection[str]) -> Score:
    """Score a prediction, as the module says.

    >>> score(["a.py", "b.py"], ["a.py"])
    Score(precision=0.5, recall=1.0)
    """
    given, wanted = set(predicted), set(truth)
    if not given or not wanted:
        return Score(1.0, 1.0) if given == wanted else Score(0.0, 0.0)
    hits = len(given & wanted)
    return Score(hits / len(given), hits / len(wanted))
