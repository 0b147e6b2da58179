"""lab.datasets.sentences: where sentences end, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.lab.datasets.sentences import split_problem, split_sentences

PARTS = {
    "decimals": ("Each pen costs $0.75. | She buys 3.5 dozen. | How much is it?"),
    "a decimal that a splitter broke": "Each pen costs $0. 7 today. | How much are 3?",
    "titles": "Mr. Smith met Dr. A. B. Jones and Mrs. Lee at St. Mary's. | How many met?",
    "versus and Latin": "It is Lions vs. Tigers, i.e. a game, e.g. with 5 goals. | Who wins?",
    "numbers behind No.": "Bus No. 5 carries 20 people. | How many seats are left?",
    "No as an answer": "Does it rain? | No. | It snows 3 inches. | How deep is it?",
    "time before a sentence": "He wakes at 7 a.m. | He sleeps at 9 p.m. | How long is he awake?",
    "time inside one": "He works from 7 a.m. to 5 p.m. Monday to Friday. | How many hours is that?",
    "countries": "The U.S. Army buys 20 trucks in the U.S. | How many wheels do they have?",
    "etc. inside and at the end": "She sells pens, rulers, etc. for $5. | He buys toys, etc. | How much is left?",
    "units": "A box weighs 5 oz. and a bag 3 lbs. | How heavy are both?",
    "units before a name": "Ann lifts 20 lbs. | Tom lifts 30 in. | He sat. | Tom ran to Al. | Who ate a fig? | How?",
    "months": "On Jan. 5 and Dec. 24 he pays $3. | How much is that?",
    "streets": "He lives on Main St. | How many live on St. John St. and Elm Ave. in all?",
    "initials": "J. K. Rowling wrote 7 books. | How many are left of 9?",
    "a letter at the end": "She chooses plan B. | How much does it cost?",
    "an ellipsis that goes on": "He waits... and waits 5 minutes. | How long is it?",
    "an ellipsis that ends": "He counts to ten... | Then he runs 5 miles. | How far is it?",
    "a quote that goes on": 'Tom asks "How many?" and leaves with 5. | How many stay?',
    "a quote that ends": 'Tom says, "I have 5." | "I have 3," says Ann. | How many do they have?',
    "brackets": "She has 5 pens (of 0.5 oz. each). | (They are red.) | How many are red?",
    "exclamation": "What a day! | He sells 5 cakes. | How many are left of 8?",
    "a sentence that begins with a number": "He has 5 cats. | 3 of them are black. | How many are not?",
    "a sentence that begins with money": "He saves. | $5 is spent. | How much is left?",
    "a lower case question": "He has 5 cats. | How many paws is that? | how many tails?",
    "a missing space": "He has 5 cats.|How many paws is that?",
    "paragraphs": "Costs\n\n|Pens are $3.\n|How much are 5?",
    "websites": "He sells 5 books on books.com and 3 on shop.example.org. | How many is that?",
    "versions and times": "At 5.30 he runs 2.5.1. | How far?",
    "suffixes of names": "Tom Jones Jr. has 5 cars. | How many has Tom Jones Sr.?",
    "markdown": "**He has 5.** | *She has 3.* | How many is that?",
    "two stops": "Really?! | He has 5. | How many?",
    "currency behind a sentence": "It costs $5. | $3 is paid. | How much is due?",
    "degrees": "He has a Ph.D. and 5 books. | How many?",
}

PROBLEMS = {
    "the last sentence asks": ("Tom has 5 pens. He buys 3. ", "How many has he?"),
    "one sentence": ("", "How many pens are 5 and 3?"),
    "one sentence with decimals": ("", "If a pen costs $0.75, how much are 3.5 dozen?"),
    "an addendum": ("Tom pays $5. ", "How much is that in cents? Round to the nearest cent."),
    "two addenda": ("Tom pays $5. ", "How much is it? Use 3 for pi. Round down."),
    "a question in the middle": ("Is it late? It is 5. Tom sleeps for 8 hours. ", "Find when he wakes."),
    "two questions": ("Tom has 5 pens. How many are red? ", "How many are blue?"),
    "no question": ("Tom has 5 pens. ", "Ann has 3."),
    "trailing white space": ("Tom has 5 pens. ", "How many are red?\n"),
}


@pytest.mark.parametrize("marked", PARTS.values(), ids=PARTS)
def test_where_sentences_end(marked: str) -> None:
    expected = [part.strip(" ") for part in marked.split("|")]
    text = marked.replace("| ", "").replace("|", "")
    found = split_sentences(text)
    assert [sentence.strip(" ") for sentence in found] == expected
    assert "".join(found) == text


@pytest.mark.parametrize(("context", "query"), PROBLEMS.values(), ids=PROBLEMS)
def test_where_the_query_begins(context: str, query: str) -> None:
    assert split_problem(context + query) == (context, query)


def test_no_sentence_ends_inside_mathematics() -> None:
    text = r"Let $x = 5. Then$ hold, and \[a. B = 3. C\] too. Find $x. Y$ now."
    assert split_sentences(text, is_latex=True) == [
        r"Let $x = 5. Then$ hold, and \[a. B = 3. C\] too. ",
        "Find $x. Y$ now.",
    ]
    assert split_sentences("It costs $5. Now $7 is paid.") == ["It costs $5. ", "Now $7 is paid."]


LIKELY = st.lists(
    st.sampled_from(
        [
            "\n",
            "\n\n",
            "Tom",
            "$",
            "\\[",
            "\\]",
            "0.75",
            "vs.",
            "J.",
            "e.g.",
            "…",
            "”",
            "\u2028",
            "Mr.",
            "a.m.",
            "U.S.",
            "No.",
            "5",
            "$0.",
            "7",
            "How many",
            "is it",
            "?",
            "!",
            "...",
            ".",
            '"',
            ")",
            " ",
            "  ",
        ]
    )
).map("".join)


@given(st.one_of(st.text(), LIKELY), st.booleans())
def test_what_is_cut_always_joins_to_the_text(text: str, is_latex: bool) -> None:
    sentences = split_sentences(text, is_latex=is_latex)
    assert "".join(sentences) == text
    assert "".join(split_problem(text, is_latex=is_latex)) == text
    assert all(sentence.strip() for sentence in sentences) or not text.strip()


@given(LIKELY.filter(str.strip))
def test_a_problem_that_says_something_has_a_query(text: str) -> None:
    assert split_problem(text)[1].strip()


def test_long_texts_take_no_time() -> None:
    for text in ("a." * 50_000, "$" * 20_000, ". " * 50_000, "\\[" * 20_000, "x" * 200_000):
        assert "".join(split_sentences(text, is_latex=True)) == text
