"""lab.datasets.jsonl and rows: problems on disk, and files that somebody else made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptime.core.errors import EmptyInput, InputError, NotText, Unreadable
from sleeptime.lab.datasets.jsonl import context_id_of, read_problems, write_problems
from sleeptime.lab.datasets.rows import read_rows
from sleeptime.lab.problem import Problem

PROBLEM = Problem("a", "Tom has 5 pens.", "How many are left of 2?", "3", "gsm:x", "c", {"depth": 1, "moved": False})
LINE = {"id": "a", "context": "Tom has 5.", "query": "How many?", "answer": "5", "source": "gsm:x"}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
said = texts.filter(str.strip)


@given(
    st.lists(
        st.builds(
            Problem,
            id=said,
            context=texts,
            query=said,
            answer=st.integers().map(str),
            source=st.just("worlds:x"),
            context_id=said,
            tags=st.dictionaries(texts, st.one_of(texts, st.booleans(), st.integers(-(2**53), 2**53))),
        ),
        min_size=1,
        max_size=5,
        unique_by=lambda problem: problem.id,
    )
)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, problems: list[Problem]) -> None:
    path = tmp_path_factory.mktemp("data") / "problems.jsonl"
    write_problems(path, problems)
    assert read_problems(path) == problems


def test_a_line_without_context_id_and_tags_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(LINE) + "\n\n" + json.dumps(LINE | {"id": "b", "context": ""}))
    first, second = read_problems(path)
    assert first.context_id == context_id_of("Tom has 5.")
    assert (first.tags, second.context) == ({}, "")


def test_a_file_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    digest = write_problems(path, [PROBLEM])
    with pytest.raises(InputError, match="--force"):
        write_problems(path, [PROBLEM])
    assert write_problems(path, [PROBLEM], overwrite=True) == digest
    assert list(tmp_path.iterdir()) == [path]


def test_a_build_that_fails_leaves_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    write_problems(path, [PROBLEM])
    before = path.read_bytes()

    def failing() -> object:
        yield PROBLEM
        raise InputError("half-way")

    with pytest.raises(InputError, match="half-way"):
        write_problems(path, failing(), overwrite=True)  # type: ignore[arg-type]  # it yields problems
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_no_problems_and_no_folder_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(EmptyInput):
        write_problems(tmp_path / "problems.jsonl", [])
    with pytest.raises(InputError, match="folder that exists"):
        write_problems(tmp_path / "missing" / "problems.jsonl", [PROBLEM])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": None}, "line 2: the field 'query' is missing"),
        ({"query": 5}, "line 2: the field 'query' must be a text"),
        ({"query": " "}, "line 2: the field 'query' is empty"),
        ({"context": None}, "line 2: .*'context'"),
        ({"answer": "five"}, "line 2: the true answer 'five' is not a number"),
        ({"source": "trivia"}, "line 2: no parser of answers"),
        ({"contxt": "x"}, "line 2: unknown field 'contxt'; allowed: id, context"),
        ({"tags": ["x"]}, "line 2: 'tags' must be an object"),
        ({"tags": {"x": None}}, "line 2: 'tags' must be an object"),
        ({"id": "a"}, "line 2: the id 'a' stands in .* line 1 already"),
        ({"context": "\udc80"}, "line 2.*lone surrogate"),
        ({"query": "a\0b"}, "line 2.*NUL"),
    ],
)
def test_a_bad_line_is_named_with_its_field(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(LINE) + "\n" + json.dumps(LINE | {"id": "b"} | change))
    with pytest.raises(InputError, match=message):
        read_problems(path)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", EmptyInput, "is empty"),
        (b"\n \n", EmptyInput, "is empty"),
        (b"[]", EmptyInput, "empty list"),
        (b'{"id": "a"}\n{"id": \n', InputError, "line 2 is not JSON"),
        (b'{"id": "a"}\n[1]\n', InputError, "line 2 must be a JSON object"),
        (b"5\n", InputError, "line 1 must be a JSON object, got int"),
        (b'[{"id": "a"}, 5]', InputError, "item 2 must be a JSON object"),
        (b'{"x": NaN}\n{"x": 1}', InputError, "line 1 is not JSON: NaN"),
        (b"[" * 100_000, InputError, "is not JSON"),
        (b'{"x":' * 100_000, InputError, "is not JSON"),
        (b'{"x": ' + b"9" * 5000 + b"}", InputError, "is not JSON"),
        (b'{"x": "\xff"}', NotText, "not UTF-8 text .byte 0xff at offset 7"),
        (b"PAR1\x15\x04", NotText, "Parquet.*hub:OWNER/NAME.*read_parquet"),
        (b"\x7fELF\x02\x01\x00\x00", InputError, "is not JSON"),
    ],
)
def test_files_that_hold_no_rows_are_clear_errors(
    tmp_path: Path, data: bytes, error: type[InputError], message: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(data)
    with pytest.raises(error, match=message):
        list(read_rows(path))


def test_a_path_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        with pytest.raises(Unreadable, match="cannot be read"):
            list(read_rows(path))


def test_lines_arrays_and_one_object_are_read_alike(tmp_path: Path) -> None:
    rows = [{"x": "a\u2028b"}, {"x": "c"}]
    path = tmp_path / "rows"
    for text in ("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), json.dumps(rows, indent=2)):
        path.write_text("\ufeff" + text, encoding="utf-8")
        assert [row.fields for row in read_rows(path)] == rows
    path.write_text(json.dumps(rows[0], indent=2))
    assert [row.fields for row in read_rows(path)] == rows[:1]
