"""Commands in this process, as in the tests of the other commands, and a repository to be filled."""

from pathlib import Path

import pytest

from tests.integration.cli.conftest import cli
from tests.support.repositories import History

__all__ = ["cli"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "repo"


@pytest.fixture
def history(path: Path) -> History:
    return History(path, is_bare=True)
