"""Evaluation: plays a task through Inspect, which logs every sample; shows nothing, and writes to one folder.

Knows nothing of experiments.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspect_ai import Task


async def evaluate(task: Task, log_folder: Path, *, at_once: int, max_failures: int) -> str | None:
    """Play a task to its end, or until too much of it has failed.

    Args:
        task: to play; its solver keeps what it makes.
        log_folder: where Inspect's log goes, and what else it writes.
        at_once: samples under way at once.
        max_failures: samples that may fail before the rest is left.

    Returns:
        What the first failure said; None when there was none.

    Raises:
        CancelledError: it was interrupted; the log says so.
    """
    from inspect_ai import eval_async

    with _quietly(log_folder):
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
    failures = [sample.error.message for sample in log.samples or [] if sample.error is not None]
    if failures:
        return failures[0]
    return None if log.status == "success" else log.error.message if log.error else f"the evaluation is {log.status}"


@contextmanager
def _quietly(folder: Path) -> Iterator[None]:
    """Let Inspect show nothing, and keep its traces and the mark for its viewer below a folder instead of the home's.

    It has no arguments for either: it reads the environment.
    """
    from inspect_ai.util import display_type

    wanted = {"INSPECT_DISPLAY": "none", "XDG_DATA_HOME": str(folder.absolute())}
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
