"""lab.datasets: builders and readers, on rows and templates that we wrote in the public formats."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from sleeptime.core.errors import EmptyInput, InputError, Unreadable
from sleeptime.lab.datasets.aime import build_aime, split_statements, without_figures
from sleeptime.lab.datasets.build import Build, Request, draw_contexts
from sleeptime.lab.datasets.gsm_symbolic import build_gsm_symbolic
from sleeptime.lab.datasets.hub import Hub
from sleeptime.lab.datasets.released import build_released
from sleeptime.lab.problem import Problem

GSM_ROW = {
    "id": 3,
    "instance": 7,
    "question": "Ann has 2 boxes of 12 pens. Each pen costs $0.75. How much do all pens cost?",
    "answer": "There are 2 * 12 = <<2*12=24>>24 pens.\nThey cost 24 * 0.75 = $<<24*0.75=18>>18.\n#### 18",
    "original_id": 41,
    "canary": "canary GUID 0",
}
TEMPLATE = {
    "question_annotated": "{name,Ann} has {n,2} boxes of {m,12} pens. How many pens has {name,Ann}?\n"
    "#init:\n- name = sample(names)\n- $n = range(2, 9)\n- $m = range(5, 30)\n#conditions:\n- n < m\n#answer: n * m",
    "answer_annotated": "{n}*{m} = <<{n}*{m}={n*m}>>{n*m}\n#### {n*m}",
    "id_orig": 12,
}
AIME_ROW = {"id": "2031-I-1", "problem": "Let $x = 5. y$ be $2$. Let $z$ be $3$. Find $y + z$.", "answer": "005"}


def lines(path: Path, *rows: Mapping[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


async def gsm(*sources: str, **given: Any) -> Build:
    return await build_gsm_symbolic(Request(sources, **given))


async def test_a_gsm_row_becomes_context_query_and_number(tmp_path: Path) -> None:
    (problem,) = (await gsm(lines(tmp_path / "p1.jsonl", GSM_ROW))).problems
    assert problem.context == "Ann has 2 boxes of 12 pens. Each pen costs $0.75."
    assert problem.query == "How much do all pens cost?"
    assert (problem.answer, problem.id, problem.source) == ("18", "p1-3-7", "stateful-gsm-symbolic:p1")
    assert problem.tags["depth"] == 2
    assert problem.tags["own_number"] is False
    assert problem.tags["canary"] == "canary GUID 0"


async def test_a_file_with_a_plain_name_is_called_after_its_folder(tmp_path: Path) -> None:
    (tmp_path / "p2").mkdir()
    (problem,) = (await gsm(lines(tmp_path / "p2" / "test.jsonl", GSM_ROW))).problems
    assert problem.source == "stateful-gsm-symbolic:p2"


async def test_a_problem_of_one_sentence_has_an_empty_context_of_its_own(tmp_path: Path) -> None:
    rows = [GSM_ROW | {"question": f"How many are {n} and 3.5?", "answer": f"#### {n}.5", "id": n} for n in (1, 2)]
    first, second = (await gsm(lines(tmp_path / "p1.jsonl", *rows))).problems
    assert first.context == second.context == ""
    assert first.context_id != second.context_id
    assert (first.answer, first.tags["own_number"]) == ("1.5", True)


async def test_templates_give_as_many_different_instances_as_asked_for(tmp_path: Path) -> None:
    (tmp_path / "0001.json").write_text(json.dumps(TEMPLATE, indent=2))
    build = await gsm(str(tmp_path), instances=20)
    assert len({problem.context for problem in build.problems}) == 20
    for problem in build.problems:
        match = re.fullmatch(r"\w+ has (\d+) boxes of (\d+) pens\.", problem.context)
        assert match
        assert int(problem.answer) == int(match[1]) * int(match[2])
        assert problem.tags["template"] == "12"
        assert problem.tags["depth"] == 1
    assert build == await gsm(str(tmp_path), instances=20)
    assert build.problems != (await gsm(str(tmp_path), instances=20, seed=1)).problems


async def test_the_instances_of_a_template_do_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    alone = await gsm(lines(tmp_path / "a.jsonl", TEMPLATE), instances=3)
    other = {"question_annotated": "How many are {n,1}?\n#init:\n- $n = range(9)\n#answer: n", "id_orig": 1}
    beside = await gsm(lines(tmp_path / "b.jsonl", other, TEMPLATE), instances=3)
    assert [p.context for p in alone.problems] == [p.context for p in beside.problems][3:]


async def test_a_template_with_few_instances_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    row = {"question_annotated": "How many are {n,1}?\n#init:\n- $n = range(3)\n#answer: n"}
    build = await gsm(lines(tmp_path / "few.jsonl", row), instances=50)
    assert {problem.answer for problem in build.problems} == {"0", "1", "2"}
    assert [skipped.reason for skipped in build.skipped] == ["it gives only 3 different problems of 50"]


async def test_lists_of_the_user_take_the_place_of_ours(tmp_path: Path) -> None:
    row = {
        "question_annotated": "{f,red} {name,Ann}?\n#init:\n- name = sample(names)\n- f = sample(flags)\n#answer: 2 * f"
    }
    (tmp_path / "0.json").write_text(json.dumps(row))
    (tmp_path / "lists.json").write_text(json.dumps({"names": ["Zoe"], "flags": [["Third", "1/3"]]}))
    (problem,) = (await gsm(str(tmp_path), instances=1)).problems
    assert (problem.query, problem.answer) == ("Third Zoe?", "2/3")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "How many?"}, "line 2: the field 'answer' is missing"),
        ({"question": "How many?", "answer": "#### many"}, "line 2: the true answer 'many' is not a number"),
        ({"question": "How many?", "answer": "It is 5 or so"}, "line 2: the true answer"),
        ({"question": 5, "answer": "5"}, "line 2: the field 'question' must be a text"),
        ({"problem": "x"}, "line 2: the field 'question' is missing; the fields there are: problem"),
        ({"question_annotated": "x\n#init:\n- a = open('x')\n#answer: a"}, "line 2: the function 'open'"),
        (GSM_ROW, "line 2: the id 'rows-3-7' is taken"),
    ],
)
async def test_a_bad_row_is_named_or_left_out_when_asked(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    source = lines(tmp_path / "rows.jsonl", GSM_ROW, row)
    with pytest.raises(InputError, match=message):
        await gsm(source)
    build = await gsm(source, can_skip=True)
    assert len(build.problems) == 1
    assert re.search(message, build.skipped[0].reason)


async def test_sources_without_a_usable_problem_are_an_error_even_then(tmp_path: Path) -> None:
    with pytest.raises(EmptyInput, match=r"no problem that can be used: .*'question' is missing"):
        await gsm(lines(tmp_path / "rows.jsonl", {"x": 1}), can_skip=True)
    with pytest.raises(InputError, match=r"at least one source"):
        await gsm()
    with pytest.raises(Unreadable, match=r"does not exist"):
        await gsm(str(tmp_path / "missing"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyInput, match=r"holds no .json"):
        await gsm(str(tmp_path / "empty"))


def test_a_limit_takes_whole_contexts_by_the_seed_in_their_order() -> None:
    problems = [Problem(f"{c}{q}", c, "?", "1", "gsm:x", c) for q in range(2) for c in "abcdefgh"]
    drawn = draw_contexts(problems, 0, 3)
    assert len(drawn) == 6
    ids = [problem.id for problem in drawn]
    assert ids == sorted(ids)
    assert drawn == draw_contexts(problems, 0, 3)
    assert len({"".join(p.id for p in draw_contexts(problems, seed, 3)) for seed in range(20)}) > 5
    assert len(draw_contexts(problems, 0, None)) == len(draw_contexts(problems, 0, 99)) == 16


STATEMENTS = {
    "last": (r"Let $x$ be $5$. Find $x + 1$.", "Let $x$ be $5$.", "Find $x + 1$.", False),
    "earlier": (
        "Ann has $5$ coins. Find the number of ways. Two ways are different if a coin differs. The order is fixed.",
        "Ann has $5$ coins. Two ways are different if a coin differs. The order is fixed.",
        "Find the number of ways.",
        True,
    ),
    "first": ("How many ways are there? Order counts.", "Order counts.", "How many ways are there?", True),
    "single": (
        r"Find the sum of all $n \le 9. 5$ that are odd.",
        "",
        r"Find the sum of all $n \le 9. 5$ that are odd.",
        False,
    ),
    "behind a condition": (
        "It is $m/n$. If $m > 1$, find $m + n$. Here $n$ is odd.",
        "It is $m/n$. Here $n$ is odd.",
        "If $m > 1$, find $m + n$.",
        True,
    ),
    "two questions": ("Find $m$. Then what is $n$?", "Find $m$.", "Then what is $n$?", False),
    "none asks": ("The sum is $m$. The answer is $m + 1$.", "The sum is $m$.", "The answer is $m + 1$.", False),
}


@pytest.mark.parametrize(("text", "context", "query", "is_moved"), STATEMENTS.values(), ids=STATEMENTS)
def test_the_statement_that_asks_comes_last(text: str, context: str, query: str, is_moved: bool) -> None:
    assert split_statements(text) == (context, query, is_moved)


@pytest.mark.parametrize(
    "figure",
    [
        '[asy]\nimport olympiad; draw((0,0)--(73,1)); label("$73$", (0,0));\n[/asy]',
        "[ASY] draw(x); [/ASY]",
        "[asy] never closed 73",
        r"\begin{tikzpicture}\draw (0,0) -- (73,1);\end{tikzpicture}",
        r"\begin{center}\begin{asy}size(73);\end{asy}\end{center}",
        r"\includegraphics[width=73mm]{answer-is-73.png}",
        "![73](73.png)",
        '<img src="73.png" alt="73">',
    ],
)
def test_the_source_of_a_figure_is_taken_out(figure: str) -> None:
    found = without_figures(f"Let $x$ be $5$. {figure}")
    assert found == "Let $x$ be $5$."


async def test_an_aime_row_becomes_a_problem(tmp_path: Path) -> None:
    build = await build_aime(Request((lines(tmp_path / "2031.jsonl", AIME_ROW),)))
    (problem,) = build.problems
    assert (problem.context, problem.query) == ("Let $x = 5. y$ be $2$. Let $z$ be $3$.", "Find $y + z$.")
    assert (problem.answer, problem.source, problem.id) == ("5", "stateful-aime:2031", "2031-2031-I-1")
    assert dict(problem.tags) == {"moved": False, "figure": False}


@pytest.mark.parametrize(
    ("answer", "expected"), [(5, "5"), ("073", "73"), (r"\boxed{73}", "73"), (73.0, "73"), (0, "0")]
)
async def test_aime_answers_are_whole_numbers_in_any_form(tmp_path: Path, answer: object, expected: str) -> None:
    (problem,) = (await build_aime(Request((lines(tmp_path / "a.jsonl", AIME_ROW | {"answer": answer}),)))).problems
    assert problem.answer == expected


@pytest.mark.parametrize("answer", [1000, -1, "1/2", "x", None, True, 5.5])
async def test_an_aime_answer_out_of_range_is_an_error(tmp_path: Path, answer: object) -> None:
    with pytest.raises(InputError, match=r"line 1: the answer must be a whole number from 0 to 999"):
        await build_aime(Request((lines(tmp_path / "a.jsonl", AIME_ROW | {"answer": answer}),)))


async def test_released_sets_are_read_word_for_word_and_can_be_cut_anew(tmp_path: Path) -> None:
    row = GSM_ROW | {
        "stateful_gsm_symbolic_context": "Ann has 2 boxes of 12 pens. Each pen costs $0",
        "stateful_gsm_symbolic_question": "75. How much do all pens cost?",
    }
    source = lines(tmp_path / "p1.jsonl", row)
    (problem,) = (await build_released(Request((source,)))).problems
    assert problem.context == row["stateful_gsm_symbolic_context"]
    assert (problem.query, problem.answer) == ("75. How much do all pens cost?", "18")
    (anew,) = (await gsm(source)).problems
    assert anew.query == "How much do all pens cost?"


async def test_released_aime_may_have_an_empty_context(tmp_path: Path) -> None:
    rows = [
        {"stateful_aime_context": context, "stateful_aime_question": "Find $x$.", "answer": 5}
        for context in ("", None, "Let $x$ be $5$.")
    ]
    path = tmp_path / "aime.json"
    path.write_text(json.dumps(rows))
    build = await build_released(Request((str(path),)))
    assert [problem.context for problem in build.problems] == ["", "", "Let $x$ be $5$."]
    assert build.num_contexts == 3
    assert {problem.source for problem in build.problems} == {"stateful-aime:aime"}


async def test_a_set_that_was_not_released_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: a released set has the fields .* the fields there are: answer"):
        await build_released(Request((lines(tmp_path / "p1.jsonl", GSM_ROW),)))


class HubServer(BaseHTTPRequestHandler):
    """A small stand-in for the hub's API, on a real socket."""

    rows: ClassVar[list[dict[str, Any]]] = []
    splits: ClassVar[list[tuple[str, str]]] = []
    failures: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        if self.failures:
            self.send_error(self.failures.pop(0))
            return
        if query["dataset"] != "owner/set":
            self.send_error(404)
            return
        if url.path == "/splits":
            body: dict[str, Any] = {"splits": [{"config": c, "split": s} for c, s in self.splits]}
        else:
            offset, length = int(query["offset"]), int(query["length"])
            found = [{"row_idx": i, "row": row, "truncated_cells": []} for i, row in enumerate(self.rows)]
            body = {"rows": found[offset : offset + length], "num_rows_total": len(self.rows)}
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), HubServer)
    HubServer.rows = [GSM_ROW | {"instance": number} for number in range(250)]
    HubServer.splits = [("p1", "test"), ("p2", "test")]
    HubServer.failures = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Hub(f"http://127.0.0.1:{server.server_port}", wait_s=0.01)
    server.shutdown()
    thread.join()
    server.server_close()


