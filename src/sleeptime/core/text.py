"""What text can be kept: UTF-8 without NUL characters, on every database alike.

PostgreSQL refuses NUL in text (manual, section 8.3), and no database keeps a lone surrogate, which has no UTF-8 form.
"""

from __future__ import annotations

import re
from typing import Final

from sleeptime.core.errors import NotText

_UNKEEPABLE: Final = re.compile("[\0\ud800-\udfff]")

REPLACEMENT: Final = "\ufffd"
"""Stands for a character that cannot be kept (Unicode's own replacement character)."""


def checked_text(what: str, text: str) -> str:
    """Return ``text`` unchanged when it can be kept.

    Args:
        what: how an error names it, such as ``"part 'README.md'"``.
        text: what a user gave us.

    Raises:
        NotText: it holds a NUL character or a lone surrogate; says which and where.
    """
    if (found := unkeepable(text)) is None:
        return text
    raise NotText(f"{what} holds {found}, which is not text that can be kept; give UTF-8 text, or remove the character")


def unkeepable(text: str) -> str | None:
    """The first character that cannot be kept, and where it is, in words; None when there is none."""
    found = _UNKEEPABLE.search(text)
    if found is None:
        return None
    name = "a NUL character" if found[0] == "\0" else f"the lone surrogate U+{ord(found[0]):04X}"
    return f"{name} at character {found.start()}"


def kept_text(text: str) -> str:
    """``text`` with each character that cannot be kept replaced: a model's reply was paid for and is never refused."""
    return _UNKEEPABLE.sub(REPLACEMENT, text)
