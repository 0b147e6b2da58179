"""Estimate: what a run may take of a model. A guess; the cap is what holds."""

from __future__ import annotations

from typing import Final

from sleeptime.core.usage import Usage
from sleeptime.swe.arms import Arm
from sleeptime.swe.book import Book
from sleeptime.swe.plan import Plan

_PROMPT_TOKENS: Final = 1_400
"""Guess of what the instructions, the tools and the query take."""
_RELATED_TOKENS: Final = 60
_RESULT_TOKENS: Final = 450
"""Guess of what a tool tells."""
_REPLY_TOKENS: Final = 160
"""Guess of a call with what is said around it."""


def estimate(plan: Plan, book: Book) -> tuple[int, Usage]:
    """Calls and tokens that what is missing may take.

    All input is counted as fresh; providers that cache what was sent before bill much of it at a tenth.
    """
    calls, usage = 0, Usage()
    agents = [play for play in plan.missing(book) if play.arm.needs_model]
    for play in agents:
        related = len(play.task.related) if play.arm is Arm.AGENT_RELATED else 0
        calls += play.steps
        usage += _work_usage(play.steps, _PROMPT_TOKENS + related * _RELATED_TOKENS)
    changes = {
        (play.repository, related.commit)
        for play in agents
        if play.arm is Arm.AGENT_NOTES
        for related in play.task.related
    }
    slept = {(repository, change.partition(" ")[0]) for repository, change in book.sleeps}
    for _ in changes - slept:
        calls += plan.sleep_steps
        usage += _work_usage(plan.sleep_steps, _PROMPT_TOKENS)
    return calls, usage


def _work_usage(steps: int, prompt_tokens: int) -> Usage:
    """Tokens of an agent that uses all of its steps: each turn reads all turns before it again."""
    read = steps * prompt_tokens + (_RESULT_TOKENS + _REPLY_TOKENS) * steps * (steps - 1) // 2
    return Usage(input_tokens=read, output_tokens=steps * _REPLY_TOKENS)
