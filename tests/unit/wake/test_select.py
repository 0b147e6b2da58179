"""wake.select: what may be served, and what fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleeptime.core.context import Context, Part
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.core.tokens import approximate_tokens
from sleeptime.prompts.line import note_line
from sleeptime.wake.select import select_notes, servable_notes

A, B = Part("a", "one"), Part("b", "two")
CONTEXT = Context("shop", (A, B))


def fact(text: str, *parts: Part, verdict: Verdict = Verdict.UNVERIFIED) -> Note:
    return Note(NoteKind.FACT, text, depends_on=tuple(part.sha256 for part in parts), verdict=verdict)


def learned(*notes: Note, context: Context = CONTEXT) -> LearnedContext:
    return LearnedContext(context.name, context.version, notes, "notes", "m")


def test_notes_whose_parts_are_unchanged_are_served() -> None:
    notes = (fact("on a", A), fact("on b", B), fact("on both", A, B), fact("on none"))
    assert servable_notes(learned(*notes), CONTEXT) == notes
    changed = Context("shop", (A, Part("b", "new")))
    assert servable_notes(learned(*notes), changed) == notes[:1]


def test_refuted_notes_and_notes_of_another_context_are_never_served() -> None:
    assert servable_notes(learned(fact("wrong", A, verdict=Verdict.REFUTED)), CONTEXT) == ()
    assert servable_notes(learned(fact("x", A), context=replace(CONTEXT, name="other")), CONTEXT) == ()
    assert servable_notes(None, CONTEXT) == ()


def test_all_notes_are_taken_when_they_fit() -> None:
    notes = (fact("apples"), fact("pears"))
    assert select_notes(notes, "plums", 1000) == notes


def test_over_the_limit_the_notes_nearest_the_query_are_taken_in_their_own_order() -> None:
    notes = tuple(
        fact(text) for text in ("Ann has pears.", "Tom has many apples.", "The shop opens.", "Apples are red.")
    )
    limit = sum(approximate_tokens(f"{note_line(notes[i])}\n") for i in (1, 3))
    assert select_notes(notes, "How many apples?", limit) == (notes[1], notes[3])
    assert select_notes(notes, "How many apples does Tom have?", limit - 1) == (notes[1],)


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    notes = (fact("the shop has the apples"), fact("the shop has the plums"), fact("the shop"))
    assert select_notes(notes, "the plum", 8) == (notes[1],)


def test_without_a_shared_word_the_first_notes_that_fit_are_taken() -> None:
    notes = tuple(fact("word " * 4 + str(i)) for i in range(5))
    assert select_notes(notes, "zebra", 12) == notes[:2]


def test_a_note_that_is_too_long_does_not_keep_others_out() -> None:
    notes = (fact("apples " * 100), fact("apples are red"))
    assert select_notes(notes, "apples", 10) == (notes[1],)
    assert select_notes(notes[:1], "apples", 10) == ()


def test_a_tokenizer_may_be_passed_in() -> None:
    notes = (fact("one two"), fact("three four"))
    assert select_notes(notes, "three", 2, count_tokens=lambda text: len(text.split())) == (notes[1],)


words = st.lists(st.sampled_from(["tom", "apples", "Ann's", "72", "é", "日本"]), max_size=6).map(" ".join)


@settings(deadline=None)
@given(texts=st.lists(words, max_size=8), query=words, limit=st.integers(0, 40))
def test_the_choice_fits_keeps_the_order_and_is_the_same_each_time(texts: list[str], query: str, limit: int) -> None:
    notes = [fact(f"{i} {text}") for i, text in enumerate(texts)]
    chosen = select_notes(notes, query, limit)
    assert chosen == select_notes(notes, query, limit)
    assert sum(approximate_tokens(f"{note_line(note)}\n") for note in chosen) <= limit
    positions = [notes.index(note) for note in chosen]
    assert positions == sorted(positions)


@pytest.mark.parametrize("query", ["", "?!", "\n"])
def test_a_query_without_words_is_no_error(query: str) -> None:
    assert select_notes([fact("a" * 100), fact("b")], query, 5) == (fact("b"),)
