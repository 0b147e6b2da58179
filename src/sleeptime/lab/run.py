"""Run: plays what an experiment still misses, through Inspect, within a cap; stopped, it goes on where it was."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic_ai.models import Model

from sleeptime.core.errors import InputError, SleeptimeError
from sleeptime.core.price import Price, billed_cost_usd
from sleeptime.core.tokens import approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.lab.cap import CappedModel
from sleeptime.lab.experiments.experiment import Experiment
from sleeptime.lab.player import Player
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.lab.sleeper import draft_keys
from sleeptime.models.prices import price_of
from sleeptime.models.retry import RetryModel

if TYPE_CHECKING:
    from sleeptime.lab.tasks import Play

NANO_TOGETHER: Final = 256
"""Answers under way at once on nano, which decodes them in batches."""
MAX_FAILURES: Final = 20
"""Answers that may fail for good before a run stops: the cause is then not in the single query."""

_OUTPUT_TOKENS: Final = {"v0": 30, "v1": 80, "v2": 150, "v3": 300, "v4": 600}
"""Guess of a reply's length on provider models, for the estimate alone."""
_THINKING_TOKENS: Final = 3_000
_DRAFT_TOKENS: Final = 900
_PROMPT_TOKENS: Final = 450
"""Guess of what the instructions add to a context and a query."""

Progress = Callable[[int, int], None]
"""Told the answers that are there, and those in all."""


class Incomplete(SleeptimeError):
    """Some answers failed; those that came are kept, and another run plays the others."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run may take. A guess from the length of texts; the cap is what holds.

    Args:
        answers, drafts: calls still to be made.
        usage: their tokens.
        cost_usd: None where the price of the model is unknown.
    """

    answers: int
    drafts: int
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A model, problems and the book of their records.

    Args:
        model: as it was resolved.
        problems: of one dataset.
        book: of this model on these problems.
        log_folder: where Inspect writes its logs.
        concurrency: answers under way at once.
        cap_usd: most that this run may cost; None for a model that costs nothing.
    """

    model: Model
    problems: tuple[Problem, ...]
    book: RecordBook
    log_folder: Path
    concurrency: int = 8
    cap_usd: float | None = None

    @property
    def price(self) -> Price | None:
        """Of the model; None where it is unknown."""
        return price_of(self.model.model_name, self.model.system, base_url=self.model.base_url)

    def missing(self, experiments: Sequence[Experiment], *, is_quick: bool) -> list[Play]:
        """What has to be played for these experiments, each answer once."""
        from sleeptime.lab.tasks import plays

        arms = [arm for experiment in experiments for arm in experiment.arms(is_quick=is_quick)]
        return [
            play
            for play in plays(self.problems, arms)
            if (play.arm.key, play.problem.id, play.sample) not in self.book.answers
        ]

    def estimate(self, experiments: Sequence[Experiment], *, is_quick: bool) -> Estimate:
        """What these experiments may take, all together."""
        wanted = self.missing(experiments, is_quick=is_quick)
        answered = sum((_answer_usage(play) for play in wanted), Usage())
        drafts: dict[tuple[str, str, int], Usage] = {}
        for play in wanted:
            if play.arm.sleep is not None:
                for key in draft_keys(play.problem.context_id, play.arm.sleep):
                    if key not in self.book.drafts:
                        read = approximate_tokens(play.problem.context) + _PROMPT_TOKENS
                        drafts[key] = Usage(input_tokens=read, output_tokens=_DRAFT_TOKENS)
        usage = sum(drafts.values(), answered)
        price = self.price
        cost = None if price is None else billed_cost_usd(usage, price)
        return Estimate(len(wanted), len(drafts), usage, cost)

    async def run(self, experiment: Experiment, *, is_quick: bool, progress: Progress | None = None) -> None:
        """Play what an experiment misses.

        Raises:
            CapReached: the cap leaves no room for the next call.
            Incomplete: answers failed; the message says how many and why the first did.
        """
        wanted = self.missing([experiment], is_quick=is_quick)
        if not wanted:
            return
        capped = None if self.cap_usd is None else CappedModel(self.model, self._known_price(), self.cap_usd)
        retrying = RetryModel(capped or self.model, rng=random.Random())
        player = Player(retrying, self.book, self.problems)
        async with self.model:
            try:
                await self._play(experiment.name, wanted, player, progress)
            except Incomplete:
                if capped is not None and capped.refusal is not None:
                    raise capped.refusal from None
                raise

    def _known_price(self) -> Price:
        if self.price is None:
            raise InputError(
                f"the price of {self.model.model_name!r} is unknown, so a cap in USD cannot hold; leave --max-usd out "
                "to run without one"
            )
        return self.price

    async def _play(self, name: str, wanted: Sequence[Play], player: Player, progress: Progress | None) -> None:
        os.environ.setdefault("INSPECT_DISPLAY", "none")
        from inspect_ai import eval_async

        from sleeptime.lab.tasks import lab_task

        done = _Counter(len(wanted), progress)
        task = lab_task(name, wanted, player, on_record=done.add)
        [log] = await eval_async(
            task,
            model=None,
            log_dir=str(self.log_folder),
            max_samples=NANO_TOGETHER if self.model.system == "nano" else self.concurrency,
            fail_on_error=MAX_FAILURES,
            log_realtime=False,
            score_display=False,
        )
        failed = [sample.error for sample in log.samples or [] if sample.error is not None]
        if log.status == "cancelled":
            raise asyncio.CancelledError
        if log.status != "success" or failed:
            why = failed[0].message if failed else log.error.message if log.error else log.status
            raise Incomplete(
                f"{done.missing} of {len(wanted)} answers of {name} are missing; the first failure: {why}. What came "
                "is kept: the same command plays the others"
            )


class _Counter:
    """Counts answers."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    @property
    def missing(self) -> int:
        return self._total - self._done

    def add(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)


def _answer_usage(play: Play) -> Usage:
    """Tokens of one answer, guessed."""
    text, budget = f"{play.problem.context} {play.problem.query}", play.arm.budget
    notes = _DRAFT_TOKENS if play.arm.sleep is not None else 0
    forced = budget.partition(":")[2]
    thinking = int(forced) if forced.isdecimal() else _THINKING_TOKENS
    return Usage(
        input_tokens=approximate_tokens(text) + _PROMPT_TOKENS + notes,
        output_tokens=_OUTPUT_TOKENS.get(budget, thinking),
    )
