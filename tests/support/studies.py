"""Studies made by hand: problems and records whose right result a test knows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sleeptime.core.outcome import Outcome
from sleeptime.core.price import Price
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.problem import Problem, Tag
from sleeptime.lab.records import Record, RecordBook
from sleeptime.lab.sleeper import draft_keys
from sleeptime.sleep.outcome import Draft
from sleeptime.sleep.settings import SleepSettings

MINI = Price(input=0.15, cached_input=0.075, cache_write=0.15, output=0.6)
CLAUDE = Price(input=3.0, cached_input=0.3, cache_write=3.75, output=15.0)

QUERY = "How many pears now?"
"""Five tokens by the estimate."""


def problems_of(contexts: int, queries: int = 2, source: str = "worlds:test") -> tuple[Problem, ...]:
    """Problems ``c0-0``, ``c0-1``, ...; the answer of number i is ``100 + i``, its depth 1 or 2."""
    found = []
    for number in range(contexts * queries):
        context = f"c{number // queries:03d}"
        tags: dict[str, Tag] = {"depth": 1 + number % 2, "family": "test"}
        text = f"Tom has {number // queries} pears."
        found.append(Problem(f"{context}-{number % queries}", text, QUERY, str(100 + number), source, context, tags))
    return tuple(found)


def study_of(problems: Sequence[Problem], folder: Path, price: Price = MINI, *, is_quick: bool = False) -> Study:
    """A study without records."""
    return Study(tuple(problems), RecordBook(folder), 7, price, "a price list", is_quick)


def add_answers(
    study: Study,
    arm: Arm,
    reply: Callable[[int, int], str],
    usage: Usage,
) -> None:
    """Record the answers of an arm.

    Args:
        study: takes them.
        arm: whose.
        reply: from the number of the problem and of the sample: ``"right"``, another text that is then the reply and
            wrong, or ``""`` for a reply that cannot be read.
        usage: of each.
    """
    for number, problem in enumerate(study.problems):
        for sample in range(arm.samples):
            said = reply(number, sample)
            verdict = {"right": "right", "": "unscored"}.get(said, "wrong")
            text = problem.answer if said == "right" else said or "pears"
            study.book.answers[arm.key, problem.id, sample] = Record(
                arm=arm.key,
                problem=problem.id,
                sample=sample,
                context_id=problem.context_id,
                reply=text,
                verdict=verdict,
                route="notes" if arm.sleep else "full",
                usage=usage,
                tags=problem.tags,
            )


def add_drafts(study: Study, settings: SleepSettings, usage: Usage) -> None:
    """Record the drafts of every context."""
    for context in {problem.context_id for problem in study.problems}:
        for key in draft_keys(context, settings):
            study.book.drafts[key] = Draft(Outcome.NOTHING_NEW, usage=usage)


def first(share: float, total: int) -> Callable[[int, int], str]:
    """Replies of which the first share of the problems is right and the others are wrong."""
    return lambda number, sample: "right" if number < round(share * total) else "1"


def quick(study: Study) -> Study:
    """The same study as a quick run."""
    return replace(study, is_quick=True)
