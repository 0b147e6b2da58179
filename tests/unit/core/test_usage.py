"""core.usage: token classes add up."""

from __future__ import annotations

import pytest

from sleeptime.core.usage import Usage


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
