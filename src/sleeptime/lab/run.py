"""Run: plays what an experiment still misses, through Inspect, within a cap; stopped, it goes on where it was."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.models.concurrency import ConcurrencyLimitedModel

from sleeptime.core.budget import parse_budget
from sleeptime.core.errors import InputError, PromptRejected, SleeptimeError
from sleeptime.core.price import Price, billed_cost_usd
from sleeptime.core.tokens import approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.lab.cap import CappedModel
from sleeptime.lab.experiments.experiment import Experiment
from sleeptime.lab.player import Player
from sleeptime.lab.plays import Play, plays
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import DraftKey, RecordBook
from sleeptime.lab.scoring import query_scorer, score_problems
from sleeptime.lab.sleeper import draft_keys
from sleeptime.models.budgets import budget_request
from sleeptime.models.prices import price_of
from sleeptime.models.retry import RetryModel

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
        concurrency: calls under way at once, of a provider's model.
    """

    model: Model
    problems: tuple[Problem, ...]
    book: RecordBook
    log_folder: Path
    concurrency: int = 8

    @property
    def price(self) -> Price | None:
        """Of the model; None where it is unknown."""
        return price_of(self.model.model_name, self.model.system, base_url=self.model.base_url)

    def capped(self, cap_usd: float) -> Laboratory:
        """The same, whose runs may cost so much, all together.

        Raises:
            InputError: the price of the model is unknown, or the cap is no amount of money.
        """
        if self.price is None:
            raise InputError(
                f"the price of {self.model.model_name!r} is unknown, so a cap in USD cannot hold; leave --max-usd out "
                "to run without one"
            )
        return replace(self, model=CappedModel(self.model, self.price, cap_usd))

    def missing(self, experiments: Sequence[Experiment], *, is_quick: bool) -> list[Play]:
        """What has to be played for these experiments, each answer once.

        Raises:
            UnsupportedBudget: the model cannot follow the budget of an arm.
        """
        arms = [arm for experiment in experiments for arm in experiment.arms(is_quick=is_quick)]
        for budget in {arm.budget for arm in arms}:
            budget_request(self.model, parse_budget(budget))
        return [play for play in plays(self.problems, arms) if play.key not in self.book.answers]

    def estimate(self, experiments: Sequence[Experiment], *, is_quick: bool) -> Estimate:
        """What these experiments may take, all together."""
        wanted = self.missing(experiments, is_quick=is_quick)
        answered = sum((_answer_usage(play) for play in wanted), Usage())
        drafts: dict[DraftKey, Usage] = {}
        for play in wanted:
            if play.arm.sleep is not None:
                read = approximate_tokens(play.problem.context) + _PROMPT_TOKENS
                for key in draft_keys(play.problem.context_id, play.arm.sleep):
                    if key not in self.book.drafts:
                        drafts[key] = Usage(input_tokens=read, output_tokens=_DRAFT_TOKENS)
        usage = sum(drafts.values(), answered)
        price = self.price
        cost = None if price is None else billed_cost_usd(usage, price)
        return Estimate(len(wanted), len(drafts), usage, cost)

    async def run(self, experiment: Experiment, *, is_quick: bool, progress: Progress | None = None) -> None:
        """Play what an experiment misses.

        Prompts that the provider refuses leave unscored answers, as long as it takes others of the same arm.

        Raises:
            CapReached: the cap leaves no room for the next call.
            Incomplete: answers failed; the message says how many and why the first did.
            InputError: the experiment needs what the model cannot give.
        """
        scorer = await query_scorer(self.model) if experiment.needs_scores else None
        wanted = self.missing([experiment], is_quick=is_quick)
        async with self.model:
            if wanted:
                await self._play(experiment.name, wanted, progress)
        if scorer is not None:
            await score_problems(scorer, self.problems, self.book, progress)

    async def _play(self, name: str, wanted: Sequence[Play], progress: Progress | None) -> None:
        from sleeptime.lab.evaluation import evaluate
        from sleeptime.lab.tasks import lab_task

        is_nano = self.model.system == "nano"
        model = self.model if is_nano else ConcurrencyLimitedModel(self.model, self.concurrency)
        player = Player(RetryModel(model, rng=random.Random()), self.book, self.problems)
        tally = _Tally(len(wanted), progress)

        async def play(left: Sequence[Play]) -> str:
            at_once = NANO_TOGETHER if is_nano else self.concurrency
            task = lab_task(name, left, player, tally)
            return await evaluate(task, self.log_folder, at_once=at_once, max_failures=MAX_FAILURES)

        why = await play(wanted)
        if not why and tally.has_rejected:
            # Whether the provider takes other prompts was not known when the first ones were refused; now it is.
            tally.failures.clear()
            why = await play([play for play in wanted if play.key not in self.book.answers])
        if not (why or tally.failures):
            return
        if isinstance(self.model, CappedModel) and self.model.refusal is not None:
            raise self.model.refusal
        raise Incomplete(
            f"{tally.missing} of {len(wanted)} answers of {name} are missing; the first failure: "
            f"{tally.why or why}. What came is kept: the same command plays the others"
        )


class _Tally:
    """Counts answers, and keeps what failed."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress
        self.failures: list[Exception] = []

    @property
    def missing(self) -> int:
        return self._total - self._done

    @property
    def has_rejected(self) -> bool:
        """Whether the provider refused prompts and took others."""
        return self._done > 0 and any(isinstance(error, PromptRejected) for error in self.failures)

    @property
    def why(self) -> str:
        """Why the first failed; ``""`` where none did."""
        return next((_in_words(error) for error in self.failures), "")

    def record(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)

    def failure(self, error: Exception) -> None:
        self.failures.append(error)


def _in_words(error: Exception) -> str:
    return str(error) if isinstance(error, SleeptimeError) else f"{type(error).__name__}: {error}"


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
