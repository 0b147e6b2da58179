"""Run: plays tasks by several arms, through Inspect, within a cap; stopped, it goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sleeptime.core.errors import InputError, SleeptimeError
from sleeptime.core.usage import Usage
from sleeptime.lab.cap import CappedModel
from sleeptime.swe.arms import Arm, Play, plays_of
from sleeptime.swe.book import Book
from sleeptime.swe.cache import Cache
from sleeptime.swe.index import Index
from sleeptime.swe.player import Grounds, Models, Player
from sleeptime.swe.repository import Repository
from sleeptime.swe.tasks import Task

MAX_FAILURES: Final = 20
"""Answers that may fail for good before a run stops: the cause is then not in the single task."""
SLEEP_STEPS: Final = 20

_PROMPT_TOKENS: Final = 1_400
"""Guess of what the instructions, the tools and the query take."""
_RELATED_TOKENS: Final = 60
_RESULT_TOKENS: Final = 450
"""Guess of what a tool tells."""
_REPLY_TOKENS: Final = 160
"""Guess of a call with what is said around it."""

Progress = Callable[[int, int], None]
"""Told the answers that are there, and those in all."""


class Incomplete(SleeptimeError):
    """Some answers failed; those that came are kept, and another run plays the others."""


@dataclass(frozen=True, slots=True)
class Field:
    """A repository with its tasks.

    Args:
        name: of it; distinct.
        repository: at its newest commit.
        tasks: of it.
    """

    name: str
    repository: Repository
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be played.

    Args:
        fields: at least one.
        arms: beside those that always are.
        steps: budgets of agents.
        seeds: answers to each task, of arms that draw.
        replays: earlier commits that the index tunes its weights on.
        sleep_steps: budget of the sleep on one change.
    """

    fields: tuple[Field, ...]
    arms: tuple[Arm, ...]
    steps: tuple[int, ...] = (5, 10, 15, 20, 30)
    seeds: int = 3
    replays: int = 30
    sleep_steps: int = SLEEP_STEPS

    def plays(self) -> list[Play]:
        """Every answer; those of one base commit come together."""
        found: list[Play] = []
        for one in self.fields:
            found += plays_of(one.name, one.tasks, self.arms, steps=self.steps, seeds=self.seeds)
        order = {(one.name, task.id): number for one in self.fields for number, task in enumerate(one.tasks)}
        return sorted(found, key=lambda play: order[play.repository, play.task.id])

    def missing(self, book: Book) -> list[Play]:
        """What has to be played: what needs no model, always, and what it lacks of the others."""
        return [play for play in self.plays() if not play.arm.needs_model or not book.has(play)]


def estimate(plan: Plan, book: Book) -> tuple[int, Usage]:
    """Calls and tokens that a run may take of a model. A guess; the cap is what holds.

    All input is counted as fresh; providers that cache what was sent before bill much of it at a tenth.
    """
    calls, usage = 0, Usage()
    agents = [play for play in plan.missing(book) if play.arm.needs_model]
    for play in agents:
        related = len(play.task.related) if play.arm is Arm.AGENT_RELATED else 0
        calls += play.steps
        usage += _work_usage(play.steps, _PROMPT_TOKENS + related * _RELATED_TOKENS)
    changes = {
        (play.repository, related.commit)
        for play in agents
        if play.arm is Arm.AGENT_NOTES
        for related in play.task.related
    }
    slept = {(repository, change.partition(" ")[0]) for repository, change in book.sleeps}
    for _ in changes - slept:
        calls += plan.sleep_steps
        usage += _work_usage(plan.sleep_steps, _PROMPT_TOKENS)
    return calls, usage


def _work_usage(steps: int, prompt_tokens: int) -> Usage:
    """Tokens of an agent that uses all of its steps: each turn reads all turns before it again."""
    read = steps * prompt_tokens + (_RESULT_TOKENS + _REPLY_TOKENS) * steps * (steps - 1) // 2
    return Usage(input_tokens=read, output_tokens=steps * _REPLY_TOKENS)


