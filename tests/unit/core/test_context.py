"""core.context: parts are addressed by content, contexts have a version."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.context import MAX_NAME_CHARS, Context, Part
from sleeptime.core.errors import InputError, NotText

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def context(*parts: tuple[str, str], name: str = "shop") -> Context:
    return Context(name, tuple(Part(*part) for part in parts))


@given(TEXTS)
def test_part_is_addressed_by_the_sha256_of_its_utf8_text(text: str) -> None:
    assert Part("a", text).sha256 == Part("b", text).sha256 == hashlib.sha256(text.encode()).hexdigest()


@given(TEXTS, TEXTS)
def test_version_changes_with_text_order_and_part_names(one: str, two: str) -> None:
    base = context(("a", one), ("b", two))
    assert base.version == context(("a", one), ("b", two), name="other").version
    assert base.version != context(("b", two), ("a", one)).version
    assert base.version != context(("a", one), ("c", two)).version
    assert base.version != context(("a", one)).version
    assert (base.version == context(("a", two), ("b", one)).version) is (one == two)
    assert len(base.version) == 16


def test_part_names_cannot_be_shifted_into_one_another() -> None:
    assert context(("ab", "x"), ("c", "y")).version != context(("a", "x"), ("bc", "y")).version


def test_single_part_renders_as_its_text_and_several_are_headed_by_name() -> None:
    assert context(("a", "one")).render() == "one"
    assert context(("a", "one"), ("b", "two")).render() == "--- a ---\none\n\n--- b ---\ntwo"
    assert context().render() == ""


def test_two_parts_with_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="more than one part named 'a'"):
        context(("a", "one"), ("a", "two"))


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "nul\0", "x" * (MAX_NAME_CHARS + 1), "\ud800"])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="a part"):
        Part(name, "text")
    with pytest.raises(InputError, match="a context"):
        Context(name, ())


def test_text_that_no_database_keeps_is_refused_naming_part_and_place() -> None:
    with pytest.raises(NotText, match=r"part 'a' holds the lone surrogate U\+D800 at character 2"):
        Part("a", "ok\ud800")
    with pytest.raises(NotText, match="part 'a' holds a NUL character at character 0"):
        Part("a", "\0")
