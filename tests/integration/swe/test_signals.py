"""Each signal by itself puts the file first that it alone has a reason for."""

from __future__ import annotations

import pytest

from sleeptime.swe.index import Index
from sleeptime.swe.repository import Repository
from sleeptime.swe.signals import NAMES
from tests.support.repositories import Content, History

FIRST = {
    "content": "said.py",
    "symbols": "defined.py",
    "path": "zoo/walrus.py",
    "messages": "touched.py",
    "similar": "touched.py",
    "together": "beside.py",
    "recent": "busy.py",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Files that have to do with a walrus, each in a way of its own, among others that have not."""
    history = History(tmp_path_factory.mktemp("zoo") / "repo", is_bare=True)
    files: dict[str | bytes, Content | None] = {f"other{number}.py": f"other = {number}\n" for number in range(10)}
    files |= {"said.py": "# a walrus, a walrus, a walrus\n", "defined.py": "def walrus(): pass\n"}
    files |= {"zoo/walrus.py": "n = 1\n", "touched.py": "n = 2\n", "beside.py": "n = 3\n", "busy.py": "n = 4\n"}
    history.commit("begin", files)
    history.commit("feed the walrus", {"touched.py": "n = 6\n"})
    for number in range(3):
        history.commit("quicker", {"said.py": f"# a walrus, a walrus, a walrus {number}\n", "beside.py": f"{number}\n"})
    for number in range(9):
        history.commit("smaller", {"busy.py": f"n = {number + 10}\n"})
    return Index.build(Repository.open(history.path), replays=0)


@pytest.mark.parametrize("name", FIRST)
def test_a_signal_finds_its_file(index: Index, name: str) -> None:
    found = [path for path in index.signal(name, "feed the walrus") if path != "said.py" or name == "content"]
    assert found[0] == FIRST[name]


def test_there_is_no_other_signal_than_these_and_that_of_analogous_changes() -> None:
    assert {*FIRST, "analogous"} == set(NAMES)  # which has a test of its own, in test_index.py
