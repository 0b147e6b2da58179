"""Mainline: the commits of a repository, each read once.

They are kept in packs: a pack is a stretch of commits under the id of its newest one, and the parent of its oldest one
is in the next pack. A build adds what it has read as a pack; where a pack is at least half as long as the next older
one, both become one. So n commits are in about log2(n) packs, and each was written about as often.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from sleeptime.core.counted import counted
from sleeptime.swe.cache import MANY, Cache
from sleeptime.swe.repository import Edge
from sleeptime.swe.stretch import Stretch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sleeptime.swe.cache import Warn
    from sleeptime.swe.history import Commit
    from sleeptime.swe.repository import Repository

_KIND: Final = "mainline"


def load_mainline(
    repository: Repository, cache: Cache | None, warn: Warn, progress: Callable[[int], None] | None = None
) -> Stretch:
    """The commits along first parents, newest first, read where they are not kept.

    Args:
        repository: at the newest of them.
        cache: where they are kept.
        warn: told of a commit that cannot be read though it should be there: with it the mainline ends.
        progress: told how many there are.
    """
    packs, found = _Packs(cache), list[Stretch]()
    following: str | None = repository.commit_id
    while following is not None:
        if (kept := packs.since(following)) is not None:
            found.append(kept)
        else:
            for part in _read(repository, following, packs):
                found.append(part)
                is_edge = repository.edge_at(part[-1]) is not None
                packs.add(part[:-1] if is_edge else part)  # what the last one changed may yet be told
                if progress is not None:
                    progress(sum(map(len, found)))
        last = found[-1][-1]
        following = last.parents[0] if last.parents and repository.edge_at(last) is None else None
    packs.settle()
    mainline = _ended(repository, Stretch.joined(found))
    repository.tell(mainline.blobs, mainline.ids[-1:])
    if repository.edge_at(mainline[-1]) is Edge.DAMAGED:
        lost = mainline.parents[-1][0]
        warn(
            f"the commit {lost} of the git repository {repository.path} is damaged or missing, see git fsck: the "
            f"history that files are ranked by begins after it, and is {counted(len(mainline), 'commit')} long"
        )
    return mainline


def _read(repository: Repository, commit_id: str, packs: _Packs) -> Iterator[Stretch]:
    """The commits from one on, so many at a time, up to one that is kept or to the last."""
    found: list[Commit] = []
    for commit in (repository if commit_id == repository.commit_id else repository.at(commit_id)).commits():
        found.append(commit)
        is_met = bool(commit.parents) and commit.parents[0] in packs
        if is_met or len(found) == MANY:
            yield Stretch.of(found)
            found = []
        if is_met:
            return
    if found:
        yield Stretch.of(found)


def _ended(repository: Repository, mainline: Stretch) -> Stretch:
    """A mainline as far as the repository has it: what is kept may have been lost since, as by `git fetch --depth`."""

    def is_last(place: int) -> bool:
        return repository.edge_at(mainline[place]) is not None

    num = len(mainline)
    if not any(map(is_last, range(max(0, num - 2), num))):
        return mainline
    place = bisect_left(range(num - 1), True, key=is_last)
    last = next(repository.at(mainline.ids[place]).commits(1))
    return Stretch.joined([mainline[:place], Stretch.of([last])])


class _Packs:
    """The packs of a cache, and those of them that make up one mainline."""

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache
        kept = [] if cache is None else [Stretch.unpacked(data) for data in cache.all(_KIND).values()]
        self._places = {
            commit_id: (pack, place)
            for pack in sorted(kept, key=len)  # of those that have a commit the longest counts
            for place, commit_id in enumerate(pack.ids)
        }
        self._chain: list[Stretch] = []
        self._is_new = False

    def __contains__(self, commit_id: object) -> bool:
        return commit_id in self._places

    def since(self, commit_id: str) -> Stretch | None:
        """The commits of a pack from one of them on; None where none has it."""
        if self._cache is None or commit_id not in self._places:
            return None
        pack, place = self._places[commit_id]
        self._cache.use(_KIND, [pack.ids[0]])
        self._chain.append(pack[place:])
        return self._chain[-1]

    def add(self, stretch: Stretch) -> None:
        """Keep commits that were read, the next of the mainline."""
        if self._cache is not None and stretch:
            self._cache.put(_KIND, {stretch.ids[0]: stretch.packed()})
            self._chain.append(stretch)
            self._is_new = True

    def settle(self) -> None:
        """After the last commit: make one of the newest packs that are long enough for the next older one."""
        if self._cache is None or not self._is_new:
            return
        num, length = 1, len(self._chain[0])
        while num < len(self._chain) and 2 * length >= len(self._chain[num]):
            length += len(self._chain[num])
            num += 1
        if num > 1:
            one, *rest = self._chain[:num]
            packed = Stretch.joined([one, *rest]).packed()
            self._cache.put(_KIND, {one.ids[0]: packed}, instead_of=[part.ids[0] for part in rest])
