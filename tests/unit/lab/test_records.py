"""Records: whatever happens to the process that writes them, what was written is read again, and nothing else."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.note import Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.core.usage import Usage
from sleeptime.lab.records import Record, RecordBook, has_records
from sleeptime.sleep.outcome import Draft

RECORD = Record(
    arm="v0",
    problem="p1",
    sample=0,
    context_id="shop",
    reply="Seventy-two\n“72” \u2028 ünï",
    verdict="right",
    route="full",
    usage=Usage(input_tokens=9, output_tokens=3),
    latency_s=0.1234567,
    tags={"depth": 2, "family": "shop", "likely": True},
)
NOTE = Note(NoteKind.DERIVED, "24 * 3 = 72", "apples", "72", "24 * 3 = 72", depends_on=("0" * 64,))
DRAFT = Draft(Outcome.WROTE, (NOTE,), "", Usage(output_tokens=7))
KEY = ("shop", "", 0)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[RecordBook]:
    opened = RecordBook(tmp_path / "records")
    yield opened
    opened.close()


def _reread(book: RecordBook) -> RecordBook:
    return RecordBook(book.folder)


def _fill(book: RecordBook) -> None:
    for sample in range(3):
        book.add_answer(replace(RECORD, sample=sample))
    book.add_draft(KEY, DRAFT)
    book.add_score("p1", logprob=-3.25, tokens=7)


def test_a_book_holds_what_a_later_run_reads_of_it(book: RecordBook) -> None:
    _fill(book)
    later = _reread(book)
    assert (later.answers, later.drafts, later.scores) == (book.answers, book.drafts, book.scores)
    assert book.answers[RECORD.key] == replace(RECORD, latency_s=0.1235)
    assert book.drafts[KEY].notes[0].value == "72"
    assert book.scores["p1"] == {"logprob": -3.25, "tokens": 7}


def test_an_answer_that_the_provider_refused_stays_one(book: RecordBook) -> None:
    book.add_answer(replace(RECORD, verdict="unscored", is_rejected=True))
    book.add_answer(replace(RECORD, sample=1))
    assert [record.is_rejected for record in _reread(book).of("v0")] == [True, False]
    book.pack()
    assert [record.is_rejected for record in _reread(book).of("v0")] == [True, False]


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    RecordBook(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    assert not has_records(tmp_path / "nothing")


def test_records_of_an_arm_come_by_problem_and_sample(book: RecordBook) -> None:
    for problem, sample, arm in (("b", 1, "v0"), ("a", 10, "v0"), ("b", 0, "v0"), ("a", 2, "v0"), ("a", 0, "v4")):
        book.add_answer(replace(RECORD, problem=problem, sample=sample, arm=arm))
    assert [(record.problem, record.sample) for record in book.of("v0")] == [("a", 2), ("a", 10), ("b", 0), ("b", 1)]


@pytest.mark.parametrize("torn", [b'{"arm": "v0", "pro', b'{"arm": "v4"}', b"\xff", b"x" * 200_000])
def test_a_line_that_was_being_written_is_left_out_and_written_over(book: RecordBook, torn: bytes) -> None:
    _fill(book)
    book.close()
    path = book.folder / "answers.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    later = _reread(book)
    assert later.answers.keys() == book.answers.keys()
    assert path.read_bytes() == whole + torn, "who only reads changes nothing"
    later.add_answer(replace(RECORD, sample=3))
    later.close()
    assert path.read_bytes().startswith(whole)
    assert path.read_bytes().count(b"\n") == 4
    assert len(_reread(book).answers) == 4


def test_a_file_of_nothing_but_a_torn_line_holds_nothing(book: RecordBook) -> None:
    book.folder.mkdir()
    (book.folder / "answers.jsonl").write_bytes(b'{"arm"')
    book.add_answer(RECORD)
    assert list(_reread(book).answers) == [RECORD.key]


GOOD_LINE = (
    '{"arm": "v0", "problem": "p", "sample": 0, "context_id": "c", "reply": "", "verdict": "right", "route": "full", '
    '"usage": {}}'
)


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[1, 2]",
        "null",
        "",
        "\x00\x01",
        "[" * 100_000,
        '{"arm": "v0"}',
        GOOD_LINE.replace("}}", '}, "more": 1}'),
        GOOD_LINE.replace('"usage": {}', '"usage": {"words": 1}'),
        GOOD_LINE.replace('"usage": {}', '"usage": {"input_tokens": -1}'),
        GOOD_LINE.replace('"usage": {}', '"usage": [1]'),
    ],
)
def test_a_line_that_is_no_record_is_named(book: RecordBook, line: str) -> None:
    book.folder.mkdir()
    path = book.folder / "answers.jsonl"
    path.write_text(f"{GOOD_LINE}\n{line}\n{GOOD_LINE}\n")
    with pytest.raises(InputError, match=r"line 2 of .*answers\.jsonl is not a record"):
        _reread(book)


@pytest.mark.parametrize(
    "line",
    [
        {"outcome": "wrote", "notes": []},
        {"outcome": "strange", "notes": []},
        {"outcome": "wrote", "notes": [["odd", "text"]]},
        {"outcome": "wrote", "notes": [[]]},
        {"outcome": "wrote", "notes": 3},
    ],
)
def test_a_line_that_is_no_draft_is_named(book: RecordBook, line: dict[str, object]) -> None:
    head = {"context_id": "c", "recipe": "", "index": 0, "reason": "", "usage": {}}
    book.folder.mkdir()
    (book.folder / "drafts.jsonl").write_text(json.dumps(head | line) + "\n")
    with pytest.raises(InputError, match=r"line 1 of .*drafts\.jsonl is not a record"):
        _reread(book)


@pytest.mark.parametrize("cut", [lambda data: data[:-9], lambda data: b"no gzip", lambda data: data[:40] + b"\0" * 99])
def test_a_broken_archive_is_named(book: RecordBook, cut: Callable[[bytes], bytes]) -> None:
    _fill(book)
    book.pack()
    path = book.folder / "answers.jsonl.gz"
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(InputError, match=r"answers\.jsonl\.gz cannot be read"):
        _reread(book)


def test_packing_gives_the_same_bytes_whatever_the_order_and_the_run(tmp_path: Path) -> None:
    packed = []
    for name, order in (("one", [0, 1, 2]), ("two", [2, 0, 1])):
        book = RecordBook(tmp_path / name)
        for sample in order:
            book.add_answer(replace(RECORD, sample=sample))
            book.add_draft(("shop", "", sample), DRAFT)
        if name == "two":  # packed half-way, then gone on with
            book.pack()
            book.close()
            book = RecordBook(tmp_path / name)
        book.pack()
        book.close()
        packed.append({path.name: path.read_bytes() for path in sorted(book.folder.iterdir())})
    assert packed[0] == packed[1]
    assert packed[0].keys() == {"answers.jsonl.gz", "drafts.jsonl.gz"}


def test_packed_records_are_read_and_added_to(book: RecordBook) -> None:
    _fill(book)
    book.pack()
    book.add_answer(replace(RECORD, sample=3))
    later = _reread(book)
    assert later.answers == book.answers
    assert len(later.answers) == 4
    assert (later.drafts, later.scores) == (book.drafts, book.scores)
    lines = gzip.decompress((book.folder / "answers.jsonl.gz").read_bytes()).splitlines()
    assert len(lines) == 3


def test_a_kill_between_packing_and_clearing_up_loses_and_doubles_nothing(book: RecordBook) -> None:
    _fill(book)
    plain = (book.folder / "answers.jsonl").read_bytes()
    book.pack()
    (book.folder / "answers.jsonl").write_bytes(plain)
    assert _reread(book).answers == book.answers


def test_one_at_a_time_writes(book: RecordBook) -> None:
    _fill(book)
    other = _reread(book)
    with pytest.raises(InputError, match=r"another run writes to .*records; wait"):
        other.add_answer(RECORD)
    with pytest.raises(InputError, match="another run"):
        RecordBook(book.folder, is_writer=True)
    book.close()
    other.add_answer(replace(RECORD, sample=3))
    other.close()
    assert len(_reread(book).answers) == 4


def test_who_is_killed_lets_others_write(book: RecordBook) -> None:
    code = "import os, sys; from pathlib import Path; from sleeptime.lab.records import RecordBook\n"
    code += "RecordBook(Path(sys.argv[1]), is_writer=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code, str(book.folder)], check=False, timeout=60)
    assert done.returncode == -9
    _fill(book)
