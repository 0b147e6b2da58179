"""Evaluation: plays a task through Inspect, which logs every sample; shows nothing, and writes to one folder.

Knows nothing of experiments. What samples came to is for the task's own solver to keep: Inspect reads the log back
through a patch of asyncio that stays, and changes what Ctrl-C does.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai import Task


async def evaluate(task: Task, log_folder: Path, *, at_once: int, max_failures: int) -> str:
    """Play a task to its end, or until too much of it has failed.

    Args:
        task: to play; its solver keeps what it makes.
        log_folder: where Inspect's log goes.
        at_once: samples under way at once.
        max_failures: samples that may fail before the rest is left.

    Returns:
        Why it did not come to its end, ``""`` when it did, whatever single samples came to.

    Raises:
        CancelledError: it was interrupted; the log says so.
    """
    from inspect_ai import eval_async

    with _quietly():
        logs = await eval_async(
            task,
            model=None,
            log_dir=str(log_folder),
            log_level="notset",
            log_realtime=False,
            max_samples=at_once,
            fail_on_error=max_failures,
            score_display=False,
            ctl_server=False,
        )
    if not logs or logs[0].status == "cancelled":  # it ends a cancelled task as if it were done
        raise asyncio.CancelledError
    [log] = logs
    return "" if log.status == "success" else log.error.message if log.error else f"Inspect says {log.status!r}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Let Inspect show nothing, and leave neither traces nor a mark for its viewer in the user's data folder.

    It has no arguments for either: it reads the environment.
    """
    from inspect_ai.util import display_type

    wanted = {"INSPECT_DISPLAY": "none", "XDG_DATA_HOME": _scratch()}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        display_type()  # settled when it is first asked for; `eval_async` would settle on plain
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def _scratch() -> str:
    """A folder for as long as this process lives; Inspect opens its trace once, and writes it again at the end."""
    folder = tempfile.mkdtemp(prefix="sleeptime-lab-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
