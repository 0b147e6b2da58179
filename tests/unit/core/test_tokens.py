"""core.tokens: the estimate of a text's tokens."""

from __future__ import annotations

import pytest

from sleeptime.core.tokens import approximate_tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("日本", 2)])
def test_tokens_are_a_quarter_of_the_bytes_rounded_up(text: str, tokens: int) -> None:
    assert approximate_tokens(text) == tokens
