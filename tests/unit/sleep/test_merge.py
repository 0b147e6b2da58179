"""sleep.merge: drafts agree by vote, and a useless draft does no harm."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.sleep.merge import concat, merge

CONTEXT = "Tom has 24 boxes of 3 apples, and 5 more. Ann has 4 pears."


def derived(subject: str, value: str, derivation: str = "", parts: tuple[str, ...] = ("p",)) -> Note:
    return Note(NoteKind.DERIVED, f"{subject} = {derivation or value}", subject, value, derivation, parts)


def merged(*drafts: list[Note], min_votes: int = 1, grounded_only: bool = False) -> dict[str, tuple[str, int, Verdict]]:
    combined = merge(drafts, context_text=CONTEXT, min_votes=min_votes, grounded_only=grounded_only)
    return {note.subject or note.text: (note.value, note.votes, note.verdict) for note in combined.notes}


GOOD = derived("Tom apples", "72", "24 * 3 = 72")
BAD = derived("Tom apples", "70")
REFUTED = derived("Tom apples", "70", "24 * 3 = 70")


def test_notes_that_agree_become_one_with_their_votes() -> None:
    same = derived("tom  Apples.", "72 apples", "72")
    assert merged([GOOD], [same], []) == {"Tom apples": ("72", 2, Verdict.VERIFIED)}


def test_a_draft_votes_once_however_often_it_repeats_itself() -> None:
    assert merged([GOOD, GOOD, derived("Tom apples", "72.0")]) == {"Tom apples": ("72", 1, Verdict.VERIFIED)}


def test_the_majority_wins_a_contradiction() -> None:
    assert merged([BAD], [BAD], [replace(GOOD, derivation="")])["Tom apples"][:2] == ("70", 2)


def test_a_tie_goes_to_grounded_working_and_else_to_nobody() -> None:
    assert merged([BAD], [GOOD]) == {"Tom apples": ("72", 1, Verdict.VERIFIED)}
    assert merged([BAD], [derived("Tom apples", "71")]) == {}
    assert merged([BAD], [derived("Tom apples", "71")], [derived("Tom apples", "69")]) == {}


def test_working_that_does_not_compute_has_no_say() -> None:
    combined = merge([[REFUTED], [REFUTED], [GOOD]], context_text=CONTEXT)
    assert [(note.value, note.votes) for note in combined.notes] == [("72", 1)]
    assert combined.losses == "1 refuted"


def test_a_draft_that_contradicts_itself_has_no_vote_on_it() -> None:
    assert merged([BAD, derived("Tom apples", "71")]) == {}
    assert merged([BAD, derived("Tom apples", "71")], [BAD]) == {"Tom apples": ("70", 1, Verdict.UNVERIFIED)}


def test_values_in_different_units_do_not_contradict() -> None:
    notes = merge([[derived("trip", "90 minutes")], [derived("trip", "1.5 hours")]], context_text=CONTEXT).notes
    assert [note.value for note in notes] == ["90 minutes", "1.5 hours"]
    assert merged([derived("trip", "90 minutes")], [derived("trip", "80 minutes")]) == {}


@pytest.mark.parametrize(("one", "other", "left"), [("72 * n", "n * 72", ["72 * n"]), ("72 * n", "70 * n", [])])
def test_functions_agree_by_what_they_compute(one: str, other: str, left: list[str]) -> None:
    drafts = [[Note(NoteKind.FUNCTION, f"cost for n = {text}", "cost for n", text)] for text in (one, other)]
    assert [note.value for note in merge(drafts, context_text=CONTEXT).notes] == left


def test_names_contradict_and_sentences_do_not() -> None:
    def question(answer: str) -> list[Note]:
        return [Note(NoteKind.QUESTION, "q", "Who has most?", answer)]

    assert merged(question("Tom"), question("Ann")) == {}
    assert merged(question("Tom"), question("Ann"), question("Tom "))["Who has most?"][1] == 2
    sentences = merged(question("Tom has the most apples of all"), question("It is Tom who has most"))
    assert sentences == {"Who has most?": ("It is Tom who has most", 1, Verdict.UNVERIFIED)}


def test_facts_are_checked_against_the_context_and_not_against_each_other() -> None:
    facts = [
        [Note(NoteKind.FACT, text, "Tom", value)] for text, value in (("Tom has 24 boxes", "24"), ("Tom is 9", "9"))
    ]
    assert merged(*facts) == {"Tom": ("9", 1, Verdict.UNVERIFIED)}  # both stay; one subject in this view
    assert [note.verdict for note in merge(facts, context_text=CONTEXT).notes] == [Verdict.VERIFIED, Verdict.UNVERIFIED]


def test_least_votes_drop_what_few_drafts_say_but_not_free_text() -> None:
    text = Note(NoteKind.TEXT, "a memory")
    once = derived("Ann pears", "4")
    assert set(merged([GOOD, once, text], [GOOD], min_votes=2)) == {"Tom apples", "a memory"}


def test_grounded_only_drops_numbers_of_unknown_origin() -> None:
    strange = derived("dozen", "24", "12 * 2 = 24")
    without_working = derived("Ann pears", "4")
    assert set(merged([strange, GOOD, without_working])) == {"dozen", "Tom apples", "Ann pears"}
    assert set(merged([strange, GOOD, without_working], grounded_only=True)) == {"Tom apples", "Ann pears"}


def test_a_merged_note_depends_on_every_part_that_any_voter_named() -> None:
    notes = merge(
        [[replace(GOOD, depends_on=("b", "a"))], [replace(GOOD, depends_on=("c",))]], context_text=CONTEXT
    ).notes
    assert notes[0].depends_on == ("a", "b", "c")
    alone = merge([[replace(GOOD, depends_on=("b", "a"))]], context_text=CONTEXT).notes
    assert alone[0].depends_on == ("b", "a")


def test_two_drafts_that_agree_verify_a_question() -> None:
    question = Note(NoteKind.QUESTION, "q", "How many apples?", "72", "24 * 3 = 72")
    assert merged([question])["How many apples?"][2] is Verdict.UNVERIFIED
    assert merged([question], [question])["How many apples?"][2] is Verdict.VERIFIED


def test_notes_keep_the_order_in_which_they_first_appear() -> None:
    one, two, three = (derived(name, "1") for name in ("one", "two", "three"))
    notes = merge([[two, one], [three, two]], context_text=CONTEXT).notes
    assert [note.subject for note in notes] == ["two", "one", "three"]


def test_concatenation_keeps_every_note_once_and_checks_nothing() -> None:
    notes = concat([[GOOD, REFUTED], [BAD, GOOD]]).notes
    assert [(note.value, note.votes, note.verdict) for note in notes] == [
        ("72", 2, Verdict.UNVERIFIED),
        ("70", 1, Verdict.UNVERIFIED),
        ("70", 1, Verdict.UNVERIFIED),
    ]


any_note = st.builds(
    Note,
    kind=st.sampled_from(NoteKind),
    text=st.sampled_from(["Tom has 24 boxes", "a", "b = 24 * 3 = 72", "c"]),
    subject=st.sampled_from(["", "x", "X.", "y"]),
    value=st.sampled_from(
        ["", "72", "72 apples", "70", "1.5 hours", "90 minutes", "72 * n", "n*72", "Tom", "one two three four"]
    ),
    derivation=st.sampled_from(["", "24 * 3 = 72", "24 * 3 = 70", "12 * 6 = 72"]),
    depends_on=st.sampled_from([(), ("p",), ("p", "q")]),
)
any_drafts = st.lists(st.lists(any_note, max_size=5), max_size=5)


@settings(deadline=None)
@given(drafts=any_drafts, data=st.data())
def test_the_merged_notes_do_not_depend_on_the_order_of_drafts(drafts: list[list[Note]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(drafts))
    one, other = (merge(d, context_text=CONTEXT) for d in (drafts, shuffled))
    assert {(n, n.votes, n.verdict) for n in one.notes} == {(n, n.votes, n.verdict) for n in other.notes}
    assert one.dropped == other.dropped


@settings(deadline=None)
@given(drafts=any_drafts, at=st.integers(0, 5), refuted=st.booleans())
def test_an_empty_or_refuted_draft_changes_nothing(drafts: list[list[Note]], at: int, refuted: bool) -> None:
    more = [*drafts[:at], [REFUTED] if refuted else [], *drafts[at:]]
    assert merge(more, context_text=CONTEXT).notes == merge(drafts, context_text=CONTEXT).notes


@settings(deadline=None)
@given(drafts=any_drafts)
def test_votes_are_at_most_the_drafts_and_nothing_refuted_or_contradicted_stays(drafts: list[list[Note]]) -> None:
    notes = merge(drafts, context_text=CONTEXT).notes
    assert all(1 <= note.votes <= len(drafts) and note.verdict is not Verdict.REFUTED for note in notes)
    assert [note.id for note in merge([notes], context_text=CONTEXT).notes] == [note.id for note in notes]
