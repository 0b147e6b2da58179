"""The lab as a user runs it: real processes on nano and on a real server, killed, interrupted and gone on with."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sleeptime.lab.datasets.jsonl import write_problems
from sleeptime.lab.experiments import NAMES
from sleeptime.lab.records import RecordBook
from tests.support.lab import boxes, reader
from tests.support.openai_server import OpenAIServer, openai_server

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-W", "error", "-W", "ignore:Unclosed <MemoryObjectReceiveStream:ResourceWarning"]
LAB = [*PYTHON, "-m", "sleeptime", "lab"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, and nothing of the user's settings."""
    hidden = ("SLEEPTIME_", "XDG_", "INSPECT_", "PYTEST_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    (tmp_path / "home").mkdir()
    return inherited | {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT / "src"), "MPLCONFIGDIR": str(tmp_path)}


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server(reader(delay_s=0.05)) as running:
        yield running


def run(environment: dict[str, str], cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAB, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def results(folder: Path) -> dict[str, bytes]:
    """Every file that a report makes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def until(condition: Callable[[], bool], running: subprocess.Popen[str], wait_s: float = 120.0) -> None:
    deadline = time.monotonic() + wait_s
    while not condition():
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_every_experiment_on_nano_and_its_report(environment: dict[str, str], tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    done = run(
        environment, work, "run", "all", "--limit", "3", "--queries", "2", "--quick", "--output", "out", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert list(found["experiments"]) == list(NAMES)
    assert found["failed"] == {}
    assert [path.name for path in work.iterdir()] == ["out"]
    assert list((tmp_path / "home").rglob("*")) == []

    made = results(work / "out")
    page = made["README.md"].decode()
    for name in NAMES:
        assert f"## {name}\n" in page
        kept = json.loads(made[f"{name}.json"])
        assert kept["made_with"]["command"].startswith("sleeptime lab run all --limit 3")
        assert kept["made_with"]["weights"]
        for figure in kept["figures"]:
            assert made[figure["file"]].lstrip().startswith((b"<?xml", b"<svg"))
    again = run(environment | {"SLEEPTIME_MODEL": "none"}, work, "report", "--output", "out")
    assert again.returncode == 0, again.stderr
    assert results(work / "out") == made


def test_a_run_that_was_killed_pays_for_nothing_twice(
    environment: dict[str, str], tmp_path: Path, server: OpenAIServer
) -> None:
    write_problems(tmp_path / "boxes.jsonl", boxes(4, queries=2))
    concurrency = 2
    arguments = ["run", "pareto", "--quick", "--dataset", "boxes.jsonl", "--model", server.name(), "--output", "out"]
    arguments += ["--concurrency", str(concurrency), "--yes"]
    for at in (12, 40):
        first = subprocess.Popen([*LAB, *arguments], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        with first:
            until(lambda at=at: len(server.requests) >= at, first)  # type: ignore[misc]
            os.kill(first.pid, signal.SIGKILL)
            first.communicate()
    kept = RecordBook(tmp_path / "out" / "records")
    assert len(server.requests) - len(kept.answers) - len(kept.drafts) <= 2 * concurrency
    done = run(environment, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    book = RecordBook(tmp_path / "out" / "records")
    assert all(book.answers[key] == record for key, record in kept.answers.items())
    lost = len(server.requests) - len(book.answers) - len(book.drafts)
    assert 0 <= lost <= 2 * concurrency, "only what was under way when it was killed is asked again"
    calls = len(server.requests)
    assert run(environment, tmp_path, *arguments).returncode == 0
    assert len(server.requests) == calls


@pytest.mark.parametrize("at", [12, 60])
def test_an_interrupted_run_ends_quietly_and_the_next_goes_on(
    environment: dict[str, str], tmp_path: Path, server: OpenAIServer, at: int
) -> None:
    write_problems(tmp_path / "boxes.jsonl", boxes(4))
    names = ("context-only", "no-crossover")  # the second starts after some 60 calls, on an event loop of its own
    arguments = [
        "run",
        *names,
        "--quick",
        "--dataset",
        "boxes.jsonl",
        "--model",
        server.name(),
        "--yes",
        "--output",
        "o",
    ]
    with subprocess.Popen(
        [*LAB, *arguments], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as first:
        until(lambda: len(server.requests) >= at, first)
        first.send_signal(signal.SIGINT)
        _, stderr = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "Traceback" not in stderr
    assert "Error" not in stderr
    assert "interrupted; what came is kept, and the same command goes on" in stderr
    assert (tmp_path / "o" / "records" / "answers.jsonl").exists()
    done = run(environment, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    book = RecordBook(tmp_path / "o" / "records")
    assert len(server.requests) - len(book.answers) - len(book.drafts) <= 8 + 4 * 15, "a guess is a call of its own"


def test_a_paid_run_asks_on_a_terminal(environment: dict[str, str], tmp_path: Path, server: OpenAIServer) -> None:
    write_problems(tmp_path / "boxes.jsonl", boxes(2))
    leader, follower = pty.openpty()
    arguments = [
        "run",
        "context-only",
        "--quick",
        "--dataset",
        "boxes.jsonl",
        "--model",
        server.name(),
        "--output",
        "o",
    ]
    running = subprocess.Popen(
        [*LAB, *arguments], cwd=tmp_path, env=environment, stdin=follower, stderr=subprocess.PIPE, text=True
    )
    os.write(leader, b"n\n")
    _, stderr = running.communicate(timeout=120)
    os.close(leader)
    os.close(follower)
    assert "Go on? [y/N]" in stderr
    assert running.returncode == 1
    assert not server.requests


def test_inspect_finds_the_experiments_and_plays_into_the_same_records(
    environment: dict[str, str], tmp_path: Path
) -> None:
    write_problems(tmp_path / "boxes.jsonl", boxes(2))
    script = tmp_path / "script.json"
    note = {"kind": "fact", "text": "1 boxes", "subject": "boxes", "value": "1", "parts": []}
    rules: list[dict[str, Any]] = [
        {"tools": "write_notes", "replies": [{"tool": "write_notes", "args": {"notes": [note]}}]},
        {"contains": "boxes", "replies": ["The answer is 1."]},
    ]
    script.write_text(json.dumps({"rules": rules}))
    inspect = [
        str(Path(sys.executable).with_name("inspect")),
        "eval",
        "sleeptime/context-only",
        "sleeptime/no-crossover",
    ]
    given = ["--model", "none", "--log-dir", "logs", "--display", "none", "-T", f"model=scripted:{script}"]
    given += ["-T", "dataset=boxes.jsonl", "-T", "output=out"]
    done = subprocess.run(
        [*inspect, *given], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "logs").glob("*.eval"))) == 2
    made = run(environment, tmp_path, "report", "--output", "out", "--json")
    assert made.returncode == 0, made.stderr
    assert list(json.loads(made.stdout)["experiments"]) == ["context-only", "no-crossover"]
    played = (tmp_path / "out" / "records" / "answers.jsonl").read_bytes()
    more = ["run", "context-only", "no-crossover", "--dataset", "boxes.jsonl", "--model", f"scripted:{script}"]
    again = run(environment, tmp_path, *more, "--output", "out")
    assert again.returncode == 0, again.stderr
    assert played
    assert not (tmp_path / "out" / "logs").exists(), "nothing was left to play"
