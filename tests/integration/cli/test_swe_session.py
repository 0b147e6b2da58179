"""An end by Ctrl-C of a command that computes, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys

ENDLESS = """
import asyncio
from sleeptime.cli.swe.session import interruptible

async def compute():
    try:
        print("computing", flush=True)
        while True:
            pass
    finally:
        await asyncio.sleep(0)
        print("closed", flush=True)

with interruptible("what was worked out is kept"):
    asyncio.run(compute())
"""


def test_work_that_computes_ends_at_the_first_interrupt_and_closes_what_is_open() -> None:
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == b"computing\n"
            running.send_signal(signal.SIGINT)
            out, remarks = running.communicate(timeout=60)
        finally:
            running.kill()
    assert out == b"closed\n"
    assert remarks.startswith(b"interrupted; what was worked out is kept\n")
