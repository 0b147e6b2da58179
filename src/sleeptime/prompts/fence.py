"""Fences: tags around data in a prompt, which nothing inside the data can open or close.

A fence is neutralised and not randomised, so that the same data always makes the same prompt and prompt caches hit.
The chat-template tokens of a model (``<|im_start|>`` and the like) are not treated here: pydantic-ai breaks them for
the models that would read them.
"""

from __future__ import annotations

import re
from typing import Final

FENCE_TAGS: Final = ("context", "part", "notes", "query")
"""Every tag that a prompt of ours fences data with."""

STAND_IN: Final = "‹"
"""What stands in data for the angle bracket of something like one of our tags."""

_INVISIBLE: Final = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
_GAP: Final = rf"[\s{_INVISIBLE}]{{0,16}}"
_TAG: Final = "|".join(f"[{_INVISIBLE}]{{0,4}}".join(tag) for tag in FENCE_TAGS)
_LIKE_A_FENCE: Final = re.compile(
    rf"[<\uff1c\ufe64](?={_GAP}[/\uff0f\u2044\u2215\\]?{_GAP}(?:{_TAG})(?![\w.:-]))", re.IGNORECASE
)
_NOT_FOR_A_NAME: Final = str.maketrans({'"': "'", "<": STAND_IN, ">": "›", "&": "+"})

_NANO_CONTROL: Final = re.compile(r"<\|[^<>|]*\|>")


def neutralised(text: str) -> str:
    """Return ``text`` with the angle bracket of everything that looks like one of our tags replaced by `STAND_IN`."""
    return _LIKE_A_FENCE.sub(STAND_IN, text)


def fenced(text: str, tag: str, name: str | None = None) -> str:
    """Put ``text`` between the tags ``<tag name="...">`` and ``</tag>``, each on its own line.

    Args:
        text: data, of any origin.
        tag: one of `FENCE_TAGS`.
        name: shown in the opening tag; data as well, so its quotes, brackets and line ends are replaced.
    """
    assert tag in FENCE_TAGS, f"{tag!r} is not a fence tag, and would not be neutralised in data"
    # str(): a variable that Jinja does not know is an object that raises its own, clear error here.
    label = "" if name is None else f' name="{" ".join(name.translate(_NOT_FOR_A_NAME).split())}"'
    return f"<{tag}{label}>\n{neutralised(str(text))}\n</{tag}>"


def nano_text(text: str) -> str:
    """Return ``text`` without anything that nano would read as a control word (``<|...|>``)."""
    return _NANO_CONTROL.sub(" ", str(text)).replace("<|", " ").strip()
