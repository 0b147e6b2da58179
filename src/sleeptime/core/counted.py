"""Counted: how many of what, in words that agree."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it counts.

    >>> counted(1, "note"), counted(0, "note"), counted(1200, "note"), counted(2, "query", "queries")
    ('1 note', '0 notes', '1,200 notes', '2 queries')

    Args:
        number: how many.
        one: a single one of them.
        many: several of them; `one` with an s by default.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
