"""Measure nano on worlds it was not trained on: every budget, with and without one draft of its own.

    python -m training.evaluate --contexts 150 --seed 0 --output training/evaluation.json

Sleep and answers go through the same code as `sleeptime sleep` and `sleeptime ask`. Intervals are 95 % bootstrap
intervals, clustered by context, because the queries of one context are not independent (arXiv:2411.00640).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sleeptime.core.budget import Verbosity
from sleeptime.core.context import Context, Part
from sleeptime.core.errors import BadReply
from sleeptime.lab.answers import final_number
from sleeptime.lab.datasets.worlds import draw_queries
from sleeptime.lab.statistics import Bootstrap
from sleeptime.lab.worlds import FAMILIES, HELD_OUT, TRAINING, Family, Query, Split, World, generate_worlds, language
from sleeptime.models.budgets import budget_request
from sleeptime.models.nano import NanoModel
from sleeptime.nano.engine import Engine
from sleeptime.sleep.outcome import SleepResult
from sleeptime.sleep.settings import SleepSettings
from sleeptime.sleep.sleep import sleep_on
from sleeptime.wake.answer import answer
from sleeptime.wake.route import Route

BUDGETS = tuple(Verbosity(level) for level in range(5))
SETS = {"test": TRAINING, "held_out_families": tuple(family for family in FAMILIES if family.name in HELD_OUT)}
"""Instances of the training families, and the families held out."""
TOGETHER = 10
"""Contexts played at once; their requests share batches."""


@dataclass(frozen=True, slots=True)
class Record:
    """One answer: enough to score it again without a model."""

    context: int
    family: str
    query: str
    expected: int
    depth: int
    has_own_number: bool
    is_noted: bool
    budget: str
    with_sleep: bool
    answer: str
    output_tokens: int

    @property
    def is_right(self) -> bool:
        """True when the answer's last number is the truth; an unscored reply is not right."""
        return final_number(self.answer) == self.expected


async def play(
    model: NanoModel, index: int, world: World, queries: Sequence[Query]
) -> tuple[list[Record], SleepResult]:
    """Sleep on one world once, and answer its queries at every budget in both arms."""
    context = Context(f"world-{index}", (Part("facts.txt", world.text),))
    slept = await sleep_on(model, context, SleepSettings(profile="nano"))
    noted = {note.subject for note in slept.learned.notes} if slept.learned else set()

    async def ask(query: Query, budget: Verbosity, with_sleep: bool) -> Record:
        try:
            served = await answer(
                model,
                context,
                slept.learned,
                query.text,
                budget=budget,
                plan=budget_request(model, budget),
                route=Route.AUTO if with_sleep else Route.FULL,
                profile="nano",
            )
            text, output_tokens = served.text, served.usage.output_tokens
        except BadReply:  # nothing was said, as weights that are hardly trained do
            text, output_tokens = "", 0
        return Record(
            context=index,
            family=world.family,
            query=query.text,
            expected=world.answer(query),
            depth=world.depth(query),
            has_own_number=query.own_number is not None,
            is_noted=(query.function or query.step.name) in noted,
            budget=str(budget),
            with_sleep=with_sleep,
            answer=text,
            output_tokens=output_tokens,
        )

    arms = [(query, budget, with_sleep) for query in queries for budget in BUDGETS for with_sleep in (True, False)]
    return list(await asyncio.gather(*(ask(*arm) for arm in arms))), slept


def interval(records: Sequence[Record], value: Callable[[Record], float], seed: int) -> dict[str, Any]:
    """Mean of `value` over records with its interval."""
    contexts = [str(record.context) for record in records]
    estimate = Bootstrap(contexts, seed=seed).mean([value(record) for record in records], contexts)
    return {name: round(part, 4) if isinstance(part, float) else part for name, part in asdict(estimate).items()}


def gain(records: Sequence[Record], budget: str, seed: int) -> dict[str, Any]:
    """Paired difference of accuracy, with sleep minus without, on the same queries."""
    without = {(r.context, r.query): r.is_right for r in records if r.budget == budget and not r.with_sleep}
    paired = [r for r in records if r.budget == budget and r.with_sleep]
    return interval(paired, lambda r: float(r.is_right) - float(without[r.context, r.query]), seed)


