"""Caps: hard limits on what sleep may spend, per job, per context and day, per tenant and day. Days are UTC dates.

Counts nothing: the ledger checks each call against them, with its worst case reserved, before it is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sleeptime.core.call import WorstCase
from sleeptime.core.errors import CapReached, InputError
from sleeptime.core.spend import Scope, Spend


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit on one scope; what is None is not limited, and 0 allows nothing.

    >>> Cap(max_tokens=1000).left(Spend(tokens=300, reserved_tokens=200, doubt_tokens=100))
    Cap(max_tokens=400, max_usd=None)

    Args:
        max_tokens: tokens of all classes together, cached ones too.
        max_usd: money.

    Raises:
        InputError: a limit is no amount.
    """

    max_tokens: int | None = None
    max_usd: float | None = None

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 0:
            raise InputError(f"a cap is a number of tokens, at least 0, got {self.max_tokens}")
        if self.max_usd is not None and not 0 <= self.max_usd < math.inf:
            raise InputError(f"a cap is an amount of USD, at least 0, got {self.max_usd}")

    def __bool__(self) -> bool:
        return self != NO_CAP

    def left(self, spend: Spend) -> Cap:
        """What may still be spent; calls under way, and those whose end nobody knows, count at their worst case."""
        return Cap(
            None if self.max_tokens is None else max(0, self.max_tokens - spend.most_tokens),
            None if self.max_usd is None else max(0.0, self.max_usd - spend.most_usd),
        )

    def has_room(self, spend: Spend, worst: WorstCase) -> bool:
        """Whether a call of this worst case fits beside what is spent."""
        has_tokens = self.max_tokens is None or spend.most_tokens + worst.tokens <= self.max_tokens
        return has_tokens and (self.max_usd is None or spend.most_usd + (worst.cost_usd or 0.0) <= self.max_usd)


NO_CAP = Cap()


@dataclass(frozen=True, slots=True)
class Caps:
    """All caps that hold for one sleep.

    Args:
        job: on the calls of the sleep itself.
        context_day: on all sleeps of its context on one UTC day.
        tenant_day: on all sleeps of its tenant on one UTC day.
    """

    job: Cap = NO_CAP
    context_day: Cap = NO_CAP
    tenant_day: Cap = NO_CAP

    def __bool__(self) -> bool:
        return bool(self.job or self.context_day or self.tenant_day)

    def of(self, scope: Scope) -> Cap:
        """The cap on a scope."""
        return {Scope.JOB: self.job, Scope.CONTEXT: self.context_day, Scope.TENANT: self.tenant_day}[scope]

    def check_price(self, cost_usd: float | None, model: str) -> None:
        """Refuse a call of unknown price where a cap in USD stands alone, or allows nothing: it could not hold.

        Args:
            cost_usd: worst case of the call; None when the price is unknown.
            model: name of the model.

        Raises:
            InputError: it says which cap to set.
        """
        for scope in Scope:
            cap = self.of(scope)
            if cost_usd is not None or cap.max_usd is None:
                continue
            if cap.max_usd == 0:
                raise InputError(
                    f"the price of {model!r} is unknown, and the cap of $0 {PER[scope]} allows no call that costs; "
                    f"raise {SETTING[scope].replace('tokens', 'usd')}, or choose a model that costs nothing"
                )
            if cap.max_tokens is None:
                raise InputError(
                    f"the price of {model!r} is unknown, so the cap of ${cap.max_usd:g} {PER[scope]} cannot hold; set "
                    f"a cap in tokens beside it ({SETTING[scope]}), or choose a model with a known price"
                )


NO_CAPS = Caps()


def refusal(scope: Scope, cap: Cap, spend: Spend, worst: WorstCase) -> CapReached:
    """The error of a call for which a cap has no room: it says what is left, what the call may take, and what to do."""
    needs_tokens = cap.max_tokens is not None and spend.most_tokens + worst.tokens > cap.max_tokens
    left = cap.left(spend)
    if needs_tokens:
        what, setting = f"{cap.max_tokens:,} tokens", SETTING[scope]
        rest, may = f"{left.max_tokens:,}", f"{worst.tokens:,} tokens"
    else:
        what, setting = f"${cap.max_usd:g}", SETTING[scope].replace("tokens", "usd")
        rest, may = f"${left.max_usd:.4f}", f"${worst.cost_usd or 0.0:.4f}"
    wait = "" if scope is Scope.JOB else "wait for the next day (UTC), or "
    where = "" if scope is Scope.TENANT else ", in the settings or in the policy of the context"
    return CapReached(
        f"the cap of {what} {PER[scope]} leaves {rest}, and the next call may take {may}; {wait}raise "
        f"{setting}{where}. What was paid for is in the ledger",
        is_held=cap.has_room(spend.settled, worst),
    )


PER = {Scope.JOB: "per sleep", Scope.CONTEXT: "per context and day", Scope.TENANT: "per day"}
"""How a message names the cap on a scope."""
SETTING = {
    Scope.JOB: "max_tokens_per_job",
    Scope.CONTEXT: "max_tokens_per_context_day",
    Scope.TENANT: "max_tokens_per_day",
}
"""The setting that caps the tokens of a scope."""
