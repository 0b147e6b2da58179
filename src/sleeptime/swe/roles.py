"""Roles: which files play the same part for different things.

``api/orders.py`` and ``api/parcels.py`` have one role, ``tests/test_order.py`` and ``tests/test_parcel.py`` another:
their paths are the same but for one word, the subject. So what a change did for one thing tells what it takes for
another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sleeptime.swe.terms import stems_of, term_id, words_of

if TYPE_CHECKING:
    import numpy as np

_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of paths, and the subject of each path in them. A row is one of the words of a path.

    Args:
        paths: number of the path of each row, ascending, int32 ``(N,)``.
        roles: what is left of the path without the word, as a number from 0, int32 ``(N,)``.
        subjects: the word, as a number from 0, int32 ``(N,)``.
    """

    paths: np.ndarray
    roles: np.ndarray
    subjects: np.ndarray

    @classmethod
    def of(cls, paths: Sequence[str]) -> Roles:
        """Read paths; each is known by its place."""
        import numpy as np

        numbers, roles, subjects = list[int](), list[int](), list[int]()
        for number, path in enumerate(paths):
            words = Counter(word for piece in words_of(path) for word in _words(piece))
            whole = sum(word * times for word, times in words.items())
            for word, times in words.items():
                numbers.append(number)
                roles.append((whole - word * times + times) & _MASK)
                subjects.append(word)
        dense = [np.unique(np.array(ids, np.uint64), return_inverse=True)[1] for ids in (roles, subjects)]
        return cls(np.array(numbers, np.int32), dense[0].astype(np.int32), dense[1].astype(np.int32))

    def among(self, numbers: np.ndarray) -> Roles:
        """Those of some paths alone, known by their places among these; only roles that several of them have.

        Args:
            numbers: of the paths.
        """
        import numpy as np

        rows, sizes = self._rows(numbers)
        places, roles, subjects = np.repeat(np.arange(len(numbers)), sizes), self.roles[rows], self.subjects[rows]
        is_shared = np.bincount(roles)[roles] > 1
        return Roles(places[is_shared].astype(np.int32), roles[is_shared], subjects[is_shared])

    def of_paths(self, numbers: np.ndarray) -> np.ndarray:
        """The roles that some paths have, each once.

        Args:
            numbers: of the paths.
        """
        import numpy as np

        found: np.ndarray = np.unique(self.roles[self._rows(numbers)[0]])
        return found

    def _rows(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of some paths, one path after the other, and how many each has."""
        import numpy as np

        begins = np.searchsorted(self.paths, numbers)
        sizes = np.searchsorted(self.paths, numbers, side="right") - begins
        ends = np.cumsum(sizes)
        return np.arange(int(sizes.sum())) + np.repeat(begins - (ends - sizes), sizes), sizes


@lru_cache(maxsize=1 << 16)
def _words(piece: str) -> tuple[int, ...]:
    return tuple(map(term_id, stems_of(piece)))
