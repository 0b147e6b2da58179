"""Policy: when a context is slept on in the background, how, and what that may cost. Holds no clock and keeps nothing.

Worked numbers of what is due when are in `core.trigger`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, Final, cast, get_args

from sleeptime.core.budget import EffortLevel
from sleeptime.core.duration import DURATION_FORMS, MAX_DURATION, duration_text, parse_duration
from sleeptime.core.errors import InputError
from sleeptime.core.price import Tier
from sleeptime.core.window import WINDOW_FORMS, Window, parse_window

NONE: Final = "none"
"""What takes a value of a policy away again."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a context is slept on, how, and what that may cost. What is None is not set.

    >>> policy = Policy().changed({"on_change": "30s", "window": "22:00-06:00", "max_usd_per_day": "0.50"})
    >>> policy.as_dict()
    {'on_change': '30s', 'window': '22:00-06:00', 'max_usd_per_day': 0.5}
    >>> policy.changed({"window": "none", "is_on": False}).as_dict()
    {'on_change': '30s', 'max_usd_per_day': 0.5, 'is_on': False}

    Args:
        on_change: this long after the last change.
        idle: this long after the last query or change.
        every: after this many new parts, at least 1.
        window: a sleep begins only while it is open. Alone, it is a trigger too: what changed is slept on in it.
        cool_down: the least time between two sleeps.
        max_tokens_per_job: cap on one sleep; where this is None the setting of this name holds, and so below.
        max_usd_per_job: the same in USD.
        max_tokens_per_day: cap on all sleeps of the context on one UTC day (setting ``max_tokens_per_context_day``).
        max_usd_per_day: the same in USD (setting ``max_usd_per_context_day``).
        approve: whether what was learned waits until a user approves it.
        keep_versions: how many of the newest learned contexts are kept, at least 1.
        keep_days: those that left service within so many days are kept too, at least 0.
        strategy: how one draft is made.
        drafts: at least 1.
        combine: how drafts become one.
        effort: work per draft.
        tier: price and speed class of the calls.
        is_on: False when nothing is slept on in the background.

    Raises:
        InputError: a value out of range; the message names it.
    """

    on_change: timedelta | None = None
    idle: timedelta | None = None
    every: int | None = None
    window: Window | None = None
    cool_down: timedelta | None = None
    max_tokens_per_job: int | None = None
    max_usd_per_job: float | None = None
    max_tokens_per_day: int | None = None
    max_usd_per_day: float | None = None
    approve: bool | None = None
    keep_versions: int | None = None
    keep_days: float | None = None
    strategy: str | None = None
    drafts: int | None = None
    combine: str | None = None
    effort: EffortLevel | None = None
    tier: Tier | None = None
    is_on: bool = True

    def __post_init__(self) -> None:
        for name in ("on_change", "idle", "cool_down"):
            given = getattr(self, name)
            if given is not None and not (timedelta(0) <= given <= MAX_DURATION and not given.microseconds):
                raise InputError(f"{name} is whole seconds, 0 to {MAX_DURATION.days} days, got {given}")
        for name in ("every", "max_tokens_per_job", "max_tokens_per_day", "keep_versions", "drafts"):
            given = getattr(self, name)
            if given is not None and given < 1:
                raise InputError(f"{name} is at least 1, got {given}")
        for name in ("max_usd_per_job", "max_usd_per_day"):
            given = getattr(self, name)
            if given is not None and not (given > 0 and math.isfinite(given)):
                raise InputError(f"{name} is a finite amount above 0 USD, got {given}")
        if self.keep_days is not None and not 0 <= self.keep_days <= MAX_DURATION.days:
            raise InputError(f"keep_days is 0 to {MAX_DURATION.days} days, got {self.keep_days}")

    @property
    def overrides(self) -> dict[str, Any]:
        """The settings that decide what a sleep writes, where they differ for this context."""
        return self._given("strategy", "drafts", "combine", "effort", "tier")

    @property
    def limits(self) -> dict[str, Any]:
        """The settings that decide what a sleep may cost and what becomes of it, where they differ for this context.

        >>> Policy(max_usd_per_day=0.5, keep_versions=3).limits
        {'keep_versions': 3, 'max_usd_per_context_day': 0.5}
        """
        limits = self._given("max_tokens_per_job", "max_usd_per_job", "approve", "keep_versions", "keep_days")
        of_day = self._given("max_tokens_per_day", "max_usd_per_day")
        return limits | {name.replace("_day", "_context_day"): value for name, value in of_day.items()}

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def changed(self, changes: Mapping[str, object]) -> Policy:
        """This policy with some values changed.

        Args:
            changes: by name of the value, as it is or as text; ``"none"`` takes a value away, None leaves it as it is.

        Raises:
            InputError: an unknown name, or a value that is not allowed; the message names both.
        """
        unknown = [name for name in changes if name not in _READERS]
        if unknown:
            raise InputError(f"a policy has no {unknown[0]!r}; allowed: {', '.join(_READERS)}")
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **{name: _read(name, value) for name, value in given.items()})

    def as_dict(self) -> dict[str, Any]:
        """What is set, for JSON: ``Policy().changed(policy.as_dict()) == policy``."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in given.items() if value != _DEFAULTS[name]}


def _read(name: str, value: object) -> Any:
    if value == NONE:
        return _DEFAULTS[name]
    read, allowed = _READERS[name]
    try:
        return read(value)
    except InputError as error:
        raise InputError(f"{name} of a policy: {error}; or {NONE}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{name} of a policy cannot be {value!r}; allowed: {allowed}, or {NONE}") from error


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(_text(value))


def _window(value: object) -> Window:
    return value if isinstance(value, Window) else parse_window(_text(value))


def _whole(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or number >= 2**63:
        raise TypeError
    return number


def _number(value: object) -> float:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError
    return float(number)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _effort(value: object) -> EffortLevel:
    return cast(EffortLevel, get_args(EffortLevel)[get_args(EffortLevel).index(value)])


def _tier(value: object) -> Tier:
    return Tier(_text(value))


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return duration_text(value)
    return str(value) if isinstance(value, Window | Tier) else value


_DECIMAL: Final = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)")

_WHOLE: Final = (_whole, "a whole number")
_USD: Final = (_number, "a finite amount of USD, such as 0.50")
_DAYS: Final = (_number, "days, such as 7")
_FLAG: Final = (_flag, "true or false")

_READERS: Final[dict[str, tuple[Callable[[object], Any], str]]] = {
    "on_change": (_duration, DURATION_FORMS),
    "idle": (_duration, DURATION_FORMS),
    "every": _WHOLE,
    "window": (_window, WINDOW_FORMS),
    "cool_down": (_duration, DURATION_FORMS),
    "max_tokens_per_job": _WHOLE,
    "max_usd_per_job": _USD,
    "max_tokens_per_day": _WHOLE,
    "max_usd_per_day": _USD,
    "approve": _FLAG,
    "keep_versions": _WHOLE,
    "keep_days": _DAYS,
    "strategy": (_text, "the name of a strategy"),
    "drafts": _WHOLE,
    "combine": (_text, "merge or concat"),
    "effort": (_effort, ", ".join(get_args(EffortLevel))),
    "tier": (_tier, ", ".join(Tier)),
    "is_on": _FLAG,
}
"""How each value is read, and what is allowed; in the order of the policy's own values."""

_DEFAULTS: Final = {field.name: field.default for field in fields(Policy)}
