"""`sleeptime lab build` as a user runs it: a process, files, and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIELDS = ["id", "context", "query", "answer", "source", "context_id", "tags"]
GSM = {
    "id": 1,
    "instance": 0,
    "question": "Ann has 5 pens. Each costs $0.75. How much are they?",
    "answer": "#### 3.75",
}
AIME = {"id": "I-1", "problem": "Find $x$. Here $x + 1 = 6$. [asy] draw(5); [/asy]", "answer": 5}


def run(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLEEPTIME_", "OPENAI_"))}
    command = [sys.executable, "-W", "error", "-m", "sleeptime", "lab", "build", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env=inherited | {"HOME": str(cwd), "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def built(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_worlds_the_same_file_for_the_same_dials(tmp_path: Path) -> None:
    dials = ("--limit", "4", "--queries", "3", "--min-depth", "2", "--seed", "5")
    done = run(tmp_path, "worlds", "--output", "a.jsonl", *dials, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert (said["problems"], said["contexts"], said["skipped"], said["cost_usd"]) == (12, 4, [], 0.0)
    problems = built(tmp_path / "a.jsonl")
    assert [list(problem) for problem in problems] == [FIELDS] * 12
    again = run(tmp_path, "worlds", "--output", "b.jsonl", *dials)
    assert "12 problems on 4 contexts" in again.stdout
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_the_users_own_files_and_more_queries_for_them(tmp_path: Path) -> None:
    (tmp_path / "p1.jsonl").write_text(json.dumps(GSM) + "\n")
    (tmp_path / "2031.json").write_text(json.dumps([AIME]))
    assert run(tmp_path, "stateful-gsm-symbolic", "p1.jsonl", "--output", "gsm.jsonl").returncode == 0
    assert run(tmp_path, "stateful-aime", "2031.json", "--output", "aime.jsonl").returncode == 0
    (gsm,), (aime,) = built(tmp_path / "gsm.jsonl"), built(tmp_path / "aime.jsonl")
    assert (gsm["context"], gsm["query"], gsm["answer"]) == (
        "Ann has 5 pens. Each costs $0.75.",
        "How much are they?",
        "3.75",
    )
    assert (aime["context"], aime["query"], aime["answer"]) == ("Here $x + 1 = 6$.", "Find $x$.", "5")

    query = {"query": "What do 7 pens cost?", "working": ["7 * 0.75 = 5.25"], "answer": "5.25"}
    script = {"replies": [{"tool": "write_queries", "args": {"queries": [query]}}]}
    (tmp_path / "script.json").write_text(json.dumps(script))
    more = ("multi-query", "gsm.jsonl", "--model", "scripted:script.json", "--queries", "2", "--output", "more.jsonl")
    done = run(tmp_path, *more, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["problems"], said["contexts"], said["cost_usd"]) == (2, 1, 0.0)
    assert said["usage"]["output_tokens"] > 0
    assert [problem["query"] for problem in built(tmp_path / "more.jsonl")] == [
        "How much are they?",
        "What do 7 pens cost?",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("worlds", "--output", "there.jsonl"), "there.jsonl exists"),
        (("worlds", "--output", "missing/x.jsonl"), "folder that exists"),
        (("worlds", "p1.jsonl", "--output", "x.jsonl"), "take no sources"),
        (("worlds", "--output", "x.jsonl", "--instances", "3"), "--instances means nothing for worlds"),
        (("worlds", "--output", "x.jsonl", "--split", "tests"), "held-out"),
        (("worlds", "--output", "x.jsonl", "--queries", "99"), "no world has 99"),
        (("trivia", "--output", "x.jsonl"), "'trivia' is not known; allowed: worlds"),
        (("stateful-aime", "--output", "x.jsonl"), "at least one source"),
        (("stateful-aime", "missing.jsonl", "--output", "x.jsonl"), "does not exist"),
        (("stateful-aime", "bad.jsonl", "--output", "x.jsonl"), "bad.jsonl line 2 is not JSON"),
        (("stateful-aime", "binary.jsonl", "--output", "x.jsonl"), "not UTF-8"),
        (("released", "bad.parquet", "--output", "x.jsonl"), "Parquet"),
        (
            ("stateful-gsm-symbolic", "hostile.json", "--output", "x.jsonl"),
            "hostile.json line 1: the attribute .system is not allowed",
        ),
        (("multi-query", "there.jsonl", "--output", "x.jsonl"), "--model"),
        (
            ("multi-query", "there.jsonl", "--output", "x.jsonl", "--model", "openai-compatible:http://127.0.0.1:9#m"),
            "no terminal to ask on; add --yes",
        ),
    ],
)
def test_what_cannot_be_built_exits_with_2_and_leaves_no_file(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    line = {"id": "a", "context": "Ann has 5 pens.", "query": "How many?", "answer": "5", "source": "gsm:x"}
    (tmp_path / "there.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "p1.jsonl").write_text(json.dumps(GSM))
    (tmp_path / "bad.jsonl").write_text(json.dumps(AIME) + '\n{"problem": ')
    (tmp_path / "binary.jsonl").write_bytes(b"\x89PNG\r\n\xff\xfe")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1\x00\x01\xff")
    hostile = "{a,1}?\n#init:\n- a = __import__('os').system('touch owned')\n#answer: 1"
    (tmp_path / "hostile.json").write_text(json.dumps({"question_annotated": hostile}))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = run(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_bad_rows_are_left_out_and_named_when_asked(tmp_path: Path) -> None:
    (tmp_path / "p1.jsonl").write_text(json.dumps(GSM) + "\n" + json.dumps({"question": "How many?"}) + "\n")
    done = run(tmp_path, "stateful-gsm-symbolic", "p1.jsonl", "--output", "x.jsonl", "--skip-bad", "--json")
    assert done.returncode == 0, done.stderr
    assert "left out: p1.jsonl line 2" in done.stderr
    assert json.loads(done.stdout)["skipped"][0]["name"] == "p1.jsonl line 2"
    assert (
        run(tmp_path, "stateful-gsm-symbolic", "p1.jsonl", "--output", "x.jsonl", "--skip-bad", "--force").returncode
        == 0
    )
