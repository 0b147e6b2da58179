"""sleep.acceptance: what a new c' must pass, and reasons that say what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.errors import InputError
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.sleep.acceptance import Acceptance, AcceptanceRules, accept, forgotten

RULES = AcceptanceRules()


def derived(subject: str, value: str, verdict: Verdict = Verdict.VERIFIED) -> Note:
    return Note(NoteKind.DERIVED, f"{subject} = {value}", subject, value, depends_on=("p",), verdict=verdict)


def fact(text: str, verdict: Verdict = Verdict.VERIFIED) -> Note:
    return Note(NoteKind.FACT, text, depends_on=("p",), verdict=verdict)


def judged(*notes: Note, served: tuple[Note, ...] = (), rules: AcceptanceRules = RULES) -> Acceptance:
    learned = LearnedContext("c", "v", notes, "notes", "m")
    return accept(learned, rules, holding=notes, served=served)


def some(number: int) -> tuple[Note, ...]:
    return tuple(fact(f"Statement {word} stands alone.") for word in "abcdefghijklmnop"[:number])


def test_a_c_prime_with_one_note_to_serve_is_accepted_where_nothing_was_live() -> None:
    found = judged(fact("x", Verdict.REFUTED), fact("y", Verdict.UNVERIFIED))
    assert (found.is_accepted, found.reason) == (True, "")


def test_a_c_prime_that_could_serve_nothing_is_not_accepted() -> None:
    assert judged().reason == "it has no notes"
    found = judged(fact("x", Verdict.REFUTED), fact("y", Verdict.REFUTED))
    assert not found.is_accepted
    assert "every one of its notes is refuted" in found.reason


def test_its_size_is_counted_in_tokens_of_its_lines_and_the_limit_itself_is_allowed() -> None:
    note = fact("x" * 39)  # with its line break 40 bytes, 10 tokens
    assert judged(note, rules=AcceptanceRules(max_tokens=10)).is_accepted
    found = judged(note, replace(note, text="y" * 39), rules=AcceptanceRules(max_tokens=19))
    assert "about 20 tokens long and 19 are allowed" in found.reason
    assert "max_learned_tokens" in found.reason


def test_the_model_s_own_tokenizer_can_count() -> None:
    learned = LearnedContext("c", "v", (fact("one two three"),), "notes", "m")
    found = accept(learned, AcceptanceRules(3), holding=learned.notes, served=(), count_tokens=lambda text: len(text))
    assert "about 14 tokens" in found.reason


@pytest.mark.parametrize(
    ("before", "kept", "share", "is_accepted"),
    [
        (8, 4, 0.5, True),
        (8, 3, 0.5, False),
        (2, 1, 0.5, True),
        (1, 0, 0.5, False),
        (8, 0, 1.0, True),
        (8, 7, 0.0, False),
        (8, 8, 0.0, True),
    ],
)
def test_it_may_lose_a_share_of_the_verified_notes_in_service(
    before: int, kept: int, share: float, is_accepted: bool
) -> None:
    served = some(before)
    found = judged(*served[:kept], fact("new"), served=served, rules=AcceptanceRules(max_lost_verified=share))
    assert found.is_accepted is is_accepted


def test_the_reason_names_how_many_were_lost_which_and_what_to_do() -> None:
    served = some(8)
    reason = judged(*served[:2], served=served).reason
    assert "no longer says 6 of the 8 verified notes in service" in reason
    assert "'Statement c stands alone.'" in reason
    assert "and 3 more" in reason
    assert "may lose 50% of them; allow more with max_lost_verified" in reason


def test_unverified_notes_may_be_lost() -> None:
    served = (fact("x", Verdict.UNVERIFIED), fact("y", Verdict.REFUTED))
    assert judged(fact("z"), served=served, rules=AcceptanceRules(max_lost_verified=0)).is_accepted


def test_every_reason_is_given() -> None:
    found = judged(fact("x" * 100, Verdict.REFUTED), served=some(1), rules=AcceptanceRules(max_tokens=5))
    assert len(found.reasons) == 3


@pytest.mark.parametrize(
    ("before", "after", "is_said"),
    [
        (fact("Tom has 3 bags."), fact("tom has  3 bags"), True),
        (fact("Tom has 3 bags."), fact("Tom has 4 bags."), False),
        (derived("Tom apples", "72"), derived("apples of Tom", "72"), True),
        (derived("Tom apples", "72"), derived("Tom apples", "72 apples"), True),
        (derived("Tom apples", "72"), derived("Tom apples", "70"), False),
        (derived("Tom apples", "72"), derived("pears in the shop", "72"), False),
        (derived("Tom apples", "72"), derived("Tom apples", "72", Verdict.REFUTED), False),
        (derived("Tom apples", "72"), Note(NoteKind.QUESTION, "72.", "How many apples has Tom?", "72"), True),
        (derived("Tom apples", "72"), fact("Tom apples = 72"), False),
    ],
)
def test_a_note_is_said_again_in_the_same_words_or_by_its_value_on_the_same_subject(
    before: Note, after: Note, is_said: bool
) -> None:
    assert forgotten([before], [after]) == (() if is_said else (before,))


STATEMENTS = st.lists(st.sampled_from([*some(4), derived("a", "1"), derived("b", "2")]))


@given(STATEMENTS.flatmap(lambda notes: st.tuples(st.just(notes), st.permutations(notes))))
def test_the_same_notes_in_any_order_forget_nothing(orders: tuple[list[Note], list[Note]]) -> None:
    assert forgotten(*orders) == ()
    assert forgotten(orders[0], ()) == tuple(orders[0])


@pytest.mark.parametrize("values", [{"max_tokens": 0}, {"max_lost_verified": 1.5}, {"max_lost_verified": -0.1}])
def test_a_rule_out_of_range_names_its_setting(values: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(values)).replace("max_tokens", "max_learned_tokens")):
        AcceptanceRules(**values)  # type: ignore[arg-type]
