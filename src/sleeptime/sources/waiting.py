"""Reads that may wait for as long as somebody likes (a pipe, a terminal, standard input), and that can be given up.

A thread that waits inside a read cannot be stopped, and Python would wait for it at its end. So the thread waits in
short steps for something to read, and looks in between whether it is still wanted.
"""

import os
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import anyio

STEP_S: Final = 0.1
"""How long a read that is given up goes on waiting."""

_CHUNK: Final = 1 << 16


class GivenUp(Exception):
    """The task that this thread reads for has ended; nobody sees this error."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whether what a worker thread reads is still wanted; `give_up` is called from outside it."""

    _is_over: threading.Event = field(default_factory=threading.Event)

    def give_up(self) -> None:
        """Tell the thread to stop."""
        self._is_over.set()

    def check(self) -> None:
        """Raise when the reading was given up. Call it in a worker thread of anyio."""
        if self._is_over.is_set():
            raise GivenUp
        anyio.from_thread.check_cancelled()


def read_path(path: Path, max_bytes: int, wanted: Wanted) -> bytes:
    """At most `max_bytes` of a file, a pipe or a device; raises OSError."""
    # Opened without waiting for the other end of a pipe: that is waited for below.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _read(descriptor, lambda size: os.read(descriptor, size), max_bytes, wanted)
    finally:
        os.close(descriptor)


def read_stream(stream: BinaryIO, max_bytes: int, wanted: Wanted) -> bytes:
    """At most `max_bytes` of a stream that is open already."""
    read_some = getattr(stream, "read1", None)
    try:
        descriptor = stream.fileno()
    except (OSError, AttributeError):  # a stream in memory
        return stream.read(max_bytes)
    if read_some is None:
        return stream.read(max_bytes)
    return _read(descriptor, read_some, max_bytes, wanted)


def _read(descriptor: int, read_some: Callable[[int], bytes], max_bytes: int, wanted: Wanted) -> bytes:
    chunks: list[bytes] = []
    room = max_bytes
    while room > 0:
        wanted.check()
        if not _is_ready(descriptor):
            continue
        try:
            chunk = read_some(min(room, _CHUNK))
        except BlockingIOError:
            continue
        if not chunk:
            break
        chunks.append(chunk)
        room -= len(chunk)
    return b"".join(chunks)


def _is_ready(descriptor: int) -> bool:
    """Whether a read would not wait; waits a step for it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(STEP_S * 1000))
