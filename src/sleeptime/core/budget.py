"""Budget (b): how much a model may think while a query waits (arXiv:2504.13171, section 4 and appendix A).

Knows nothing of models; ``models.budgets`` maps a budget onto a model's own control.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from sleeptime.core.errors import InputError

BUDGET_FORMS: Final = "v0 to v4 (verbosity), effort:low|medium|high, think:N or force:N (N tokens, at least 1)"
"""The allowed forms, as error messages and help texts show them."""

EffortLevel = Literal["low", "medium", "high"]


def _checked_tokens(form: str, tokens: int) -> None:
    if tokens < 1:
        raise InputError(f"budget {form}:{tokens} is not at least 1 token; allowed: {BUDGET_FORMS}")


@dataclass(frozen=True, slots=True)
class Verbosity:
    """``v0`` (the answer alone) to ``v4`` (step by step, every number rechecked): a prompt, so any model follows it."""

    level: int

    def __post_init__(self) -> None:
        if self.level not in range(5):
            raise InputError(f"budget v{self.level} is not a verbosity; allowed: {BUDGET_FORMS}")

    def __str__(self) -> str:
        return f"v{self.level}"


@dataclass(frozen=True, slots=True)
class Effort:
    """``effort:low|medium|high``: the provider's own reasoning effort."""

    level: EffortLevel

    def __post_init__(self) -> None:
        if self.level not in get_args(EffortLevel):
            raise InputError(f"budget effort:{self.level} is not an effort; allowed: {BUDGET_FORMS}")

    def __str__(self) -> str:
        return f"effort:{self.level}"


@dataclass(frozen=True, slots=True)
class Thinking:
    """``think:N``: at most N thinking tokens, by the provider's own control."""

    tokens: int

    def __post_init__(self) -> None:
        _checked_tokens("think", self.tokens)

    def __str__(self) -> str:
        return f"think:{self.tokens}"


@dataclass(frozen=True, slots=True)
class Forced:
    """``force:N``: budget forcing to N thinking tokens, by a cut or by "Wait" (s1, arXiv:2501.19393, section 3)."""

    tokens: int

    def __post_init__(self) -> None:
        _checked_tokens("force", self.tokens)

    def __str__(self) -> str:
        return f"force:{self.tokens}"


Budget = Verbosity | Effort | Thinking | Forced


def parse_budget(text: str) -> Budget:
    """Read a budget as `str` writes it: ``parse_budget(str(budget)) == budget``.

    Raises:
        InputError: the text has none of the allowed forms; the message names them.
    """
    form, colon, amount = text.strip().lower().partition(":")
    if not colon and len(form) == 2 and form[0] == "v" and form[1] in "01234":
        return Verbosity(int(form[1]))
    if form == "effort" and amount in get_args(EffortLevel):
        return Effort(cast(EffortLevel, amount))
    if form in ("think", "force") and amount.isascii() and amount.isdecimal() and len(amount) <= 9:
        return Thinking(int(amount)) if form == "think" else Forced(int(amount))
    raise InputError(f"budget {text!r} is not known; allowed: {BUDGET_FORMS}")
