"""Sleep scaling: what more sleep buys, by the number of drafts and by effort (arXiv:2504.13171, section 5.2).

The paper concatenates k drafts and gets worse after five. Merging lets them agree instead. Drafts are nested: the ten
of one seed hold its five. The first draft is greedy, so one draft is the same for every seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sleeptime.core.budget import EffortLevel
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Findings, Study
from sleeptime.lab.experiments.note_quality import NoteQuality, quality_of
from sleeptime.lab.experiments.recipes import ONE, of_drafts
from sleeptime.lab.experiments.repeated import Repeated, repeated, single
from sleeptime.lab.statistics import Bootstrap
from sleeptime.sleep.settings import Combine, SleepSettings
from sleeptime.wake.route import Route

DRAFTS: Final = (1, 2, 5, 10, 20, 32)
QUICK_DRAFTS: Final = (1, 2, 5)
SEEDS: Final = (0, 1_000, 2_000)
"""Far apart: draft i is sampled with the seed plus i."""
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
        answers: at the lowest budget, of all seeds.
        larger: at a larger budget, first seed; None where it was not played.
        quality: of the notes, first seed.
    """

    drafts: int
    combine: Combine
    answers: Repeated
    larger: Repeated | None
    quality: NoteQuality

    @property
    def served(self) -> float:
        """Share of the notes that the prompts with notes held, first seed; below 1 where c' did not fit."""
        records = [row[0] for row in self.answers.rows[0].records if row[0].route == Route.NOTES]
        written = sum(self.quality.sizes[record.context_id] for record in records)
        return sum(record.notes for record in records) / written if written else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Effort:
    """One draft at an effort."""

    level: EffortLevel
    answers: Repeated
    quality: NoteQuality


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Everything that was played.

    Args:
        by_combine: by rising k.
        efforts: by rising effort.
        seeds: how many.
        bootstrap: the draws.
    """

    by_combine: dict[Combine, tuple[Scaled, ...]]
    efforts: tuple[Effort, ...]
    seeds: int
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
            for arm in (
                *_arms(drafts, combine, is_quick=is_quick),
                *_larger(drafts, combine, is_quick=is_quick),
            )
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
            len(_seeds(is_quick=study.is_quick)),
            bootstrap,
        )
        return findings_of(study, scaling)


EXPERIMENT: Final = SleepScaling()


def _drafts(*, is_quick: bool) -> tuple[int, ...]:
    return QUICK_DRAFTS if is_quick else DRAFTS


def _seeds(*, is_quick: bool) -> tuple[int, ...]:
    return SEEDS[:1] if is_quick else SEEDS


def _arms(drafts: int, combine: Combine, *, is_quick: bool) -> list[Arm]:
    seeds = _seeds(is_quick=is_quick) if drafts > 1 else SEEDS[:1]
    return [Arm(BUDGET, of_drafts(drafts, combine, seed=seed)) for seed in seeds]


def _larger(drafts: int, combine: Combine, *, is_quick: bool) -> list[Arm]:
    is_played = combine is Combine.MERGE and drafts in LARGER_DRAFTS and not is_quick
    return [Arm(LARGER_BUDGET, of_drafts(drafts, combine), route=Route.NOTES)] if is_played else []


def _effort_recipe(level: EffortLevel) -> SleepSettings:
    return replace(ONE, effort=level)


def _effort_arm(level: EffortLevel) -> Arm:
    return Arm(BUDGET, _effort_recipe(level))


def _scaled(study: Study, drafts: int, combine: Combine, bootstrap: Bootstrap) -> Scaled:
    larger = _larger(drafts, combine, is_quick=study.is_quick)
    return Scaled(
        drafts,
        combine,
        repeated(study, _arms(drafts, combine, is_quick=study.is_quick)),
        single(study, larger[0]) if larger else None,
        quality_of(study, of_drafts(drafts, combine), bootstrap),
    )


def _effort(study: Study, level: EffortLevel, bootstrap: Bootstrap) -> Effort:
    return Effort(level, single(study, _effort_arm(level)), quality_of(study, _effort_recipe(level), bootstrap))
