"""Scores of queries: measured once, by context, and kept as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sleeptime.core.context import Context
from sleeptime.core.errors import ProviderDown
from sleeptime.gate.predictability import QueryScore
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.lab.scoring import score_problems


class CountingScorer:
    """Scores a query by its length, and fails from a given call on."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self._fails_at = fails_at

    async def score(self, context: Context, queries: Sequence[str]) -> list[QueryScore]:
        if len(self.asked) == self._fails_at:
            raise ProviderDown("down")
        self.asked.append((context.name, tuple(queries)))
        return [QueryScore(-float(len(query)), 2) for query in queries]


def problem(number: int, context_id: str) -> Problem:
    return Problem(f"p{number}", f"text of {context_id}", "?" * number, "1", "worlds:shop", context_id)


PROBLEMS = [problem(1, "a"), problem(2, "b"), problem(3, "a"), problem(4, "c")]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[RecordBook]:
    opened = RecordBook(tmp_path)
    yield opened
    opened.close()


async def test_queries_of_one_context_are_scored_together(book: RecordBook) -> None:
    scorer, seen = CountingScorer(), list[tuple[int, int]]()
    await score_problems(scorer, PROBLEMS, book, lambda done, total: seen.append((done, total)))
    assert scorer.asked == [("a", ("?", "???")), ("b", ("??",)), ("c", ("????",))]
    assert book.scores["p3"] == {"logprob": -3.0, "tokens": 2}
    assert seen == [(2, 4), (3, 4), (4, 4)]


async def test_a_stopped_measurement_goes_on_where_it_was(book: RecordBook) -> None:
    with pytest.raises(ProviderDown):
        await score_problems(CountingScorer(fails_at=1), PROBLEMS, book)
    book.close()
    again, opened = CountingScorer(), RecordBook(book.folder)
    await score_problems(again, PROBLEMS, opened)
    opened.close()
    assert again.asked == [("b", ("??",)), ("c", ("????",))]
    assert set(opened.scores) == {"p1", "p2", "p3", "p4"}


async def test_nothing_is_asked_when_all_is_there(book: RecordBook) -> None:
    scorer = CountingScorer()
    for each in PROBLEMS:
        book.add_score(each.id, logprob=-1.0, tokens=1)
    await score_problems(scorer, PROBLEMS, book)
    assert scorer.asked == []
