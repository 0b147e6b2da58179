"""The tokenizer of nano: exact round trips, units first, and clear errors for foreign text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sleeptime.nano.tokenizer import ForeignTextError, Tokenizer

CONTROL = ("<|pad|>", "<|context|>", "<|query|>", "<|v0|>", "<|answer|>", "<|end|>")
WORDS = (
    *CONTROL,
    *[".", ",", "?", "=", "+", "-", "*", "/", "(", ")", ":", ";", "%", "$", "'s"],
    *"0123456789",
    *["Mia", "Tom", "has", "apples", "times", "as", "many", "n", "How", "how", "cost", "for", "half-price"],
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "Mia has 24 apples. Tom has 3 times as many apples as Mia.",
        "Tom apples = 24 * 3 = 72.",
        "Tom cost for n = 72 * n.",
        "How many apples has Tom?",
        "Tom's cost: (24 + 3) / 9; half-price, 50%.",
        "cost = $100 - 007.",
        "",
    ],
)
def test_well_formed_text_survives_the_round_trip(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_numbers_are_written_units_first(tokenizer: Tokenizer) -> None:
    assert [tokenizer.words[i] for i in tokenizer.encode("1024 apples")] == ["4", "2", "0", "1", "apples"]


def test_words_are_found_exactly_first_and_then_without_regard_to_case(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("how How HOW MIA")) == "how How How Mia"


def test_control_tokens_are_read_only_when_allowed(tokenizer: Tokenizer) -> None:
    text = "<|context|> Mia has 24 <|query|> how many <|v0|> 72 <|end|>"
    ids = tokenizer.encode(text, allow_control=True)
    assert tokenizer.decode(ids) == text
    assert [tokenizer.is_control(i) for i in ids].count(True) == 4
    with pytest.raises(ForeignTextError, match=r"<\|context\|>"):
        tokenizer.encode(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Mia has zebras.", "zebras"),
        ("Mia has café", "café"),
        ("Mia has 3.5 apples", "3.5"),
        ("Mia has 1,000 apples", "1,000"),
        ("Mia has 24 3 apples", "3"),
        ("Mia_", "_"),
        ("<|root|>", "<|root|>"),
        ("<| context |>", "<"),
        ("Mia has ３", "３"),
        ("half-way", "half-way"),
    ],
)
def test_foreign_text_is_refused_by_name(tokenizer: Tokenizer, text: str, word: str) -> None:
    with pytest.raises(ForeignTextError) as caught:
        tokenizer.encode(text, allow_control=True)
    assert caught.value.word == word
    assert repr(word) in str(caught.value)


def test_id_names_a_token_that_is_missing(tokenizer: Tokenizer) -> None:
    assert tokenizer.words[tokenizer.id("<|end|>")] == "<|end|>"
    with pytest.raises(ForeignTextError, match=r"unknown token '<\|nowhere\|>'"):
        tokenizer.id("<|nowhere|>")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*WORDS, "Mia"), "'Mia' twice"),
        (tuple(word for word in WORDS if word != "7"), r"lacks the digits \['7'\]"),
        ((*WORDS, "two words"), "'two words' is no single word"),
        ((*WORDS, "12"), "'12' is"),
    ],
)
def test_a_broken_vocabulary_is_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tokenizer(words)


def test_a_vocabulary_file_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps(WORDS), encoding="utf-8")
    assert Tokenizer.load(path).words == WORDS
