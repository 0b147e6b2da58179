"""Sleeper: what sleep with a model leaves for a task, notes about its related changes, each change studied once."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from pydantic_ai.models import Model

from sleeptime.core.note import Note
from sleeptime.swe.book import Book, Slept
from sleeptime.swe.explore import Sibling, explore
from sleeptime.swe.ground import Ground
from sleeptime.swe.tasks import Related


class Sleeper:
    """Studies changes, and keeps what it wrote.

    Args:
        book: where sleeps are kept.
        model: gives the model, metered, capped and retried as the caller likes.
        steps: budget of the sleep on one change.
    """

    def __init__(self, book: Book, model: Callable[[], Model], steps: int) -> None:
        self._book = book
        self._model = model
        self._steps = steps
        self._studying: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def notes(self, repository: str, ground: Ground, changes: Sequence[Related]) -> list[Note]:
        """The notes about changes that hold at a commit.

        Args:
            repository: name of it.
            ground: it, at the commit.
            changes: in the order of their notes.

        Raises:
            SleeptimeError: a call of the model failed; what was written before is kept.
        """
        blobs = set(ground.contents.values())
        notes = [note for change in changes for note in await self._slept(repository, ground, change)]
        return [note for note in notes if note.holds(blobs, is_same_version=False)]

    async def _slept(self, repository: str, ground: Ground, related: Related) -> tuple[Note, ...]:
        """Notes about one change; it is studied once for each state of its files."""
        contents = ground.contents
        there = tuple(path for path in related.files if path in contents)
        if not there:
            return ()
        state = hashlib.sha256("\n".join(f"{path} {contents[path]}" for path in there).encode("utf-8", "replace"))
        key = repository, f"{related.commit} {state.hexdigest()[:16]}"
        async with self._studying[key]:
            if key not in self._book.sleeps:
                began_s = time.perf_counter()
                sibling = Sibling(related.commit, ground.message(related), there)
                draft = await explore(self._model(), ground.tools, sibling, contents, steps=self._steps)
                self._book.add(Slept(*key, draft.notes, draft.usage, time.perf_counter() - began_s))
        return self._book.sleeps[key].notes
