"""Outcome: how a sleep ended."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a sleep ended. Only ``wrote`` comes with a learned context; no other outcome replaces a good one."""

    WROTE = "wrote"
    """A new, non-empty c' was written."""
    NOTHING_NEW = "nothing new"
    """The model worked and had nothing to add."""
    FAILED = "failed"
    """The model ignored its tools, looped, overflowed, or its calls failed."""
    SKIPPED = "skipped"
    """It was decided beforehand that this context is not worth a sleep."""
    CAPPED = "capped"
    """A cap on spend stopped it."""
