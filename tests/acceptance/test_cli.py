"""The command line as a user runs it: real processes, real databases, this repository's own docs."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SLEEPTIME = [sys.executable, "-W", "error", "-m", "sleeptime"]
TOKEN_CLASSES = {
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
}
NOTES = [
    {
        "kind": "fact",
        "text": "A part is addressed by its sha256.",
        "subject": "part address",
        "parts": ["docs/glossary.md"],
    },
    {
        "kind": "derived",
        "text": "Five levels of verbosity",
        "subject": "levels",
        "value": "5",
        "derivation": "4 + 1 = 5",
        "parts": ["docs/settings.md"],
    },
]
SCRIPT = {
    "rules": [
        {"tools": "write_notes", "replies": [{"tool": "write_notes", "args": {"notes": NOTES}}]},
        {"contains": "addressed", "replies": ["By its sha256. The answer is sha256."]},
    ]
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the user's own settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SLEEPTIME_")}
    return {
        **inherited,
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT / "src"),
    }


def run(environment: dict[str, str], *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SLEEPTIME, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def run_json(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    done = run(environment, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


DOCS = [f"docs/decisions/{page.name}" for page in sorted((ROOT / "docs/decisions").glob("0*.md"))[:5]]
"""Five pages of ours, which one prompt holds."""


def test_the_main_job_on_our_own_docs(environment: dict[str, str], database_url: str, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    environment |= {"SLEEPTIME_DATABASE_URL": database_url, "SLEEPTIME_MODEL": f"scripted:{script}"}

    added = run_json(environment, "add", "our docs", *DOCS)
    assert added["context"] == "our docs"
    assert added["is_new"]
    assert added["parts"] >= 5
    assert run_json(environment, "add", "our docs", *DOCS)["is_new"] is False

    slept = run_json(environment, "sleep", "our docs", "--strategy", "notes", "--drafts", "2")
    assert {"context", "version", "outcome", "notes", "usage", "cost_usd"} <= slept.keys()
    assert (slept["context"], slept["version"], slept["outcome"], slept["cost_usd"]) == ("our docs", 1, "wrote", 0.0)
    assert [note["text"] for note in slept["notes"]] == [note["text"] for note in NOTES]
    assert slept["usage"].keys() == TOKEN_CLASSES
    assert slept["usage"]["output_tokens"] > 0

    asked = run_json(environment, "ask", "our docs", "How is a part addressed?", "--budget", "v0")
    assert asked["answer"] == "By its sha256. The answer is sha256."
    assert (asked["route"], asked["budget"], asked["cost_usd"]) == ("notes", "v0", 0.0)
    assert asked["notes_used"] == [note["id"] for note in slept["notes"]]
    assert asked["usage"].keys() == TOKEN_CLASSES
    assert asked["latency_s"] >= 0

    full = run_json(environment, "ask", "our docs", "How is a part addressed?", "--budget", "v0", "--route", "full")
    assert (full["route"], full["notes_used"], full["version"]) == ("full", [], None)

    notes = run_json(environment, "notes", "our docs")
    assert (notes["version"], notes["status"]) == (1, "live")
    assert all(note["in_service"] and note["votes"] == 2 for note in notes["notes"])

    ledger = run_json(environment, "ledger", "our docs")
    assert {phase: totals["calls"] for phase, totals in ledger["totals"].items()} == {"sleep": 2, "wake": 2}
    assert all(row.keys() >= TOKEN_CLASSES | {"phase", "model", "tier", "cost_usd"} for row in ledger["rows"])
    assert ledger["totals"]["sleep"]["output_tokens"] == slept["usage"]["output_tokens"]
    (saving,) = ledger["savings"]
    assert (saving["budget"], saving["with_notes"]["queries"], saving["without_notes"]["queries"]) == ("v0", 1, 1)


@pytest.fixture
def silent_server() -> Iterator[tuple[str, threading.Event]]:
    """A model server that takes a request and never answers it; the event tells that it came."""
    came, stop = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.set()
            stop.wait(60)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", came
    stop.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_interrupted_sleep_ends_with_130_and_leaves_what_was_live(
    environment: dict[str, str], tmp_path: Path, silent_server: tuple[str, threading.Event]
) -> None:
    url, came = silent_server
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    assert run(environment, "add", "docs", *DOCS).returncode == 0
    assert run_json(environment, "sleep", "docs", "--model", f"scripted:{script}")["version"] == 1
    running = subprocess.Popen(
        [*SLEEPTIME, "sleep", "docs", "--model", f"openai-compatible:{url}#silent", "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert came.wait(90)
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr
    assert "interrupted" in stderr
    notes = run_json(environment, "notes", "docs")
    assert [(item["version"], item["status"]) for item in notes["versions"]] == [(1, "live")]
    totals = run_json(environment, "ledger", "docs")["totals"]["sleep"]
    assert (totals["calls"], totals["failed_calls"], totals["cost_usd"]) == (2, 1, None)


def test_a_table_in_a_pipe_is_not_cut_and_stderr_stays_quiet(environment: dict[str, str], tmp_path: Path) -> None:
    long = "a long statement " * 30
    script = tmp_path / "script.json"
    note = {"kind": "text", "text": long.strip()}
    script.write_text(json.dumps({"replies": [{"tool": "write_notes", "args": {"notes": [note]}}]}))
    run(environment, "add", "docs", *DOCS)
    done = run({**environment, "COLUMNS": "40"}, "sleep", "docs", "--model", f"scripted:{script}")
    assert done.returncode == 0
    assert long.strip() in done.stdout
    assert done.stderr == ""


def test_progress_is_shown_on_a_terminal_alone(environment: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    shown: list[bytes] = []

    def watch() -> None:
        try:
            while piece := os.read(leader, 4096):
                shown.append(piece)
        except OSError:  # the terminal is gone once nothing holds its other end
            return

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = subprocess.run(
        [*SLEEPTIME, "add", "docs", "docs", "--json"],
        cwd=ROOT,
        env={**environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=follower,
        check=True,
        timeout=120,
    )
    os.close(follower)
    watcher.join()
    os.close(leader)
    assert b"reading" in b"".join(shown)
    assert json.loads(done.stdout)["is_new"]


def test_a_reader_that_leaves_early_ends_it_without_a_traceback(environment: dict[str, str]) -> None:
    run(environment, "add", "docs", *DOCS)
    done = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(SLEEPTIME)} notes docs --json | true; {' '.join(SLEEPTIME)} --help | true"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_importing_costs_little_more_than_starting_python(environment: dict[str, str]) -> None:
    def seconds(code: str) -> float:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); {code}"], check=True
        )
        return time.perf_counter() - began

    plain = min(seconds("") for _ in range(5))
    with_import = min(seconds("import sleeptime") for _ in range(5))
    assert with_import - plain < 0.1


@pytest.mark.parametrize(
    ("redirection", "code"), [("<&-", 2), (">&-", 0), ("2>&-", 0), (">/dev/full", 1), (">&- 2>&- <&-", 0)]
)
def test_streams_that_are_closed_or_full_give_no_traceback(
    environment: dict[str, str], tmp_path: Path, redirection: str, code: int
) -> None:
    command = f"{sys.executable} -W error -m sleeptime add c {'-' if redirection == '<&-' else 'a.md'} {redirection}"
    (tmp_path / "a.md").write_text("text")
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ") == (code != 0)


def test_an_interrupted_add_does_not_wait_for_its_pipe(environment: dict[str, str], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    running = subprocess.Popen(
        [*SLEEPTIME, "add", "c", str(pipe)], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        writer = _opened_once_it_is_read(pipe)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=60)
    finally:
        running.kill()
    os.close(writer)
    assert running.returncode == 130
    assert "Traceback" not in stderr
    assert run(environment, "notes", "c").returncode == 1


def _opened_once_it_is_read(pipe: Path, wait_s: float = 90.0) -> int:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            assert time.monotonic() < deadline
            time.sleep(0.05)
