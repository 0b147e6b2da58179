"""Runs commands of the command line in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sleeptime.cli import main
from tests.support.commands import Cli, Done


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command in an empty folder with a database of its own."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("SLEEPTIME_DATABASE_URL", f"sqlite:///{tmp_path}/test.db")
    monkeypatch.setenv("SLEEPTIME_MODEL", "scripted:script.json")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["sleeptime", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        captured = capsys.readouterr()
        assert isinstance(exited.value.code, int)
        assert "Traceback" not in captured.err
        return Done(exited.value.code, captured.out, captured.err)

    return run
