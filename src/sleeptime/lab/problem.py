"""A problem: one query about one context, with the answer that is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Tag = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of a dataset.

    Args:
        id: unique within its dataset.
        context: what sleep sees; may be empty (arXiv:2504.13171, section 4: a problem of one statement).
        query: what is asked, unseen by sleep.
        answer: the true answer, as a scorer of its dataset reads it.
        source: where it comes from, such as ``"worlds:shop"`` or ``"gsm-symbolic:p1"``.
        context_id: queries of one context share it; statistics are clustered by it (arXiv:2411.00640).
        tags: what analyses group by, such as ``depth`` (steps to the answer).
    """

    id: str
    context: str
    query: str
    answer: str
    source: str
    context_id: str
    tags: Mapping[str, Tag] = field(default_factory=dict)
