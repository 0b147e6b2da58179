"""Token counts of text, when the model's own tokenizer is not at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BYTES_PER_TOKEN: Final = 4
"""UTF-8 bytes per token, the usual rule of thumb for English; a CJK character counts three quarters of a token."""

TokenCounter = Callable[[str], int]
"""Tokens of a text. Pass the model's own tokenizer where a limit must be exact."""


def approximate_tokens(text: str) -> int:
    """Estimate of the tokens of ``text``: its UTF-8 bytes over `BYTES_PER_TOKEN`, rounded up.

    >>> approximate_tokens("Tom has 72 apples.")
    5
    """
    return -(-len(text.encode(errors="surrogatepass")) // BYTES_PER_TOKEN)
