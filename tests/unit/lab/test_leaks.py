"""lab.datasets.leaks: answers that stand in other questions, or in the context as asked."""

from __future__ import annotations

from fractions import Fraction

import pytest

from sleeptime.lab.datasets.leaks import are_leaking, gives_away, is_stated, leaking_pairs, numbers_in
from sleeptime.lab.problem import Problem


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("If he buys 1,200 pens for $0.75 each", {1200, Fraction(3, 4)}),
        ("three of seventy, or a dozen", {3, 70, 12}),
        ("3/4 of them", {3, 4, Fraction(3, 4)}),
        ("the 5th of room B12 and v2", set()),
        ("often, someone, weighty", set()),
        ("20% off .5", {20, Fraction(1, 2)}),
        ("9" * 5000, set()),
    ],
)
def test_numbers_that_a_text_states(text: str, numbers: set[Fraction]) -> None:
    assert numbers_in(text) == numbers


def test_a_question_with_the_answer_of_another_leaks_in_either_order() -> None:
    first = ("How many pens has Tom?", 12)
    second = ("Since Tom has 12 pens, how many has Ann?", 24)
    assert are_leaking(first, second)
    assert are_leaking(second, first)
    assert not are_leaking(first, ("Since Tom has some pens, how many has Ann?", 24))
    assert gives_away("With twelve pens, how many boxes?", 12)
    assert not gives_away("With 120 pens, how many boxes?", 12)


def test_pairs_are_found_within_a_context_only() -> None:
    def problem(name: str, context: str, query: str, answer: str) -> Problem:
        return Problem(name, context, query, answer, "gsm:test", context)

    found = leaking_pairs(
        [
            problem("a", "one", "How many pens?", "12"),
            problem("b", "one", "With 12 pens, how many boxes?", "3"),
            problem("c", "two", "With 12 pens, how many bags?", "4"),
        ]
    )
    assert found == [("b", "a")]


def test_what_a_sentence_of_the_context_says_as_it_is_asked_is_stated() -> None:
    context = "Tom has 12 red pens. Ann has twice as many pens as Tom."
    assert is_stated(context, "How many red pens does Tom have?", 12)
    assert not is_stated(context, "How many pens does Ann have?", 24)
    assert not is_stated(context, "How many boxes does Tom need for the pens?", 12)