@dataclass(frozen=True, slots=True)
class Cold:
    """What an index took at the newest commit, from nothing.

    Args:
        build_s: seconds to make it.
        answer_s: seconds of the first answer after it.
    """

    build_s: float
    answer_s: float


@dataclass(slots=True)
class Played:
    """What a run measured beside the answers.

    Args:
        cold: of each repository; none where no arm needs an index.
    """

    cold: dict[str, Cold] = field(default_factory=dict)


async def run(
    plan: Plan,
    book: Book,
    models: Models | None,
    *,
    folder: Path,
    concurrency: int = 4,
    capped: CappedModel | None = None,
    progress: Progress | None = None,
) -> Played:
    """Play what is missing.

    Args:
        plan: what.
        book: has what was played before, and gets what is played now.
        models: for agents; None where no arm has one.
        folder: where Inspect writes its logs, and indexes keep what they worked out.
        concurrency: agents at work at once.
        capped: the model under the cap, whose refusal ends the run.
        progress: told after every answer.

    Raises:
        CapReached: the cap leaves no room for the next call; what came is kept.
        Incomplete: answers failed; the message says how many and why the first did.
        InputError: an arm needs a model and there is none, or a base commit is not in its repository.
    """
    from sleeptime.lab.evaluation import evaluate
    from sleeptime.swe.evaluation import swe_task

    if models is None and (agents := [arm for arm in plan.arms if arm.needs_model]):
        raise InputError(f"{', '.join(agents)} need a model; give one, or leave them out")
    played = Played()
    needs_index = {Arm.INDEX, Arm.CONTENT, Arm.AGENT_NOTES} & set(plan.arms)
    if needs_index:
        played.cold = {one.name: _cold(one, plan.replays) for one in plan.fields}
    grounds = {
        one.name: Grounds(one.repository, _indexer(Cache.of(one.repository.path, folder / "cache"), plan.replays))
        for one in plan.fields
    }
    for one in plan.fields:
        for task in one.tasks:
            one.repository.at(task.base_commit)  # refused before anything is played
    wanted = plan.missing(book)
    tally = _Tally(len(wanted), progress)
    player = Player(grounds, book, models, sleep_steps=plan.sleep_steps)
    for group, at_once in (
        ([play for play in wanted if not play.arm.needs_model], 1),
        ([play for play in wanted if play.arm.needs_model], concurrency),
    ):
        if not group:
            continue
        why = await evaluate(
            swe_task(group, player, tally), folder / "logs", at_once=at_once, max_failures=MAX_FAILURES
        )
        if capped is not None and capped.refusal is not None:
            raise capped.refusal
        if why or tally.failures:
            raise Incomplete(
                f"{tally.missing} of {len(wanted)} answers are missing; the first failure: {tally.why or why}. What "
                "came is kept: the same command plays the others"
            )
    return played


def _indexer(cache: Cache, replays: int) -> Callable[[Repository], Index]:
    return lambda repository: Index.build(repository, cache=cache, replays=replays)


def _cold(one: Field, replays: int) -> Cold:
    """Make the index from nothing, as a first sleep does, and ask it once."""
    began_s = time.perf_counter()
    index = Index.build(Repository.open(one.repository.path, one.repository.commit_id), cache=None, replays=replays)
    built_s = time.perf_counter()
    index.predict(one.tasks[0].query)
    return Cold(built_s - began_s, time.perf_counter() - built_s)


class _Tally:
    """Counts answers, and keeps what failed."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress
        self.failures: list[Exception] = []

    def __call__(self, error: Exception | None) -> None:
        if error is not None:
            self.failures.append(error)
            return
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)

    @property
    def missing(self) -> int:
        return self._total - self._done

    @property
    def why(self) -> str:
        """Why the first failed; ``""`` where none did."""
        first = next(iter(self.failures), None)
        return "" if first is None else str(first) if isinstance(first, SleeptimeError) else repr(first)
