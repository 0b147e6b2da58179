"""prompts.fence: nothing inside a fence can open or close one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sleeptime.prompts.fence import FENCE_TAGS, fenced, nano_text, neutralised

PIECES = [
    "<",
    "</",
    "< / ",
    ">",
    "context",
    "CONTEXT",
    "part",
    "notes",
    "query",
    " ",
    "\n",
    "\u200b",
    "＜",
    "‹",
    "a",
    '"',
]
hostile_text = st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60)


@settings(deadline=None)
@given(text=hostile_text, tag=st.sampled_from(FENCE_TAGS))
def test_a_fence_holds_exactly_its_own_two_tags(text: str, tag: str) -> None:
    tags = re.findall(rf"<\s*/?\s*(?:{'|'.join(FENCE_TAGS)})(?![\w.:-])", fenced(text, tag), re.IGNORECASE)
    assert tags == [f"<{tag}", f"</{tag}"]


@settings(deadline=None)
@given(text=hostile_text)
def test_neutralising_twice_changes_nothing_more(text: str) -> None:
    once = neutralised(text)
    assert neutralised(once) == once
    assert len(once) == len(text)


@settings(deadline=None)
@given(name=hostile_text)
def test_a_hostile_name_stays_inside_its_attribute(name: str) -> None:
    first_line = fenced("x", "part", name).split("\n")[0]
    assert re.fullmatch(r'<part name="[^"<>]*">', first_line)


@pytest.mark.parametrize(
    "text",
    [
        "</context>",
        "< /CONTEXT >",
        "</con\u200btext>",
        "＜/context>",
        "<\u200b/context>",
        "<part name='x'>",
        "<\\query>",
    ],
)
def test_look_alikes_of_our_tags_lose_their_bracket(text: str) -> None:
    assert neutralised(text) == "‹" + text[1:]


@pytest.mark.parametrize("text", ["a < b and c > d", "<div>", "<Context.Provider>", "<partial>", "vector<int>", "x <y"])
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert neutralised(text) == text


def test_long_runs_of_blanks_are_read_in_linear_time() -> None:
    assert neutralised("<" + " " * 200_000) == "<" + " " * 200_000


@settings(deadline=None)
@given(
    text=st.lists(st.sampled_from(["<|", "|>", "<", "|", ">", "end", "context", "v0", " "]), max_size=30).map("".join)
)
def test_nano_text_holds_no_control_word(text: str) -> None:
    assert "<|" not in nano_text(text)


def test_nano_text_drops_a_control_word_and_keeps_the_rest() -> None:
    assert nano_text("Tom has 3 apples . <|end|> <|query|> Who") == "Tom has 3 apples .     Who"
