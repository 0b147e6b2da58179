"""What every builder is asked for, and what it gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from pydantic_ai.models import Model

from sleeptime.core.errors import EmptyInput, InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.datasets.worlds import Predictability, WorldSet
from sleeptime.lab.problem import Problem

Progress = Callable[[int, int | None], None]
"""Told how much is done, and of how much; None as long as that is not known."""

DEFAULT_INSTANCES: Final = 50
"""Of each template, as in the released data of GSM-Symbolic (arXiv:2410.05229)."""


def no_progress(_done: int, _total: int | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to build. Each builder reads what it knows of this.

    Args:
        sources: files, folders, ``hub:OWNER/NAME``.
        seed: of every draw.
        limit: contexts at most; None for all there are.
        queries: queries of each context; None for the builder's own number.
        which, min_depth, max_depth, predictability: dials of generated worlds.
        instances: of each template.
        model: writes more queries.
        can_skip: leave out what cannot be used, instead of failing.
    """

    sources: tuple[str, ...] = ()
    seed: int = 0
    limit: int | None = None
    queries: int | None = None
    which: WorldSet = WorldSet.TEST
    min_depth: int = 1
    max_depth: int = 6
    predictability: Predictability = Predictability.ANY
    instances: int = DEFAULT_INSTANCES
    model: Model | None = None
    can_skip: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Build:
    """What a builder made.

    Args:
        problems: in the order of the sources, those of one context in a row.
        skipped: what was left out.
        usage: tokens of all calls that were answered.
    """

    problems: tuple[Problem, ...]
    skipped: tuple[Skipped, ...] = ()
    usage: Usage = field(default_factory=Usage)

    @property
    def num_contexts(self) -> int:
        """How many different contexts there are."""
        return len({problem.context_id for problem in self.problems})


class Collector:
    """Gathers problems with unique ids, and what is left out."""

    def __init__(self, *, can_skip: bool) -> None:
        self._can_skip = can_skip
        self.problems: dict[str, Problem] = {}
        self.skipped: list[Skipped] = []

    def add(self, where: str, problem: Problem) -> None:
        """Keep a problem.

        Raises:
            InputError: its id is taken.
        """
        if problem.id in self.problems:
            raise InputError(f"{where}: the id {problem.id!r} is taken by an earlier problem; give each source once")
        self.problems[problem.id] = problem

    def skip(self, name: str, reason: str) -> None:
        """Note what is left out."""
        self.skipped.append(Skipped(name, reason))

    @contextmanager
    def usable(self, name: str) -> Iterator[None]:
        """Leave out what fails inside, where that is allowed."""
        try:
            yield
        except InputError as error:
            if not self._can_skip:
                raise
            self.skip(name, str(error))

    def build(self, seed: int, limit: int | None) -> Build:
        """Everything gathered, or as many contexts as asked for.

        Raises:
            EmptyInput: nothing was gathered.
        """
        if not self.problems:
            first = f": {self.skipped[0].reason}" if self.skipped else ""
            raise EmptyInput(f"the sources hold no problem that can be used{first}")
        return Build(draw_contexts(list(self.problems.values()), seed, limit), tuple(self.skipped))


def draw_contexts(problems: Sequence[Problem], seed: int, limit: int | None) -> tuple[Problem, ...]:
    """Problems of at most `limit` contexts, drawn evenly, in the order they stood in, and by context."""
    by_context: dict[str, list[Problem]] = {}
    for problem in problems:
        by_context.setdefault(problem.context_id, []).append(problem)
    ids = list(by_context)
    if limit is not None and limit < len(ids):
        chosen = set(random.Random(f"limit:{seed}").sample(ids, limit))
        ids = [context_id for context_id in ids if context_id in chosen]
    return tuple(problem for context_id in ids for problem in by_context[context_id])


def with_tags(problem: Problem, **tags: str | int | float | bool) -> Problem:
    """The problem with further tags."""
    return replace(problem, tags={**problem.tags, **tags})
