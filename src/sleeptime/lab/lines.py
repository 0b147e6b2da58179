"""Lines: a file of JSON objects, one a line, that grows while a run goes on.

A last line that was being written when a run was stopped is none: it is not read, and the next one is written over it.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sleeptime.core.errors import InputError


def read_lines(path: Path, take: Callable[[dict[str, Any]], None]) -> None:
    """Hand over every whole line, in their order; none where there is no such file.

    Args:
        path: of the file; one that ends in ``.gz`` is unpacked.
        take: holds what a line says, and fails in any way where it says nothing.

    Raises:
        InputError: a line cannot be used; the message names it.
    """
    if not path.exists():
        return
    data = path.read_bytes()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} cannot be read ({error}); remove the folder to start anew") from error
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            parsed = json.loads(line)
            if not isinstance(parsed, dict):
                raise TypeError("not an object")
            take(parsed)
        except (KeyError, TypeError, ValueError, AttributeError, AssertionError, RecursionError) as error:
            raise InputError(
                f"line {number} of {path} is not a record ({type(error).__name__}: {error}); remove the line to go on "
                "without it"
            ) from error


class LineFile:
    """A file that lines are put behind.

    Args:
        path: made when it is not there; its folder is.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        size = os.fstat(self._descriptor).st_size
        start = max(0, size - 1)
        while size and (tail := os.pread(self._descriptor, size - start, start)).rfind(b"\n") < 0 and start:
            start = max(0, start - 65536)
        if size and (end := start + tail.rfind(b"\n") + 1) < size:
            os.ftruncate(self._descriptor, end)

    def add(self, text: str) -> None:
        """Write a line, which ends with a line feed, through to the system: whole, or not at all.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        data, size = text.encode(), os.fstat(self._descriptor).st_size
        try:
            while data:  # at once as a rule; a disk that is nearly full takes less
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
