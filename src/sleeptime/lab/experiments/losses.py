"""Losses: what a model did not give an experiment, so that a reader sees how much stands on how little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sleeptime.core.outcome import Outcome
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.plays import plays
from sleeptime.lab.sleeper import draft_keys


@dataclass(frozen=True, slots=True)
class Losses:
    """Answers and drafts that came to nothing.

    Args:
        rejected_answers: whose prompt the provider refused for what it holds; they are unscored.
        answers: in all.
        failed_drafts: refused or not to be read; the queries are served without their notes.
        drafts: in all.
    """

    rejected_answers: int
    answers: int
    failed_drafts: int
    drafts: int

    def __str__(self) -> str:
        """In words; ``""`` where nothing was lost."""
        said = []
        if self.rejected_answers:
            said.append(
                f"The provider refused the prompts of {self.rejected_answers:,} of the {self.answers:,} answers: they "
                "are unscored."
            )
        if self.failed_drafts:
            said.append(
                f"{self.failed_drafts:,} of the {self.drafts:,} drafts failed (refused, or not to be read): queries "
                "are served without their notes."
            )
        return " ".join(said)


def losses_of(study: Study, arms: Sequence[Arm]) -> Losses:
    """What these arms lost; what is not there yet is not lost."""
    played = [study.book.answers.get(play.key) for play in plays(study.problems, arms)]
    answers = [record for record in played if record is not None]
    contexts = {problem.context_id for problem in study.problems}
    recipes = [arm.sleep for arm in arms if arm.sleep is not None]
    keys = {key for recipe in recipes for context in contexts for key in draft_keys(context, recipe)}
    drafts = [study.book.drafts[key] for key in keys if key in study.book.drafts]
    return Losses(
        sum(record.is_rejected for record in answers),
        len(answers),
        sum(draft.outcome is Outcome.FAILED for draft in drafts),
        len(drafts),
    )
