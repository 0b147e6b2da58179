"""Ground: a repository at the base commit of a task, with what reads and searches it; the newest few are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.swe.arms import text_files, usual_size
from sleeptime.swe.index import Index
from sleeptime.swe.repository import Repository
from sleeptime.swe.tasks import Related, Task
from sleeptime.swe.tools import Tools

KEPT: Final = 4
"""Base commits whose index is kept; answers to one task come together."""


class Ground:
    """A repository at one commit; what reads and searches it is made when it is first used.

    Args:
        repository: at the commit.
        index_at: makes the index of a repository.
    """

    def __init__(self, repository: Repository, index_at: Callable[[Repository], Index]) -> None:
        self.repository = repository
        self._index_at = index_at

    @cached_property
    def tools(self) -> Tools:
        """Reads it."""
        return Tools(self.repository)

    @cached_property
    def index(self) -> Index:
        """Searches it."""
        return self._index_at(self.repository)

    @cached_property
    def size(self) -> int:
        """How many files its changes usually modify."""
        return usual_size(self.repository)

    @cached_property
    def contents(self) -> dict[str, str]:
        """The blob of each text file, by path."""
        files = self.repository.files()
        return {path: files[path].blob for path in text_files(self.repository)}

    def message(self, related: Related) -> str:
        """What an earlier change says of itself; of one that is not earlier, the title that its task tells."""
        try:
            return next(self.repository.at(related.commit).commits(1)).message
        except InputError:
            return related.title


class Grounds:
    """A repository that tasks are played on.

    Args:
        repository: at a commit that every task's base is before.
        index_at: makes the index of a repository at a commit.
    """

    def __init__(self, repository: Repository, index_at: Callable[[Repository], Index]) -> None:
        self._repository = repository
        self._index_at = index_at
        self._kept: OrderedDict[str, Ground] = OrderedDict()

    def of(self, task: Task) -> Ground:
        """The repository as the task may see it.

        Raises:
            InputError: its base commit is not before the commit that the repository is at.
        """
        base = task.base_commit
        if base not in self._kept:
            self._kept[base] = Ground(self._repository.at(base), self._index_at)
        self._kept.move_to_end(base)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[base]
