"""core.budget: budgets parse and print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.budget import Budget, Effort, Forced, Thinking, Verbosity, parse_budget
from sleeptime.core.errors import InputError

TOKENS = st.integers(min_value=1, max_value=10**6)
BUDGETS: st.SearchStrategy[Budget] = st.one_of(
    st.builds(Verbosity, st.integers(0, 4)),
    st.builds(Effort, st.sampled_from(["low", "medium", "high"])),
    st.builds(Thinking, TOKENS),
    st.builds(Forced, TOKENS),
)


@given(BUDGETS)
def test_printed_budget_parses_back(budget: Budget) -> None:
    assert parse_budget(str(budget)) == budget


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("v0", Verbosity(0)),
        (" V4 ", Verbosity(4)),
        ("effort:low", Effort("low")),
        ("think:1024", Thinking(1024)),
        ("force:512", Forced(512)),
    ],
)
def test_documented_forms_are_read(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    "text", ["", "v", "v5", "v-1", "v01", "v0:", "effort", "effort:huge", "think:", "think:0", "think:-1", "think:1.5",
             "force:many", "think:²", "tokens:5", "think:9999999999"]
)  # fmt: skip
def test_other_text_is_refused_and_the_allowed_forms_are_named(text: str) -> None:
    with pytest.raises(InputError, match=r"v0 to v4.*effort:low\|medium\|high.*think:N or force:N"):
        parse_budget(text)


def test_impossible_budgets_cannot_be_built() -> None:
    for build in (lambda: Verbosity(5), lambda: Effort("huge"), lambda: Thinking(0), lambda: Forced(-1)):  # type: ignore[arg-type]  # wrong on purpose
        with pytest.raises(InputError):
            build()
