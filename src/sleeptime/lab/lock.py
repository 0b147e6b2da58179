"""Lock: one process at a time writes to a folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sleeptime.core.errors import InputError


class FolderLock:
    """Held from when it is made until `release`, or until the process ends in whatever way. Leaves no file behind.

    Args:
        folder: made when it is not there.

    Raises:
        InputError: somebody else holds it.
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise InputError(
                f"another run writes to {folder}; wait until it ends, or choose another --output"
            ) from error

    def release(self) -> None:
        """Let others write."""
        os.close(self._descriptor)
