"""Player: answers one task by one arm, and keeps what it came to. Everything it sees is of the task's base commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from sleeptime.core.call import Phase
from sleeptime.core.note import Note
from sleeptime.sources.entry import printable
from sleeptime.swe.arms import Arm, Play, random_files, recent_files
from sleeptime.swe.attempt import Search, attempt, told_notes
from sleeptime.swe.book import Answer, Book
from sleeptime.swe.ground import Ground, Grounds
from sleeptime.swe.history import is_source
from sleeptime.swe.index import Index
from sleeptime.swe.scratch import Scratch
from sleeptime.swe.sleeper import Sleeper

NUM_FOUND: Final = 12
"""Files that a search tells an agent of."""

Models = Callable[[Phase], Model]
"""The model for a phase: metered, capped and retried as the caller likes."""


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
        self._sleeper = Sleeper(book, lambda: self._model(Phase.SLEEP), sleep_steps)

    async def play(self, play: Play) -> Answer:
        """Answer, and keep the answer.

        Raises:
            SleeptimeError: a call of the model failed; nothing is kept of this answer, so it is played again.
        """
        ground = self._grounds[play.repository].of(play.task)
        answer = await self._by_agent(play, ground) if play.arm.needs_model else _without_model(play, ground)
        self._book.add(answer)
        return answer

    async def _by_agent(self, play: Play, ground: Ground) -> Answer:
        search = await self._search(play, ground) if play.arm is Arm.AGENT_NOTES else None
        began_s = time.perf_counter()
        with Scratch(ground.repository) as scratch:
            made = await attempt(
                self._model(Phase.WAKE),
                scratch,
                ground.tools,
                play.task.query,
                steps=play.steps,
                search=search,
                related=play.task.related if play.arm is Arm.AGENT_RELATED else (),
                settings=ModelSettings(seed=play.seed),
            )
        work, predicted, latency_s = made.work, made.modified, time.perf_counter() - began_s
        if work.error is not None:
            raise work.error
        used = work.steps, str(work.end), work.usage, latency_s, play.digest
        return Answer(*play.key, predicted, _source(predicted), *used)

    async def _search(self, play: Play, ground: Ground) -> Search:
        """What sleep leaves for a task: the index, and notes about its related changes that hold at its base."""
        notes = await self._sleeper.notes(play.repository, ground, play.task.related)
        index = ground.index
        return lambda query: told_search(index, notes, query)

    def _model(self, phase: Phase) -> Model:
        assert self._models is not None, "an agent has a model"
        return self._models(phase)


def _without_model(play: Play, ground: Ground) -> Answer:
    size = ground.size
    if play.arm in (Arm.CONTENT, Arm.INDEX):
        _ = ground.index  # made by sleep, before the query
    began_s = time.perf_counter()
    predicted = _predicted(play, ground, size)
    latency_s = time.perf_counter() - began_s
    is_index = play.arm is Arm.INDEX
    source = ground.index.predict(play.task.query, source_only=True) if is_index else _source(predicted)
    return Answer(*play.key, predicted, source, latency_s=latency_s, digest=play.digest)


def _predicted(play: Play, ground: Ground, size: int) -> tuple[str, ...]:
    match play.arm:
        case Arm.RANDOM:
            return random_files(ground.repository, size, Random(f"{play.task.id} {play.seed}"))
        case Arm.RECENCY:
            return recent_files(ground.repository, size)
        case Arm.CONTENT:
            return ground.index.signal("content", play.task.query)[:size]
        case _:
            return ground.index.predict(play.task.query)


def _source(predicted: Sequence[str]) -> tuple[str, ...]:
    return tuple(filter(is_source, predicted))


def told_search(index: Index, notes: Sequence[Note], query: str) -> str:
    """What sleep left about a query, in words for a model."""
    found = index.search(query, NUM_FOUND)
    lines = [f"{rank}. {printable(file.path)} ({'; '.join(file.reasons)})" for rank, file in enumerate(found, 1)]
    told = "\n".join(["Files that a change like this may touch, best first:", *lines])
    about = told_notes(notes, query)
    return f"{told}\n\nNotes:\n{about}" if about else told
