"""Player: answers one task by one arm, and keeps what it came to. Everything it sees is of the task's base commit."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.call import Phase
from sleeptime.core.errors import InputError
from sleeptime.core.note import Note
from sleeptime.sources.entry import printable
from sleeptime.swe.arms import Arm, Play, random_files, recent_files, text_files, usual_size
from sleeptime.swe.attempt import Search, attempt, told_notes
from sleeptime.swe.book import Answer, Book, Slept
from sleeptime.swe.explore import Sibling, explore
from sleeptime.swe.history import is_source
from sleeptime.swe.index import Index
from sleeptime.swe.repository import Repository
from sleeptime.swe.scratch import Scratch
from sleeptime.swe.tasks import Related, Task
from sleeptime.swe.tools import Tools

KEPT: Final = 4
"""Base commits whose index is kept; answers to one task come together."""
NUM_FOUND: Final = 12
"""Files that a search tells an agent of."""

Models = Callable[[Phase], Model]
"""The model for a phase: metered, capped and retried as the caller likes."""


class Ground:
    """A repository at the base commit of a task, with what reads and searches it; each made when it is first used."""

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

    def message(self, related: Related) -> str:
        """What an earlier change says of itself; of one that is not earlier, the title that its task tells."""
        try:
            return next(self.repository.at(related.commit).commits(1)).message
        except InputError:
            return related.title

    @cached_property
    def contents(self) -> dict[str, str]:
        """The blob of each text file, by path."""
        files = self.repository.files()
        return {path: files[path].blob for path in text_files(self.repository)}


@dataclass(slots=True)
class Grounds:
    """A repository that tasks are played on.

    Args:
        repository: at a commit that every task's base is before.
        index_at: makes the index of a repository at a commit.
    """

    repository: Repository
    index_at: Callable[[Repository], Index]
    _kept: OrderedDict[str, Ground] = field(default_factory=OrderedDict)

    def of(self, task: Task) -> Ground:
        """The repository as the task may see it.

        Raises:
            InputError: its base commit is not before the commit that the repository is at.
        """
        base = task.base_commit
        if base not in self._kept:
            self._kept[base] = Ground(self.repository.at(base), self.index_at)
        self._kept.move_to_end(base)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[base]


class Player:
    """Answers tasks, and keeps records.

    Args:
        grounds: the repositories, by name.
        book: where records go.
        models: None where no arm needs one.
        sleep_steps: budget of the sleep on one change.
    """

    def __init__(self, grounds: Mapping[str, Grounds], book: Book, models: Models | None, *, sleep_steps: int) -> None:
        self._grounds = grounds
        self._book = book
        self._models = models
        self._sleep_steps = sleep_steps
        self._sleeping: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def play(self, play: Play) -> Answer:
        """Answer, and keep the answer.

        Raises:
            SleeptimeError: a call of the model failed; nothing is kept of this answer, so it is played again.
        """
        answer = await self._by_agent(play) if play.arm.needs_model else self._without_model(play)
        self._book.add(answer)
        return answer

    def _without_model(self, play: Play) -> Answer:
        task = play.task
        ground = self._grounds[play.repository].of(task)
        size = ground.size
        index = ground.index if play.arm in (Arm.CONTENT, Arm.INDEX) else None  # made by sleep, before the query
        began_s = time.perf_counter()
        match play.arm:
            case Arm.RANDOM:
                predicted = random_files(ground.repository, size, Random(f"{task.id} {play.seed}"))
            case Arm.RECENCY:
                predicted = recent_files(ground.repository, size)
            case Arm.CONTENT:
                assert index is not None
                predicted = index.signal("content", task.query)[:size]
            case _:
                assert index is not None
                predicted = index.predict(task.query)
        latency_s = time.perf_counter() - began_s
        source = ground.index.predict(task.query, source_only=True) if play.arm is Arm.INDEX else _source(predicted)
        return Answer(*play.key, predicted, source, latency_s=latency_s, digest=play.digest)

    async def _by_agent(self, play: Play) -> Answer:
        assert self._models is not None, "an agent has a model"
        task = play.task
        ground = self._grounds[play.repository].of(task)
        search = await self._search(play.repository, ground, task) if play.arm is Arm.AGENT_NOTES else None
        began_s = time.perf_counter()
        with Scratch(ground.repository) as scratch:
            made = await attempt(
                self._models(Phase.WAKE),
                scratch,
                ground.tools,
                task.query,
                steps=play.steps,
                search=search,
                related=task.related if play.arm is Arm.AGENT_RELATED else (),
                settings=ModelSettings(seed=play.seed),
            )
        if made.work.error is not None:
            raise made.work.error
        latency_s = time.perf_counter() - began_s
        work, predicted = made.work, made.modified
        used = work.steps, str(work.end), work.usage, latency_s, play.digest
        return Answer(*play.key, predicted, _source(predicted), *used)

    async def _search(self, name: str, ground: Ground, task: Task) -> Search:
        """What sleep leaves for a task: the index, and notes about its related changes that hold at its base."""
        notes = [note for related in task.related for note in await self._slept(name, ground, related)]
        index = ground.index
        return lambda query: told_search(index, notes, query)

    async def _slept(self, name: str, ground: Ground, related: Related) -> tuple[Note, ...]:
        """Notes about one change, true of its files as they are at the base; sleep once for each state of those."""
        assert self._models is not None, "an agent has a model"
        contents = ground.contents
        there = tuple(path for path in related.files if path in contents)
        if not there:
            return ()
        state = hashlib.sha256("\n".join(f"{path} {contents[path]}" for path in there).encode("utf-8", "replace"))
        change = f"{related.commit} {state.hexdigest()[:16]}"
        async with self._sleeping[f"{name} {change}"]:
            slept = self._book.sleeps.get((name, change))
            if slept is None:
                began_s = time.perf_counter()
                draft = await explore(
                    self._models(Phase.SLEEP),
                    ground.tools,
                    Sibling(related.commit, ground.message(related), there),
                    contents,
                    steps=self._sleep_steps,
                )
                slept = Slept(name, change, draft.notes, draft.usage, time.perf_counter() - began_s)
                self._book.add(slept)
        blobs = set(contents.values())
        return tuple(note for note in slept.notes if note.holds(blobs, is_same_version=False))


def _source(predicted: Sequence[str]) -> tuple[str, ...]:
    return tuple(filter(is_source, predicted))


def told_search(index: Index, notes: Sequence[Note], query: str) -> str:
    """What sleep left about a query, in words for a model."""
    found = index.search(query, NUM_FOUND)
    lines = [f"{rank}. {printable(file.path)} ({'; '.join(file.reasons)})" for rank, file in enumerate(found, 1)]
    told = "\n".join(["Files that a change like this may touch, best first:", *lines])
    about = told_notes(notes, query)
    return f"{told}\n\nNotes:\n{about}" if about else told
