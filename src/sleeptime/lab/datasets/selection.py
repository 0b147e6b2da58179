"""Selection: the problems of a run, from a file or from generated worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.jsonl import read_problems
from sleeptime.lab.datasets.worlds import WorldDials, WorldSet, world_problems
from sleeptime.lab.problem import Problem

CONTEXTS: Final = 150
QUICK_CONTEXTS: Final = 20
QUERIES: Final = 4
MIN_DEPTH: Final = 2
"""Steps to the answer of a generated problem: what one step answers needs neither sleep nor thought."""


def choose_problems(
    dataset: Path | None,
    limit: int | None,
    *,
    which: WorldSet | None = None,
    queries: int = QUERIES,
    seed: int = 0,
    is_quick: bool = False,
) -> list[Problem]:
    """The problems to play, queries of one context together.

    Args:
        dataset: a file that `lab build` wrote; None for generated worlds.
        limit: contexts at most; by default `CONTEXTS` worlds or all of a file, in a quick run `QUICK_CONTEXTS`.
        which: generated worlds, by default those of the test split; None for a file.
        queries: of each generated world.
        seed: of the worlds.
        is_quick: a small run.

    Raises:
        InputError: the file cannot be read, or both a file and a set of worlds are given.
    """
    if dataset is None:
        contexts = limit or (QUICK_CONTEXTS if is_quick else CONTEXTS)
        dials = WorldDials(which or WorldSet.TEST, seed, contexts, queries, MIN_DEPTH)
        return list(world_problems(dials))
    if which is not None:
        raise InputError(f"--split chooses among generated worlds, and {dataset} is a file; give one of the two")
    problems = read_problems(dataset)
    contexts_in_order = list(dict.fromkeys(problem.context_id for problem in problems))
    chosen = set(contexts_in_order[: limit or (QUICK_CONTEXTS if is_quick else None)])
    return [problem for problem in problems if problem.context_id in chosen]