def summary(
    records: Sequence[Record], slept: Sequence[SleepResult], worlds: Sequence[World], seed: int
) -> dict[str, Any]:
    """Accuracy and output tokens per budget and arm, the gain at v0, accuracy by depth, and figures of the notes."""

    def arm(budget: str, with_sleep: bool) -> dict[str, Any]:
        chosen = [r for r in records if r.budget == budget and r.with_sleep is with_sleep]
        tokens = float(np.mean([r.output_tokens for r in chosen]))
        return {"accuracy": interval(chosen, lambda r: float(r.is_right), seed), "output_tokens": round(tokens, 1)}

    v0 = [r for r in records if r.budget == "v0" and r.with_sleep]
    v3 = [r for r in records if r.budget == "v3" and not r.with_sleep]

    def by(chosen: Sequence[Record], key: Callable[[Record], object]) -> dict[str, Any]:
        keys = sorted({key(r) for r in chosen}, key=str)
        return {str(k): interval([r for r in chosen if key(r) == k], lambda r: float(r.is_right), seed) for k in keys}

    lines = [
        (note, world)
        for result, world in zip(slept, worlds, strict=True)
        if result.learned
        for note in result.learned.notes
    ]
    return {
        "budgets": {str(b): {"with_sleep": arm(str(b), True), "without_sleep": arm(str(b), False)} for b in BUDGETS},
        "gain_at_v0": gain(records, "v0", seed),
        "v0_with_sleep_by_depth": by(v0, lambda r: r.depth),
        "v0_with_sleep_by_own_number": by(v0, lambda r: r.has_own_number),
        "v3_without_sleep_by_depth": by(v3, lambda r: r.depth),
        "by_family_v0_with_sleep": by(v0, lambda r: r.family),
        "notes": {
            "per_context": round(len(lines) / len(worlds), 2),
            "right": round(float(np.mean([_is_right(note.text, world) for note, world in lines])), 4),
            "queries_covered": round(float(np.mean([r.is_noted for r in v0])), 4),
            "sleep_output_tokens": round(float(np.mean([result.usage.output_tokens for result in slept])), 1),
            "outcomes": {o: sum(r.outcome == o for r in slept) for o in sorted({str(r.outcome) for r in slept})},
        },
    }


def _is_right(text: str, world: World) -> bool:
    true = {language.line(world, q.step) for q in world.derived if q.step} | {
        language.function_line(world, step) for step in world.functions
    }
    return text in true


async def play_all(
    model: NanoModel, worlds: Sequence[World], drawn: Sequence[Sequence[Query]]
) -> tuple[list[Record], list[SleepResult]]:
    """Play worlds with their queries, some at a time."""
    records: list[Record] = []
    slept: list[SleepResult] = []
    for start in range(0, len(worlds), TOGETHER):
        chunk = range(start, min(start + TOGETHER, len(worlds)))
        for played, result in await asyncio.gather(*(play(model, i, worlds[i], drawn[i]) for i in chunk)):
            records += played
            slept.append(result)
        print(f"{chunk.stop} of {len(worlds)} contexts", file=sys.stderr, flush=True)
    return records, slept


def evaluate(
    weights: Path | None,
    split: Split,
    contexts: int,
    queries: int,
    seed: int,
    *,
    sets: Mapping[str, Sequence[Family]] = SETS,
    records_folder: Path | None = None,
) -> dict[str, Any]:
    """Figures of each set of worlds.

    Args:
        weights: folder of other weights than the released ones.
        split: of the worlds.
        contexts, queries: of each set, and of each of its contexts.
        seed: of worlds, queries and resamples.
        sets: families by the name of the set.
        records_folder: where each answer goes.
    """
    model = NanoModel(Engine.load(weights)) if weights else NanoModel()
    found: dict[str, Any] = {"contexts": contexts, "queries_per_context": queries, "seed": seed}
    with asyncio.Runner() as runner:
        for name, families in sets.items():
            rng = random.Random(f"evaluate:{seed}:{name}")
            worlds = list(islice(generate_worlds(split, seed, families), contexts))
            drawn = [draw_queries(world.queries, queries, rng) for world in worlds]
            records, slept = runner.run(play_all(model, worlds, drawn))
            found[name] = summary(records, slept, worlds, seed)
            if records_folder:
                records_folder.mkdir(parents=True, exist_ok=True)
                lines = (json.dumps(asdict(record)) + "\n" for record in records)
                (records_folder / f"{name}.jsonl").write_text("".join(lines))
    return found


def main() -> None:
    """Parse options, evaluate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", type=int, default=150, help="contexts in each of the two sets")
    parser.add_argument("--queries", type=int, default=4, help="queries per context")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=[Split.VALIDATION.value, Split.TEST.value], default=Split.TEST.value)
    parser.add_argument("--weights", type=Path, help="folder of other weights than the released ones")
    parser.add_argument("--output", type=Path, help="where the summary goes, as JSON; default: standard output alone")
    parser.add_argument("--records", type=Path, help="folder for one JSON line per answer")
    options = parser.parse_args()
    found = evaluate(
        options.weights,
        Split(options.split),
        options.contexts,
        options.queries,
        options.seed,
        records_folder=options.records,
    )
    text = json.dumps(found, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
