"""lab.answers: what replies give as their answer, in tables of hard cases."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.errors import InputError
from sleeptime.lab.answers import (
    GRADERS,
    Grade,
    Grader,
    Value,
    aime_answer,
    final_number,
    grade,
    grader_of,
    gsm_answer,
    true_value,
)

GSM: list[tuple[str, Value | None]] = [
    # the mark of GSM8K
    ("24 * 3 = 72.\n#### 72", 72),
    ("####72", 72),
    ("#### 72 apples", 72),
    ("#### 72.", 72),
    ("#### **72**", 72),
    ("#### 72\nI hope this helps with your 3 boxes!", 72),
    ("#### 5\nWait, that is wrong.\n#### 7", 7),
    ("#### 24*3=72", 72),
    ("#### 24*3", None),
    ("#### The answer is 72", 72),
    ("#### Answer: 72", 72),
    ("#### Step 1: count 3 boxes\nThe answer is 5.", 5),
    ("##### 9 steps\nThe answer is 5.", 5),
    # money, commas, decimals
    ("#### $1,200.50", Fraction(2401, 2)),
    ("#### \\$18", 18),
    ("#### 1,000,000", 1_000_000),
    ("The answer is 1{,}234.", 1234),
    ("The answer is €0.75.", Fraction(3, 4)),
    ("The answer is: .5", Fraction(1, 2)),
    ("The answer is $72.00.", 72),
    ("The answer is $18.", 18),
    ("The answer is 2.5 million.", 2_500_000),
    ("The answer is 3 thousand dollars.", 3000),
    # signs
    ("#### -5", -5),
    ("The answer is −4 degrees.", -4),
    ("The answer is -$5.", -5),
    ("- 5 apples\n- 7 pears", 7),
    ("It takes 10-3", 3),
    # fractions and percent
    ("#### 3/4", Fraction(3, 4)),
    ("#### 2 1/2", Fraction(5, 2)),
    (r"The answer is $\frac{3}{4}$.", Fraction(3, 4)),
    (r"The answer is $3\dfrac{1}{2}$ cups.", Fraction(7, 2)),
    ("The answer is 6/3.", 2),
    ("The answer is 1/0.", None),
    ("The answer is 20%.", 20),
    (r"The answer is $12.5\%$.", Fraction(25, 2)),
    # in words
    ("The answer is **$72**.", 72),
    ("The final answer is: 72", 72),
    ("Answer:\n\n72", 72),
    ("answer = 7", 7),
    ("The answer is 24 * 3 = 72 apples.", 72),
    ("The answer is 72 (24 * 3).", 72),
    ("The answer is 5. No, the answer is 7.", 7),
    ("The answer to the first question is 72", 72),
    ("Therefore the answer would be 72 apples", 72),
    ("The answer is that Tom has 72 apples.", 72),
    ("The answer is that after 3 days Tom has 72 apples.", None),
    ("The answer is 5 + 3.", None),
    ("The answer is 7 or 8.", None),
    ("The answer is 5:30.", None),
    ("There are 5 apples. The answer is unknown.", None),
    (r"There are 5. The answer is $2\sqrt{3}$.", None),
    (r"The answer is \(\boxed{1{,}234}\)", 1234),
    (r"\boxed{72\text{ apples}} because 3 * 24 is that", 72),
    # nothing but a sentence
    ("So Tom has 72 apples left.", 72),
    ("She has 24 * 3 = $72", 72),
    ("The bill of 2024 is $18.", 18),
    ("", None),
    ("I cannot tell.", None),
    ("9" * 5000, None),
]

AIME: list[tuple[str, Value | None]] = [
    (r"\boxed{73}", 73),
    (r"\boxed{073}", 73),
    (r"\boxed{000}", 0),
    (r"\boxed{ 999 }", 999),
    (r"$\boxed{\textbf{(042)}}$", 42),
    (r"\boxed{\mathbf{7}}", 7),
    (r"\boxed{m+n = 73}", 73),
    (r"\boxed{73^\circ}", 73),
    (r"\boxed{73^{\circ}}", 73),
    (r"\boxed{73\text{ units}}", 73),
    (r"first \boxed{70}, corrected \boxed{71}", 71),
    (r"\boxed{\boxed{12}}", 12),
    (r"\fbox{5}", 5),
    (r"\boxed{1234}", 1234),
    (r"\boxed{70,\!000}", 70_000),
    (r"\boxed{-5}", -5),
    (r"\boxed{\frac{1}{2}}", Fraction(1, 2)),
    (r"\boxed{10\sqrt{3}}", None),
    (r"\boxed{2^{10}}", None),
    (r"\boxed{5 or 7}", None),
    (r"\boxed{73", None),
    (r"\boxed{}", None),
    (r"The answer is 5, so \boxed{x^2}", None),
    ("The answer is 73.", 73),
    ("The answer is 073.", 73),
    ("Answer: $73$", 73),
    ("73", 73),
    ("**73**", 73),
    ("$073$.", 73),
    ("Then x is 5 and y is 7, and", None),
    ("", None),
]

WORLDS: list[tuple[str, Value | None]] = [
    ("Tom apples = 24 * 3 = 72.\nAnswer: 72", 72),
    ("72", 72),
    ("72.", 72),
    ("1,234", 1234),
    ("-3", -3),
    ("The answer is 3.5.", Fraction(7, 2)),
    ("Tom apples = 24 / 3", 3),
    ("Tom apples = 24/3", 3),
    ("v0 item2", None),
    ("no number", None),
    ("8" * 5000, None),
]


@pytest.mark.parametrize(("reply", "value"), GSM, ids=lambda case: repr(case)[:40])
def test_gsm_replies(reply: str, value: Value | None) -> None:
    assert gsm_answer(reply) == value


@pytest.mark.parametrize(("reply", "value"), AIME, ids=lambda case: repr(case)[:40])
def test_aime_replies(reply: str, value: Value | None) -> None:
    assert aime_answer(reply) == value


@pytest.mark.parametrize(("reply", "value"), WORLDS, ids=lambda case: repr(case)[:40])
def test_the_last_number_of_a_reply(reply: str, value: Value | None) -> None:
    assert final_number(reply) == value


def test_a_whole_value_is_an_int_however_it_is_written() -> None:
    assert all(isinstance(gsm_answer(reply), int) for reply in ("#### 72", "#### 72.00", "#### 144/2"))


@given(st.integers(-(10**12), 10**12))
def test_every_whole_number_is_read_back_from_every_form(number: int) -> None:
    for form in (
        "#### {}",
        "#### {:,}",
        "The answer is ${}.",
        "The answer is **{:,}**",
        "so \\boxed{{{}}}",
        "it is {}",
    ):
        assert gsm_answer(form.format(number)) == number


@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=500))
def test_every_fraction_is_read_back(number: Fraction) -> None:
    assert gsm_answer(f"The answer is {number.numerator}/{number.denominator}.") == number


@given(st.text())
def test_no_text_is_an_error(reply: str) -> None:
    for read in (gsm_answer, aime_answer, final_number):
        assert isinstance(read(reply), int | Fraction | None)


@pytest.mark.parametrize(
    ("source", "reply", "answer", "expected"),
    [
        ("worlds:farm", "Answer: 72", "72", Grade.RIGHT),
        ("worlds:farm", "Answer: 71", "72", Grade.WRONG),
        ("worlds:farm", "Answer:", "72", Grade.UNSCORED),
        ("stateful-gsm-symbolic:p1", "#### $0.75", "3/4", Grade.RIGHT),
        ("stateful-gsm-symbolic:p1", "It is 3 of 4, so the answer is unknown.", "3/4", Grade.UNSCORED),
        ("stateful-aime:2024", r"\boxed{073}", "73", Grade.RIGHT),
        ("stateful-aime:2024", r"\boxed{1073}", "73", Grade.WRONG),
        ("stateful-aime:2024", "We get 73 from this, and then 9", "73", Grade.UNSCORED),
        ("stateful-aime:2024", r"\boxed{7}", "007", Grade.RIGHT),
    ],
)
def test_a_reply_is_right_wrong_or_unscored(source: str, reply: str, answer: str, expected: Grade) -> None:
    assert grade(source, reply, answer) is expected


def test_the_grader_follows_from_the_source() -> None:
    assert {name: grader_of(f"{name}:x") for name in GRADERS} == GRADERS
    assert set(GRADERS.values()) == set(Grader)
    assert all(grader_of(grader) is grader for grader in Grader)


def test_an_unknown_source_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="worlds, gsm"):
        grade("trivia:1", "5", "5")


@pytest.mark.parametrize(("source", "answer"), [("gsm", "five"), ("gsm", ""), ("aime", "1000"), ("aime", "1/2")])
def test_a_true_answer_that_is_none_is_an_error_and_not_a_grade(source: str, answer: str) -> None:
    with pytest.raises(InputError, match="true answer"):
        true_value(source, answer)
