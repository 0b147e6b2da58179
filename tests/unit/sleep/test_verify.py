"""sleep.verify and sleep.arithmetic: working is refuted only when it is surely wrong."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleeptime.core.note import Note, NoteKind, Verdict
from sleeptime.sleep.arithmetic import Reading, numbers_in, read_expression, read_function, read_number
from sleeptime.sleep.verify import arithmetic, judged


def derived(
    derivation: str, value: str = "", text: str = "x", kind: NoteKind = NoteKind.DERIVED, votes: int = 1
) -> Note:
    return Note(kind, text, value=value, derivation=derivation, votes=votes)


@pytest.mark.parametrize(
    ("derivation", "value"),
    [
        ("24 * 3 = 72", "72"),
        ("24 * 3", "72"),
        ("24 × 3 = 72", "72 apples"),
        ("24 x 3 = 72", ""),
        ("Tom apples = 24 * 3 = 72.", "72"),
        ("Step 1: 24 * 3 = 72; step 2: 72 + 5 = 77", "77"),
        ("24 * 3 = 72. 72 + 5 = 77.", "77"),
        ("24 * 3 = 72, 72 + 5 = 77", "77"),
        ("24 * 3 = 72 => 72 + 5 = 77", "77"),
        ("$1,234.50 * 2 = $2,469.00", "$2,469"),
        ("1,234,567 + 1 = 1,234,568", "1234568"),
        ("20% of 50 = 10", "10"),
        ("50 / 200 = 25%", "25%"),
        ("50 / 200 * 100 = 25%", "25%"),
        ("10 / 3 = 3.33", "3.33"),
        ("10 / 3 ≈ 3.33", "3.3"),
        ("2.25 * 3 = 6.8", "6.8"),
        ("(1 + 2) * -3 = -9", "-9"),
        ("2^10 = 1024", "1024"),
        ("0.1 + 0.2 = 0.3", "0.3"),
        ("48 ÷ 4 − 2 = 10", "10"),
    ],
)
def test_working_that_holds_is_verified(derivation: str, value: str) -> None:
    assert arithmetic(derived(derivation, value)) is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("derivation", "value"),
    [
        ("4 * 3 = 13", "13"),
        ("4 * 3 = 12 = 13", ""),
        ("Tom apples = 4 * 3 = 13.", "13"),
        ("24 * 3 = 72; 72 + 5 = 78", "78"),
        ("24 * 3 = 72", "75"),
        ("24 * 3", "75"),
        ("$1,234.50 * 2 = $2,470.00", ""),
        ("3.5 * 3 = 10.4", "10.4"),
        ("10 / 4 = 3.5", ""),
        ("24 * 3 = 75 + 5 = 80", "80"),
    ],
)
def test_working_that_is_surely_wrong_is_refuted(derivation: str, value: str) -> None:
    assert arithmetic(derived(derivation, value)) is Verdict.REFUTED


@pytest.mark.parametrize(
    ("derivation", "value"),
    [
        ("", "72"),
        ("because the text says so", "72"),
        ("24 apples * 3 = 72 apples", "72"),
        ("72 * n = 144", "72 * n"),
        ("24 * 3 = 72 + 5 = 77", "77"),
        ("7 / 2 = 3", "3"),
        ("17 % 5 = 2", "2"),
        ("10 + 10% = 11", "11"),
        ("100 / 3 ≈ 30", ""),
        ("5 / 0 = 0", "0"),
        ("3 < 4 = 5", ""),
        ("1,500 * 1000 = 1500", ""),
        ("1.500 + 1 = 1.501", "1501"),
        ("3,5 * 2 = 7", "7"),
        ("1, 234 + 1 = 1, 235", "1235"),
        ("$0. 7 * 2 = 1. 4", "1.4"),
        ("45 * 2 = 90 minutes", "1.5 hours"),
        ("9**9**9**9 = 1", ""),
        ("24 * 3", ""),
        ("1 +" * 3000 + "1 = 3", ""),
    ],
)
def test_working_that_may_be_meant_otherwise_is_left_unverified(derivation: str, value: str) -> None:
    assert arithmetic(derived(derivation, value)) is Verdict.UNVERIFIED


@settings(deadline=None)
@given(
    derivation=st.text(alphabet="0123456789.,+-*/^()=%$ xn:;\n≈×", max_size=60) | st.text(), value=st.text(max_size=20)
)
def test_any_text_gets_some_verdict(derivation: str, value: str) -> None:
    notes, _ = judged([derived(derivation, value, value)], derivation)
    assert notes[0].verdict in Verdict


numbers = st.integers(0, 10**6)


@settings(deadline=None)
@given(a=numbers, b=numbers, wrong_by=st.integers(1, 10**6), op=st.sampled_from(["+", "-", "*"]))
def test_whole_numbers_are_judged_exactly(a: int, b: int, wrong_by: int, op: str) -> None:
    right = {"+": a + b, "-": a - b, "*": a * b}[op]
    assert arithmetic(derived(f"{a} {op} {b} = {right}", str(right))) is Verdict.VERIFIED
    assert arithmetic(derived(f"{a:,} {op} {b:,} = {right:,}", f"{right:,}")) is Verdict.VERIFIED
    assert arithmetic(derived(f"{a} {op} {b} = {right + wrong_by}")) is Verdict.REFUTED


@settings(deadline=None)
@given(a=numbers, b=st.integers(1, 10**4), decimals=st.integers(1, 4))
def test_a_rounded_quotient_holds(a: int, b: int, decimals: int) -> None:
    assert arithmetic(derived(f"{a} / {b} = {a / b:.{decimals}f}")) is Verdict.VERIFIED


def test_numbers_of_unknown_origin_are_not_verified() -> None:
    (note,), ungrounded = judged([derived("24 * 3 = 72", "72")], "Tom has 24 boxes.")
    assert note.verdict is Verdict.UNVERIFIED
    assert ungrounded == {0}


def test_a_value_that_was_verified_may_be_built_on() -> None:
    notes = [derived("72 + 5 = 77", "77"), derived("24 * 3 = 72", "72")]
    (last, first), ungrounded = judged(notes, "24 boxes of 3, and 5 more")
    assert last.verdict is first.verdict is Verdict.VERIFIED
    assert not ungrounded


def test_two_notes_that_rest_on_each_other_are_not_verified() -> None:
    notes = [derived("7 + 1 = 8", "8"), derived("8 - 1 = 7", "7")]
    assert {note.verdict for note in judged(notes, "1 apple")[0]} == {Verdict.UNVERIFIED}


def test_a_text_that_says_another_number_is_not_verified() -> None:
    (note,), _ = judged([derived("24 * 3 = 72", "72", "Tom has 75 apples")], "24 boxes of 3")
    assert note.verdict is Verdict.UNVERIFIED


def test_a_question_is_verified_only_when_two_drafts_agree() -> None:
    alone, agreed = (derived("24 * 3 = 72", "72", "How many?", NoteKind.QUESTION, votes) for votes in (1, 2))
    verdicts = [note.verdict for note in judged([alone, agreed], "24 boxes of 3")[0]]
    assert verdicts == [Verdict.UNVERIFIED, Verdict.VERIFIED]


def test_a_fact_is_verified_by_the_words_of_the_context() -> None:
    said, unsaid = Note(NoteKind.FACT, "tom has 24 boxes."), Note(NoteKind.FACT, "Tom has 2 boxes")
    verdicts = [note.verdict for note in judged([said, unsaid], "In May,\nTom has 24\nboxes; Ann has 3.")[0]]
    assert verdicts == [Verdict.VERIFIED, Verdict.UNVERIFIED]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$1,234.50", (Fraction("1234.5"), "")),
        ("72 apples", (Fraction(72), "apples")),
        ("-3", (Fraction(-3), "")),
        ("25%", (Fraction(25), "%")),
        ("72.", (Fraction(72), "")),
        ("24 * 3", None),
        ("about 72", None),
        ("Tom", None),
        ("", None),
        ("3-4 apples", None),
    ],
)
def test_a_value_is_read_with_its_unit(text: str, number: tuple[Fraction, str] | None) -> None:
    assert read_number(text) == number


def test_numbers_of_a_text_are_found_however_they_are_written() -> None:
    assert numbers_in("Tom has 1,234 apples, 3.5 kg, 20% off; v2 and x3 are names.") == {
        Fraction(1234),
        Fraction("3.5"),
        Fraction(20),
        Fraction("0.2"),
    }


def test_a_very_long_number_is_not_read_and_costs_no_time() -> None:
    assert numbers_in("7" * 200_000 + " and 3") == {Fraction(3)}


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("72 * n", "n * 72", True),
        ("3n + 2", "cost for x = 2 + 3 * x.", True),
        ("72 * n", "70 * n", False),
        ("a * 2 + b", "a * 2 - b", False),
        ("n^2 + 1", "n*n + 1", True),
    ],
)
def test_functions_are_compared_by_what_they_compute(one: str, other: str, is_same: bool) -> None:
    assert read_function(one) is not None
    assert (read_function(one) == read_function(other)) is is_same


@pytest.mark.parametrize("text", ["seventy", "72", "n", "n if m else 1", "f(n) + 1", "1 / (n - n)", "(" * 150])
def test_what_is_no_function_is_not_read_as_one(text: str) -> None:
    assert read_function(text) is None


@settings(deadline=None)
@given(text=st.text(alphabet="0123456789nxab.+-*/^()= _eEjJ", max_size=40))
def test_reading_any_text_never_fails(text: str) -> None:
    read_function(text)
    read_number(text)
    numbers_in(text)
    for reading in Reading:
        read_expression(text, reading)
