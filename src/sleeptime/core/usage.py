"""Usage: the tokens of a model call, by the class they are billed in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Protocol

MOST_TOKENS: Final = 10**9
"""Of one class in one call: what reports more was not measured, and would outweigh everything that was."""


class InclusiveUsage(Protocol):
    """Counts in which input includes the cached classes, as pydantic-ai's ``RequestUsage`` has them."""

    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    output_reasoning_tokens: int
    details: dict[str, int]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, none negative. The three input classes are disjoint: their sum is the whole prompt.

    Args:
        input_tokens: fresh input, neither read from nor written to a cache.
        cached_input_tokens: input read from the provider's prompt cache.
        cache_write_tokens: input written to the provider's prompt cache.
        output_tokens: everything generated, reasoning included.
        reasoning_tokens: the part of ``output_tokens`` that the user does not see.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __post_init__(self) -> None:
        assert min(self.as_dict().values()) >= 0, f"negative token count in {self!r}"

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )

    @property
    def total_tokens(self) -> int:
        """Tokens of all classes together; reasoning is part of the output."""
        return self.input_tokens + self.cached_input_tokens + self.cache_write_tokens + self.output_tokens

    @classmethod
    def from_inclusive(cls, usage: InclusiveUsage) -> Usage:
        """Take counts whose input includes what was cached: fresh input is what is left.

        Reasoning tokens are part of the output in both. Counts that contradict each other are clamped, never negative;
        those that no call can come to count as none were told.
        """
        if not is_possible(usage):
            return cls()
        cached, written, output = usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens
        return cls(
            input_tokens=max(0, usage.input_tokens - cached - written),
            cached_input_tokens=cached,
            cache_write_tokens=written,
            output_tokens=output,
            reasoning_tokens=min(_reasoning_tokens(usage), output),
        )

    def as_dict(self) -> dict[str, int]:
        """The five counts under their own names, as ``--json`` prints them."""
        return asdict(self)


def is_possible(usage: InclusiveUsage) -> bool:
    """Whether counts are such that a call can come to them: whole numbers from 0 to `MOST_TOKENS`."""
    counts: tuple[object, ...] = (
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        _reasoning_tokens(usage),
    )
    return all(isinstance(count, int) and 0 <= count <= MOST_TOKENS for count in counts)


def _reasoning_tokens(usage: InclusiveUsage) -> int:
    return usage.output_reasoning_tokens or usage.details.get("reasoning_tokens", 0)
