"""A file that lines are put behind holds whole lines, whatever the disk does."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sleeptime.lab.lines import LineFile, read_lines


@contextmanager
def _full_at(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_for_which_the_disk_has_no_room_leaves_nothing_and_the_next_one_is_whole(tmp_path: Path) -> None:
    file, found = LineFile(tmp_path / "lines.jsonl"), list[dict[str, Any]]()
    file.add(json.dumps({"number": 1}) + "\n")
    with _full_at(20), pytest.raises(OSError, match="too large"):
        file.add(json.dumps({"number": 2}) + "\n")
    file.add(json.dumps({"number": 3}) + "\n")
    file.close()
    read_lines(tmp_path / "lines.jsonl", found.append)
    assert found == [{"number": 1}, {"number": 3}]
