"""Scorers: the answer that a reply gives, read from its text. A reply without one is unscored, which is not wrong."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?![\d,]*\d)")


def final_number(reply: str) -> int | None:
    """The last whole number of a reply, which is where every budget of ours puts the answer; None without one.

    >>> final_number("Tom apples = 24 * 3 = 72.\\nAnswer: 72")
    72
    """
    found = _NUMBER.findall(reply)
    return int(found[-1].replace(",", "")) if found else None
