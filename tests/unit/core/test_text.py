"""core.text: what text can be kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.errors import NotText
from sleeptime.core.text import checked_text, kept_text


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_utf8_text_without_nul_is_kept_as_it_is(text: str) -> None:
    assert checked_text("query", text) == kept_text(text) == text


@given(st.text())
def test_what_is_kept_of_any_reply_can_be_stored(text: str) -> None:
    assert checked_text("answer", kept_text(text)).encode() is not None


@given(st.text(), st.sampled_from(["\0", "\ud800", "\udfff"]), st.text())
def test_nul_and_lone_surrogates_are_refused_by_name(before: str, bad: str, after: str) -> None:
    with pytest.raises(NotText, match=r"query 'q' holds (a NUL character|the lone surrogate)"):
        checked_text("query 'q'", before + bad + after)
    assert "\ufffd" in kept_text(before + bad + after)
