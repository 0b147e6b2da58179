"""Problems from generated worlds: splits, families, difficulty and predictability are dials.

A context of one split can never stand in another (`worlds.generate.split_of`), and held-out families are in no training
stream. Queries that give away each other's answers are never asked of one context.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.jsonl import context_id_of
from sleeptime.lab.datasets.leaks import are_leaking
from sleeptime.lab.problem import Problem
from sleeptime.lab.worlds import FAMILIES, HELD_OUT, TRAINING, Family, Query, Split, World, generate_worlds

MAX_MISSES: Final = 500
"""Worlds in a row without enough queries of the wanted kind after which there are none."""


class WorldSet(StrEnum):
    """Which worlds: a split of the training families, or test worlds of the families held out."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    HELD_OUT = "held-out"

    @property
    def world_split(self) -> Split:
        """The split its contexts belong to by their content."""
        return Split.TEST if self is WorldSet.HELD_OUT else Split(self.value)

    @property
    def families(self) -> tuple[Family, ...]:
        """The families its worlds are drawn from."""
        if self is WorldSet.HELD_OUT:
            return tuple(family for family in FAMILIES if family.name in HELD_OUT)
        return TRAINING


class Predictability(StrEnum):
    """Which queries: by how far the context suggests them."""

    ANY = "any"
    LIKELY = "likely"
    """About a quantity that the world itself calls likely."""
    UNLIKELY = "unlikely"
    """About any other quantity of the context."""
    OWN_NUMBER = "own-number"
    """With a number of their own, which no pre-computed constant can answer."""


@dataclass(frozen=True, slots=True)
class WorldDials:
    """What to draw.

    Args:
        which: split or held-out families.
        seed: another seed gives other worlds.
        contexts: how many worlds.
        queries: how many queries of each world; a world with fewer of the wanted kind is passed over.
        min_depth, max_depth: steps from base facts to the answer, 1 to 6.
        predictability: which queries.
    """

    which: WorldSet = WorldSet.TEST
    seed: int = 0
    contexts: int = 100
    queries: int = 1
    min_depth: int = 1
    max_depth: int = 6
    predictability: Predictability = Predictability.ANY

    def __post_init__(self) -> None:
        if self.contexts < 1 or self.queries < 1:
            raise InputError(f"at least 1 context and 1 query are drawn, got {self.contexts} and {self.queries}")
        if not 1 <= self.min_depth <= self.max_depth:
            raise InputError(f"the depth goes from 1 upwards, got {self.min_depth} to {self.max_depth}")


def draw_queries(queries: Sequence[Query], count: int, rng: random.Random) -> list[Query]:
    """Different queries, likely ones more often: weighted sampling without replacement.

    A query stands before another in the order with a probability in proportion to the weights (Efraimidis and Spirakis
    2006, doi:10.1016/j.ipl.2005.11.003).
    """
    return sorted(queries, key=lambda query: rng.random() ** (1 / query.weight), reverse=True)[:count]


def world_problems(dials: WorldDials) -> Iterator[Problem]:
    """Problems of `dials.contexts` worlds, those of one context in a row. The same dials give the same problems.

    Raises:
        InputError: no world has so many queries of this kind.
    """
    rng = random.Random(f"queries:{dials.which}:{dials.seed}")
    drawn, misses = 0, 0
    seen: set[str] = set()
    for world in generate_worlds(dials.which.world_split, dials.seed, dials.which.families):
        wanted = [query for query in world.queries if _is_wanted(world, query, dials)]
        asked = _without_leaks(world, draw_queries(wanted, len(wanted), rng), dials.queries)
        context_id = context_id_of(world.text)
        if len(asked) < dials.queries or context_id in seen:
            misses += 1
            if misses > MAX_MISSES:
                raise InputError(_too_few(dials))
            continue
        seen.add(context_id)
        for query in asked:
            yield _problem(world, query, dials.which, context_id)
        drawn, misses = drawn + 1, 0
        if drawn == dials.contexts:
            return


def set_of(problems: Iterable[Problem]) -> WorldSet | None:
    """The set that all of these problems are of; None for other problems, or of several sets."""
    found = {problem.tags.get("set") if problem.source.startswith("worlds:") else None for problem in problems}
    return next((each for each in WorldSet if found == {each.value}), None)


def is_likely(world: World, query: Query) -> bool:
    """Whether a query asks for a quantity that the world calls likely, and brings no number of its own."""
    return query.own_number is None and query.step.name in world.likely


def _is_wanted(world: World, query: Query, dials: WorldDials) -> bool:
    if not dials.min_depth <= world.depth(query) <= dials.max_depth:
        return False
    match dials.predictability:
        case Predictability.LIKELY:
            return is_likely(world, query)
        case Predictability.UNLIKELY:
            return query.own_number is None and not is_likely(world, query)
        case Predictability.OWN_NUMBER:
            return query.own_number is not None
        case Predictability.ANY:
            return True


def _without_leaks(world: World, queries: Sequence[Query], count: int) -> list[Query]:
    """The first queries of which none states the answer of another, and no two read the same."""
    kept: list[tuple[str, int]] = []
    asked: list[Query] = []
    for query in queries:
        candidate = (query.text, world.answer(query))
        if not any(candidate[0] == other[0] or are_leaking(candidate, other) for other in kept):
            kept.append(candidate)
            asked.append(query)
        if len(asked) == count:
            break
    return asked


def _problem(world: World, query: Query, which: WorldSet, context_id: str) -> Problem:
    return Problem(
        id=f"{context_id}-{world.queries.index(query)}",
        context=world.text,
        query=query.text,
        answer=str(world.answer(query)),
        source=f"worlds:{world.family}",
        context_id=context_id,
        tags={
            "set": which.value,
            "family": world.family,
            "depth": world.depth(query),
            "likely": is_likely(world, query),
            "own_number": query.own_number is not None,
            "weight": query.weight,
            "quantity": query.function or query.step.name,
        },
    )


def _too_few(dials: WorldDials) -> str:
    return (
        f"no world has {dials.queries} {dials.predictability} queries of depth {dials.min_depth} to {dials.max_depth} "
        f"(none of {MAX_MISSES:,} in a row); ask for fewer queries or for other ones"
    )
