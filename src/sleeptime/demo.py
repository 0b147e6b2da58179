"""The main job on nano, offline: add contexts never seen before, sleep on them, ask with and without notes.

Every context is drawn from the test split of our own worlds, so nano was not trained on it, and the truth of each
question is known. Nothing is canned: another seed gives other contexts.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sleeptime.app import Sleeptime
from sleeptime.core.price import break_even_queries, paper_cost
from sleeptime.core.usage import Usage
from sleeptime.lab.answers import final_number
from sleeptime.lab.datasets.worlds import draw_queries
from sleeptime.lab.worlds import TRAINING, Split, World, generate_worlds
from sleeptime.settings import Settings

CONTEXTS, QUERIES = 3, 5
BUDGET = "v1"
"""With notes: one step and the answer."""
BASELINE_BUDGET = "v2"
"""Without notes: the budget at which nano is about as often right (docs/decisions/012)."""
RATES = (10.0, 2.0, 1.0)
"""What one test-time token costs in sleep-time tokens (arXiv:2504.13171, section 5.3, takes 10)."""


@dataclass(frozen=True, slots=True)
class Served:
    """One answer to one query."""

    answer: str
    correct: bool | None
    output_tokens: int
    input_tokens: int
    cached_input_tokens: int
    route: str
    budget: str


@dataclass(frozen=True, slots=True)
class DemoQuery:
    """One query, answered three times.

    Args:
        with_sleep: within `BUDGET`, with notes.
        without_sleep: within `BASELINE_BUDGET`, without notes.
        without_sleep_same_budget: within `BUDGET`, without notes.
    """

    query: str
    expected: str
    with_sleep: Served
    without_sleep: Served
    without_sleep_same_budget: Served


@dataclass(frozen=True, slots=True)
class DemoContext:
    """One context: its text, what sleep wrote and took, and its queries."""

    name: str
    text: str
    notes: tuple[str, ...]
    sleep: Usage
    queries: tuple[DemoQuery, ...]


@dataclass(frozen=True, slots=True)
class RateCost:
    """Cost per query, in sleep-time tokens, when a test-time token costs `t` of them."""

    t: float
    with_sleep: float
    without_sleep: float
    break_even_queries: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """All queries together. Accuracies are shares of the queries; token figures are sums."""

    accuracy_with: float
    accuracy_without: float
    accuracy_without_same_budget: float
    output_tokens_with: int
    output_tokens_without: int
    output_tokens_without_same_budget: int
    sleep_output_tokens: int
    sleep_input_tokens: int
    num_queries: int
    queries_per_context: int
    cost_per_query: tuple[RateCost, ...]


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo found."""

    seed: int
    model: str
    contexts: tuple[DemoContext, ...]
    totals: Totals

    def as_dict(self) -> dict[str, Any]:
        """The object that `sleeptime demo --json` prints."""
        return asdict(self)


Progress = Callable[[int, int, str], None]
"""Called with the calls done, the calls in all, and what is under way."""


async def run_demo(seed: int, progress: Progress | None = None) -> Demo:
    """Run the main job in a database of its own, which is removed afterwards.

    Args:
        seed: which contexts and queries are drawn.
        progress: told after every model call.
    """
    rng = random.Random(f"demo:{seed}")
    worlds = _worlds(rng)
    total, done = len(worlds) * (1 + 3 * QUERIES), 0

    def step(label: str) -> None:
        nonlocal done
        if progress is not None:
            progress(done, total, label)
        done += 1

    with tempfile.TemporaryDirectory(prefix="sleeptime-demo-") as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/demo.db", model="nano")
        async with Sleeptime(settings=settings) as sleeptime:
            contexts = [await _play(sleeptime, world, rng, Path(folder), step) for world in worlds]
    return Demo(seed, "nano", tuple(contexts), _totals(contexts))


def _worlds(rng: random.Random) -> list[World]:
    """Worlds of different families, rich enough to be asked several questions."""
    chosen: dict[str, World] = {}
    for world in generate_worlds(Split.TEST, rng.getrandbits(32), TRAINING):
        if world.family not in chosen and len(world.queries) > QUERIES:
            chosen[world.family] = world
        if len(chosen) == CONTEXTS:
            break
    return list(chosen.values())


async def _play(
    sleeptime: Sleeptime, world: World, rng: random.Random, folder: Path, step: Callable[[str], None]
) -> DemoContext:
    """Add one world, sleep on it, and ask its queries in the three arms."""
    name = world.family
    source = folder / f"{name}.txt"
    source.write_text(world.text + "\n", encoding="utf-8")
    await sleeptime.add(name, str(source))
    step(f"sleeping on {name}")
    slept = await sleeptime.sleep(name)
    queries = []
    for query in draw_queries(world.queries, QUERIES, rng):
        expected = world.answer(query)
        served = []
        for budget, route in ((BUDGET, "auto"), (BASELINE_BUDGET, "full"), (BUDGET, "full")):
            step(f"asking {name}")
            served.append(await _ask(sleeptime, name, query.text, budget, route, expected))
        queries.append(DemoQuery(query.text, str(expected), *served))
    notes = tuple(note.text for note in slept.notes)
    return DemoContext(name, world.text, notes, slept.usage, tuple(queries))


async def _ask(sleeptime: Sleeptime, name: str, query: str, budget: str, route: str, expected: int) -> Served:
    answered = await sleeptime.ask(name, query, budget=budget, route=route)
    found = final_number(answered.answer)
    return Served(
        answer=answered.answer,
        correct=None if found is None else found == expected,
        output_tokens=answered.usage.output_tokens,
        input_tokens=answered.usage.input_tokens,
        cached_input_tokens=answered.usage.cached_input_tokens,
        route=str(answered.route),
        budget=str(answered.budget),
    )


def _totals(contexts: Sequence[DemoContext]) -> Totals:
    queries = [query for context in contexts for query in context.queries]
    with_sleep = [query.with_sleep for query in queries]
    without = [query.without_sleep for query in queries]
    same_budget = [query.without_sleep_same_budget for query in queries]
    sleep_tokens = sum(context.sleep.output_tokens for context in contexts)
    return Totals(
        accuracy_with=_accuracy(with_sleep),
        accuracy_without=_accuracy(without),
        accuracy_without_same_budget=_accuracy(same_budget),
        output_tokens_with=_output_tokens(with_sleep),
        output_tokens_without=_output_tokens(without),
        output_tokens_without_same_budget=_output_tokens(same_budget),
        sleep_output_tokens=sleep_tokens,
        sleep_input_tokens=sum(context.sleep.input_tokens for context in contexts),
        num_queries=len(queries),
        queries_per_context=QUERIES,
        cost_per_query=_costs(
            _output_tokens(with_sleep) / len(queries),
            _output_tokens(without) / len(queries),
            sleep_tokens / len(contexts),
        ),
    )


def _accuracy(arm: Sequence[Served]) -> float:
    return sum(served.correct is True for served in arm) / len(arm)


def _output_tokens(arm: Sequence[Served]) -> int:
    return sum(served.output_tokens for served in arm)


def _costs(with_sleep: float, without: float, sleep_tokens: float) -> tuple[RateCost, ...]:
    """Costs at each rate, from output tokens per query in both arms and sleep tokens per context."""
    return tuple(
        RateCost(
            t=t,
            with_sleep=paper_cost(with_sleep, sleep_tokens, QUERIES, t),
            without_sleep=t * without,
            break_even_queries=break_even_queries(sleep_tokens, t * without, t * with_sleep),
        )
        for t in RATES
    )
