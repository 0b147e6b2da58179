"""Registry: the datasets that can be built, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sleeptime.core.errors import InputError
from sleeptime.lab.datasets.aime import build_aime
from sleeptime.lab.datasets.build import Build, Progress, Request, no_progress
from sleeptime.lab.datasets.gsm_symbolic import build_gsm_symbolic
from sleeptime.lab.datasets.multi_query import build_multi_query
from sleeptime.lab.datasets.released import build_released
from sleeptime.lab.datasets.worlds import WorldDials, world_problems
from sleeptime.lab.problem import Problem

DEFAULT_WORLDS: Final = 100


@dataclass(frozen=True, slots=True)
class Builder:
    """One dataset.

    Args:
        summary: what it is, for help and messages.
        options: of the command line that it reads, beside those that all read.
        build: makes it.
    """

    summary: str
    options: frozenset[str]
    build: Callable[[Request, Progress], Awaitable[Build]]


async def build_worlds(request: Request, progress: Progress = no_progress) -> Build:
    """Problems of generated worlds; `request.limit` worlds, with `request.queries` queries each (1).

    Raises:
        InputError: sources were given, or no world has such queries.
    """
    if request.sources:
        raise InputError("worlds are generated and take no sources; leave them out")
    dials = WorldDials(
        which=request.which,
        seed=request.seed,
        contexts=DEFAULT_WORLDS if request.limit is None else request.limit,
        queries=1 if request.queries is None else request.queries,
        min_depth=request.min_depth,
        max_depth=request.max_depth,
        predictability=request.predictability,
    )
    problems: list[Problem] = []
    for problem in world_problems(dials):
        problems.append(problem)
        progress(len(problems), dials.contexts * dials.queries)
    return Build(tuple(problems))


BUILDERS: Final = {
    "worlds": Builder(
        "generated worlds, ours; no sources",
        frozenset({"queries", "split", "min_depth", "max_depth", "predictability"}),
        build_worlds,
    ),
    "stateful-gsm-symbolic": Builder(
        "your copy of GSM-Symbolic: problems (.jsonl, .json), template files, or hub:apple/GSM-Symbolic#p1",
        frozenset({"instances", "skip_bad"}),
        build_gsm_symbolic,
    ),
    "stateful-aime": Builder("problem files of the AIME (problem, answer)", frozenset({"skip_bad"}), build_aime),
    "multi-query": Builder(
        "further queries for the contexts of a file that this command wrote, by --model",
        frozenset({"queries", "model", "max_usd", "yes", "skip_bad"}),
        build_multi_query,
    ),
    "released": Builder(
        "the paper's released sets as they are, from files or hub:letta-ai/NAME",
        frozenset({"skip_bad"}),
        build_released,
    ),
}


def builder_of(name: str) -> Builder:
    """The builder of a dataset.

    Raises:
        InputError: there is none of this name; lists what there is.
    """
    if name not in BUILDERS:
        known = "; ".join(f"{known} ({builder.summary})" for known, builder in BUILDERS.items())
        raise InputError(f"the dataset {name!r} is not known; allowed: {known}")
    return BUILDERS[name]