async def test_a_set_on_the_hub_is_read_page_by_page(hub: Hub) -> None:
    done: list[int] = []
    request = Request(("hub:owner/set#p1",))
    build = await build_gsm_symbolic(request, lambda number, _: done.append(number), hub)
    assert len(build.problems) == 250
    assert build.problems[249].id == "p1-3-249"
    assert done[:3] == [100, 200, 250]


async def test_a_hub_that_is_busy_is_asked_again(hub: Hub) -> None:
    HubServer.failures = [503, 429]
    assert len(await hub.rows("hub:owner/set#p1/test")) == 250


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("hub:owner/set", InputError, "choose one of: hub:owner/set#p1/test, hub:owner/set#p2/test"),
        ("hub:owner/set#p9", InputError, "choose one of"),
        ("hub:owner/other#p1/test", Unreadable, "404 .*download its files"),
        ("hub:owner", InputError, "write hub:OWNER/NAME"),
        ("hub:../../etc", InputError, "write hub:OWNER/NAME"),
    ],
)
async def test_what_the_hub_cannot_give_is_a_clear_error(
    hub: Hub, source: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await hub.rows(source)


async def test_a_hub_out_of_reach_is_a_clear_error() -> None:
    with pytest.raises(Unreadable, match=r"cannot be read: .*download its files and give their paths"):
        await Hub("http://127.0.0.1:9", wait_s=0.0).rows("hub:owner/set#p1/test")
