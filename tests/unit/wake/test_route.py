"""wake.route: how a query is served."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sleeptime.core.budget import Budget, Effort, Verbosity
from sleeptime.core.context import Context, Part
from sleeptime.core.errors import NotFound
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.wake.route import Route, RouteChoice, choose_route, wants_notes

CONTEXT = Context("shop", (Part("a", "one"),))
QUESTION = Note(NoteKind.QUESTION, "q", "How many apples?", "72", verdict=Verdict.VERIFIED, votes=2)


def choose(asked: Route, query: str, *notes: Note, context: Context = CONTEXT) -> RouteChoice:
    learned = LearnedContext("shop", CONTEXT.version, notes, "notes", "m")
    return choose_route(asked, query, context, learned, notes)


@pytest.mark.parametrize("query", ["How many apples?", " how  many\nAPPLES ", "How many apples ?", "Ｈow many apples."])
def test_a_verified_question_is_recalled_however_it_is_typed(query: str) -> None:
    for asked in (Route.AUTO, Route.RECALL):
        assert choose(asked, query, QUESTION) == RouteChoice(Route.RECALL, QUESTION)


@pytest.mark.parametrize(
    "note",
    [
        replace(QUESTION, verdict=Verdict.UNVERIFIED),
        replace(QUESTION, verdict=Verdict.REFUTED),
        replace(QUESTION, kind=NoteKind.DERIVED),
        replace(QUESTION, value=""),
        replace(QUESTION, subject="How many apples has Tom?"),
    ],
)
def test_nothing_unverified_or_merely_similar_is_recalled(note: Note) -> None:
    assert choose(Route.AUTO, "How many apples?", note).route is Route.NOTES
    with pytest.raises(NotFound, match="no verified answer"):
        choose(Route.RECALL, "How many apples?", note)


def test_two_verified_answers_that_differ_are_not_recalled() -> None:
    assert choose(Route.AUTO, "How many apples?", QUESTION, replace(QUESTION, value="70")).route is Route.NOTES


def test_nothing_is_recalled_once_the_context_has_changed() -> None:
    grown = Context("shop", (*CONTEXT.parts, Part("b", "two")))
    assert choose(Route.AUTO, "How many apples?", QUESTION, context=grown).route is Route.NOTES


def test_an_answer_that_was_carried_over_is_recalled_for_the_version_it_was_made_from_alone() -> None:
    grown = Context("shop", (*CONTEXT.parts, Part("b", "He eats one.")))
    carried = LearnedContext("shop", grown.version, (replace(QUESTION, made_from=CONTEXT.version),), "notes", "m")
    assert choose_route(Route.AUTO, "How many apples?", grown, carried, carried.notes).route is Route.NOTES
    assert choose_route(Route.AUTO, "How many apples?", CONTEXT, carried, carried.notes).route is Route.RECALL


def test_asking_for_full_or_notes_never_recalls() -> None:
    assert choose(Route.FULL, "How many apples?", QUESTION) == RouteChoice(Route.FULL)
    assert choose(Route.NOTES, "How many apples?", QUESTION) == RouteChoice(Route.NOTES)


def test_without_notes_auto_is_full_and_notes_is_an_error_that_says_what_to_do() -> None:
    assert choose_route(Route.AUTO, "q", CONTEXT, None, ()) == RouteChoice(Route.FULL)
    with pytest.raises(NotFound, match="sleeptime sleep shop"):
        choose_route(Route.NOTES, "q", CONTEXT, None, ())


@pytest.mark.parametrize("budget", [*(Verbosity(level) for level in range(3)), Effort("high")])
def test_auto_takes_notes_where_they_can_save_work(budget: Budget) -> None:
    assert wants_notes(Route.AUTO, budget)


@pytest.mark.parametrize("level", [3, 4])
def test_auto_takes_no_notes_where_everything_is_worked_out_anyway(level: int) -> None:
    assert not wants_notes(Route.AUTO, Verbosity(level))
    assert wants_notes(Route.NOTES, Verbosity(level)), "whoever asks for notes gets them"
    assert not wants_notes(Route.FULL, Verbosity(0))
