"""Pace: how many calls one provider may be sent, at once and per minute, and the port that counts them for all workers.

Knows no provider and no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sleeptime.core.errors import InputError

SLEEP_SHARE: Final = 0.8
"""Share of a minute that sleep may use: what is left is there for queries, which are counted and never wait."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits of one provider; what is None is not limited.

    With 100 requests a minute, sleep makes a call as long as fewer than 80 were made in this minute, queries included;
    then it waits for the next. With 30 queries in a minute, 50 are left to sleep; with 90, none, and the queries go on.
    A minute is one on the clock: at the turn of one there may be twice as many in 60 seconds.

    Args:
        calls_at_once: calls of sleep under way in one process.
        requests_per_minute: of all workers together.
        tokens_per_minute: of all workers together, input and output, estimated before a call and corrected after it.
        longest_wait_s: seconds that a call waits for its turn before its sleep is put off.

    Raises:
        InputError: a limit leaves room for nothing.
    """

    calls_at_once: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    longest_wait_s: float = 300.0

    def __post_init__(self) -> None:
        limits = (self.calls_at_once, self.requests_per_minute, self.tokens_per_minute)
        if any(limit is not None and limit < 1 for limit in limits):
            raise InputError(
                f"a provider that may be sent nothing cannot be asked: a limit is at least 1, got {limits}"
            )

    @property
    def is_per_minute(self) -> bool:
        """Whether anything has to be counted."""
        return self.requests_per_minute is not None or self.tokens_per_minute is not None

    @property
    def sleep_requests(self) -> int | None:
        """Requests of a minute before which sleep may make one.

        >>> Pace(requests_per_minute=100).sleep_requests, Pace(requests_per_minute=1).sleep_requests
        (80, 1)
        """
        return None if self.requests_per_minute is None else max(1, int(self.requests_per_minute * SLEEP_SHARE))

    @property
    def sleep_tokens(self) -> int | None:
        """Tokens of a minute that sleep may reach."""
        return None if self.tokens_per_minute is None else max(1, int(self.tokens_per_minute * SLEEP_SHARE))


def minute_of(moment: datetime) -> int:
    """Whole minutes since 1970."""
    return int(moment.timestamp()) // 60


class Rates(Protocol):
    """Counts what each provider is sent in each minute, for all workers."""

    async def take(
        self, provider: str, minute: int, tokens: int, *, max_requests: int | None, max_tokens: int | None
    ) -> bool:
        """Count one request and its tokens, if the minute then holds no more than the limits.

        One larger than a whole minute fits into a minute that holds nothing: else it could never be made.
        """
        ...

    async def add(self, provider: str, minute: int, *, requests: int, tokens: int) -> None:
        """Count further ones, whatever the limits; negative numbers take back."""
        ...
