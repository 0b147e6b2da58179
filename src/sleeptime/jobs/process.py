"""Process: what a worker tells others of itself, and whether the process of another one has ended."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from sleeptime.core.worker import Worker

_PROC = Path("/proc")


def this_host() -> str:
    """This machine and, within it, the place where process ids mean the same: containers of one name differ."""
    names = [socket.gethostname()]
    for where in ("sys/kernel/random/boot_id", "self/ns/pid"):
        path = _PROC / where
        if path.exists():  # Linux alone has them
            names.append(str(path.readlink()) if path.is_symlink() else path.read_text().strip())
    return " ".join(names)


def has_ended(worker: Worker) -> bool:
    """Whether the process of a worker on this host is no more; another one may have its number, then False."""
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is another user's
        return False
    try:
        # "pid (command) state ...": a zombie has ended, and waits for its parent to notice.
        return (_PROC / str(worker.pid) / "stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:  # no Linux, or it ended just now
        return False
