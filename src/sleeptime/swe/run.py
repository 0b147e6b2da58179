"""Run: plays tasks by several arms, through Inspect, within a cap; stopped, it goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sleeptime.core.errors import InputError
from sleeptime.lab.cap import CappedModel
from sleeptime.lab.tally import MAX_FAILURES, Progress, Tally
from sleeptime.swe.arms import Arm
from sleeptime.swe.book import Book
from sleeptime.swe.cache import Cache
from sleeptime.swe.field import Field
from sleeptime.swe.ground import Grounds
from sleeptime.swe.index import Index
from sleeptime.swe.plan import Plan
from sleeptime.swe.player import Models, Player
from sleeptime.swe.repository import Repository


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

    _check(plan, models)
    needs_index = {Arm.INDEX, Arm.CONTENT, Arm.AGENT_NOTES} & set(plan.arms)
    played = Played({one.name: _cold(one, plan.replays) for one in plan.fields} if needs_index else {})
    wanted = plan.missing(book)
    tally = Tally(len(wanted), progress)
    alone = [play for play in wanted if not play.arm.needs_model]
    by_agents = [play for play in wanted if play.arm.needs_model]
    with _opened(plan, folder / "cache") as grounds:
        player = Player(grounds, book, models, sleep_steps=plan.sleep_steps)
        for group, at_once in ((alone, 1), (by_agents, concurrency)):
            if group:
                task = swe_task(group, player, tally)
                why = await evaluate(task, folder / "logs", at_once=at_once, max_failures=MAX_FAILURES)
                tally.check(why, capped)
    return played


def _check(plan: Plan, models: Models | None) -> None:
    """Refuse what cannot be played before anything is."""
    if models is None and (agents := [arm for arm in plan.arms if arm.needs_model]):
        raise InputError(f"{', '.join(agents)} need a model; give one, or leave them out")
    for one in plan.fields:
        for task in one.tasks:
            one.repository.at(task.base_commit)


@contextmanager
def _opened(plan: Plan, folder: Path) -> Iterator[dict[str, Grounds]]:
    """The repositories by name; what their indexes work out is kept in a folder."""
    with ExitStack() as caches:
        grounds = {}
        for one in plan.fields:
            cache = caches.enter_context(Cache.of(one.repository.path, folder))
            grounds[one.name] = Grounds(one.repository, partial(Index.build, cache=cache, replays=plan.replays))
        yield grounds


def _cold(one: Field, replays: int) -> Cold:
    """Make the index from nothing, as a first sleep does, and ask it once."""
    began_s = time.perf_counter()
    index = Index.build(Repository.open(one.repository.path, one.repository.commit_id), cache=None, replays=replays)
    built_s = time.perf_counter()
    index.predict(one.tasks[0].query)
    return Cold(built_s - began_s, time.perf_counter() - built_s)
