"""core.usage: token classes add up."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.usage import RequestUsage

from sleeptime.core.usage import MOST_TOKENS, Usage, is_possible


def test_usages_add_class_by_class() -> None:
    total = Usage(1, 2, 3, 4, 2) + Usage(10, 20, 30, 40, 20)
    assert total == Usage(11, 22, 33, 44, 22)
    assert sum([total, total], Usage()) == Usage(22, 44, 66, 88, 44)


def test_dict_has_the_published_names() -> None:
    names = ["input_tokens", "cached_input_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"]
    assert list(Usage().as_dict()) == names
    assert Usage(1, 2, 3, 4, 5).as_dict() == dict(zip(names, [1, 2, 3, 4, 5], strict=True))


def test_negative_count_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="negative token count"):
        Usage(output_tokens=-1)


def test_fresh_input_excludes_what_was_cached() -> None:
    inclusive = RequestUsage(
        input_tokens=100, cache_read_tokens=60, cache_write_tokens=30, output_tokens=9, output_reasoning_tokens=4
    )
    assert Usage.from_inclusive(inclusive) == Usage(10, 60, 30, 9, 4)


def test_counts_that_contradict_each_other_never_go_below_zero() -> None:
    inclusive = RequestUsage(input_tokens=5, cache_read_tokens=60, output_tokens=1, output_reasoning_tokens=4)
    assert Usage.from_inclusive(inclusive) == Usage(0, 60, 0, 1, 1)


def test_reasoning_tokens_are_found_among_the_details_too() -> None:
    inclusive = RequestUsage(output_tokens=9, details={"reasoning_tokens": 4})
    assert Usage.from_inclusive(inclusive) == Usage(output_tokens=9, reasoning_tokens=4)


@pytest.mark.parametrize(
    "counts",
    [
        {"input_tokens": 9 * 10**18},
        {"input_tokens": MOST_TOKENS, "output_tokens": MOST_TOKENS + 1},
        {"input_tokens": -1000, "output_tokens": 5},
        {"input_tokens": 10, "output_tokens": 5, "details": {"reasoning_tokens": 10**30}},
        {"input_tokens": 1.5, "output_tokens": 5},
    ],
    ids=["huge", "above", "negative", "in the details", "broken"],
)
def test_counts_that_no_call_can_come_to_count_as_none_told(counts: dict[str, Any]) -> None:
    assert not is_possible(RequestUsage(**counts))
    assert Usage.from_inclusive(RequestUsage(**counts)) == Usage()


def test_the_largest_counts_that_are_believed() -> None:
    most = RequestUsage(input_tokens=MOST_TOKENS, output_tokens=MOST_TOKENS)
    assert Usage.from_inclusive(most).total_tokens == 2 * MOST_TOKENS
