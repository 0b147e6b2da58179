"""Process: the dead are told from the living on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

from sleeptime.core.worker import Worker, WorkerState
from sleeptime.jobs.process import has_ended, this_host


def worker(pid: int) -> Worker:
    now = datetime.now(UTC)
    return Worker(id="w", host="h", pid=pid, state=WorkerState.WORKING, started_at=now, heartbeat_at=now)


def test_a_living_process_has_not_ended() -> None:
    assert not has_ended(worker(os.getpid()))
    assert not has_ended(worker(1)), "nor has another user's"


def test_a_process_that_ended_has_whether_its_parent_noticed_or_not() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()  # closed when it ends
    while not has_ended(worker(process.pid)):
        pass
    process.wait()
    process.stdout.close()
    assert has_ended(worker(process.pid))


def test_a_host_is_the_same_for_every_process_on_it() -> None:
    command = "from sleeptime.jobs.process import this_host; print(this_host())"
    told = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == this_host()
