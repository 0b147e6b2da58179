"""Run: plays what an experiment still misses, through Inspect, within a cap; stopped, it goes on where it was."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic_ai.models import Model
from pydantic_ai.models.concurrency import ConcurrencyLimitedModel

from sleeptime.core.budget import parse_budget
from sleeptime.core.tokens import approximate_tokens
from sleeptime.core.usage import Usage
from sleeptime.lab.experiments.experiment import Experiment
from sleeptime.lab.player import Player
from sleeptime.lab.plays import Play, plays
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import DraftKey, RecordBook
from sleeptime.lab.scoring import query_scorer, score_problems
from sleeptime.lab.sleeper import draft_keys
from sleeptime.lab.tally import MAX_FAILURES, Progress, Tally
from sleeptime.models.budgets import budget_request
from sleeptime.models.retry import RetryModel

NANO_TOGETHER: Final = 256
"""Answers under way at once on nano, which decodes them in batches."""

_OUTPUT_TOKENS: Final = {"v0": 30, "v1": 80, "v2": 150, "v3": 300, "v4": 600}
"""Guess of a reply's length on provider models, for the estimate alone."""
_THINKING_TOKENS: Final = 3_000
_DRAFT_TOKENS: Final = 900
_PROMPT_TOKENS: Final = 450
"""Guess of what the instructions add to a context and a query."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run may take. A guess from the length of texts; the cap is what holds.

    Args:
        answers, drafts: calls still to be made.
        usage: their tokens.
    """

    answers: int
    drafts: int
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A model, problems and the book of their records.

    Args:
        model: as it was resolved, under a cap or not.
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
        return Estimate(len(wanted), len(drafts), sum(drafts.values(), answered))

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
        tally = Tally(len(wanted), progress)

        async def play(left: Sequence[Play]) -> str:
            at_once = NANO_TOGETHER if is_nano else self.concurrency
            task = lab_task(name, left, player, tally)
            return await evaluate(task, self.log_folder, at_once=at_once, max_failures=MAX_FAILURES)

        why = await play(wanted)
        if not why and tally.has_rejected:
            # Whether the provider takes other prompts was not known when the first ones were refused; now it is.
            tally.failures.clear()
            why = await play([play for play in wanted if play.key not in self.book.answers])
        tally.check(why, self.model, of=name)


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
