"""Engine: where the queue is kept; that it works is shown by the workers' tests."""

from __future__ import annotations

import doctest
import subprocess
import sys

from sleeptime.jobs import engine
from sleeptime.jobs.engine import queue_url


def test_the_worked_examples_hold() -> None:
    assert doctest.testmod(engine).failed == 0


def test_the_queue_is_beside_the_store_on_sqlite_and_in_it_on_postgresql() -> None:
    assert queue_url("sqlite:////data/my.store.db").database == "/data/my.store-jobs.db"
    url = queue_url("postgresql://me:secret@host:5433/sleep?sslmode=require")
    assert url.render_as_string(hide_password=False) == "postgresql://me:secret@host:5433/sleep?sslmode=require"


def test_the_package_is_imported_without_the_queue() -> None:
    modules = "sleeptime, sleeptime.app, sleeptime.cli, sleeptime.jobs.worker, sleeptime.jobs.by_hand"
    command = f"import sys, {modules}; sys.exit('dbos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
