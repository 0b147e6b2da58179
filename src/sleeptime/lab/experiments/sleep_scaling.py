"""Sleep scaling: what more sleep buys, by the number of drafts and by effort (arXiv:2504.13171, section 5.2).

The paper concatenates k drafts and gets worse after five. Merging lets them agree instead. Drafts are nested: the ten
of one seed hold its five, and the sleeps of all other experiments are among these. The first draft is greedy, so one
draft is the same for every seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sleeptime.core.budget import EffortLevel
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Findings, Study
from sleeptime.lab.experiments.note_quality import NoteQuality, quality_of
from sleeptime.lab.experiments.recipes import of_drafts, seeded
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.statistics import Bootstrap
from sleeptime.sleep.settings import Combine, SleepSettings
from sleeptime.wake.route import Route

DRAFTS: Final = (1, 2, 5, 10, 20, 32)
QUICK_DRAFTS: Final = (1, 2, 5)
EFFORTS: Final[tuple[EffortLevel, ...]] = ("low", "medium", "high")
BUDGET: Final = "v0"
LARGER_BUDGET: Final = "v3"
LARGER_DRAFTS: Final = (1, 10, 32)


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """One number of drafts, combined in one way.

    Args:
        drafts: k.
        combine: how.
        answers: at the lowest budget.
        larger: at a larger budget; None where it was not played.
        quality: of the notes.
    """

    drafts: int
    combine: Combine
    answers: Rows
    larger: Rows | None
    quality: NoteQuality

    @property
    def served(self) -> float:
        """Share of the notes that the prompts with notes held; below 1 where c' did not fit."""
        read = written = 0
        for row in self.answers.records:
            for record, sizes in zip(row, self.quality.sizes, strict=True):
                if record.route == Route.NOTES:
                    read += record.notes
                    written += sizes[record.context_id]
        return read / written if written else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Effort:
    """One draft at an effort."""

    level: EffortLevel
    answers: Rows
    quality: NoteQuality


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Everything that was played.

    Args:
        by_combine: by rising k.
        efforts: by rising effort.
        bootstrap: the draws.
    """

    by_combine: dict[Combine, tuple[Scaled, ...]]
    efforts: tuple[Effort, ...]
    bootstrap: Bootstrap


class SleepScaling:
    """Accuracy by drafts, by how they are combined, and by effort."""

    name = "sleep-scaling"
    question = "Does more sleep make answers better, and how long do the prompts get?"
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """Every number of drafts, combined both ways, at the lowest budget; a few at a larger one; every effort."""
        found = [
            arm
            for combine in Combine
            for drafts in _drafts(is_quick=is_quick)
            for arm in (*_arms(drafts, combine, is_quick=is_quick), *_larger(drafts, combine, is_quick=is_quick))
        ]
        return [*found, *(_effort_arm(level) for level in EFFORTS)]

    def analyse(self, study: Study) -> Findings:
        """Find what more sleep does.

        Raises:
            InputError: records or drafts are missing.
        """
        from sleeptime.lab.experiments.sleep_scaling_findings import findings_of

        bootstrap = Bootstrap((problem.context_id for problem in study.problems), seed=study.seed)
        scaling = Scaling(
            {
                combine: tuple(_scaled(study, k, combine, bootstrap) for k in _drafts(is_quick=study.is_quick))
                for combine in (Combine.MERGE, Combine.CONCAT)
            },
            tuple(_effort(study, level, bootstrap) for level in EFFORTS),
            bootstrap,
        )
        return findings_of(study, scaling)


EXPERIMENT: Final = SleepScaling()


def _drafts(*, is_quick: bool) -> tuple[int, ...]:
    return QUICK_DRAFTS if is_quick else DRAFTS


def _arms(drafts: int, combine: Combine, *, is_quick: bool) -> tuple[Arm, ...]:
    return tuple(Arm(BUDGET, sleep) for sleep in seeded(drafts, combine, is_quick=is_quick))


def _larger(drafts: int, combine: Combine, *, is_quick: bool) -> tuple[Arm, ...]:
    is_played = combine is Combine.MERGE and drafts in LARGER_DRAFTS and not is_quick
    sleeps = seeded(drafts, combine, is_quick=is_quick) if is_played else ()
    return tuple(Arm(LARGER_BUDGET, sleep, Route.NOTES) for sleep in sleeps)


def _effort_recipe(level: EffortLevel) -> SleepSettings:
    return replace(of_drafts(1), effort=level)


def _effort_arm(level: EffortLevel) -> Arm:
    return Arm(BUDGET, _effort_recipe(level))


def _scaled(study: Study, drafts: int, combine: Combine, bootstrap: Bootstrap) -> Scaled:
    larger = _larger(drafts, combine, is_quick=study.is_quick)
    return Scaled(
        drafts,
        combine,
        rows_of(study, *_arms(drafts, combine, is_quick=study.is_quick)),
        rows_of(study, *larger) if larger else None,
        quality_of(study, seeded(drafts, combine, is_quick=study.is_quick), bootstrap),
    )


def _effort(study: Study, level: EffortLevel, bootstrap: Bootstrap) -> Effort:
    return Effort(level, rows_of(study, _effort_arm(level)), quality_of(study, [_effort_recipe(level)], bootstrap))
