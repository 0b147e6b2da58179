"""How nano is taught: two stages of one run, each with its own learning-rate cycle and its own mix of rows.

The second stage starts from the weights of the first with a lower peak (warm restart, arXiv:1608.03983) and trains what
the first left weak (docs/lab-notebook.md): notes in the order of the text, notes with gaps, and queries that are rare.
"""

from __future__ import annotations

from dataclasses import dataclass

Shares = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of equal length.

    Attributes:
        peak: learning rate at its height, as a share of the run's.
        constant_to: progress in the stage, 0 to 1, at which the rate begins to fall to `END` of the peak.
        easy: shares of drill rows and of look-up rows, as (progress from which they hold, drills, look-ups).
        with_notes, alone: shares of the budgets v0 to v4, of queries that see notes and of those that do not.
        written: share of rows in which notes are to be written, and are trained.
        shuffled: share of notes in a random topological order; the others follow the text.
        gaps: shares of given notes that lack 0, 10, 30 or 60 % of their lines.
        is_hard: ask rare and deep queries as often as likely ones, of worlds that are deeper than most.
    """

    peak: float
    constant_to: float
    easy: tuple[tuple[float, float, float], ...]
    with_notes: Shares
    alone: Shares
    written: float
    shuffled: float
    gaps: Shares
    is_hard: bool

    def rate(self, progress: float) -> float:
        """Factor of the learning rate at a progress of 0 to 1: warm-up, constant, then linear."""
        fall = (progress - self.constant_to) / (1 - self.constant_to)
        return self.peak * min(1.0, 0.01 + progress / WARM_UP, 1 - (1 - END) * max(0.0, fall))

    def easy_shares(self, progress: float) -> tuple[float, float]:
        """Shares of drill rows and of look-up rows at a progress of 0 to 1."""
        return next((drills, lookups) for start, drills, lookups in reversed(self.easy) if progress >= start)


WARM_UP, END = 0.01, 0.02
GAPS = (0.0, 0.1, 0.3, 0.6)

STAGES = (
    Stage(
        peak=1.0,
        constant_to=0.35,
        easy=((0.0, 0.2, 0.7), (0.025, 0.5, 0.15), (0.09, 0.12, 0.12), (0.3, 0.04, 0.1), (0.85, 0.03, 0.04)),
        with_notes=(0.7, 0.08, 0.05, 0.12, 0.05),
        alone=(0.24, 0.1, 0.12, 0.45, 0.09),
        written=0.5,
        shuffled=1.0,
        gaps=(0.7, 0.0, 0.3, 0.0),
        is_hard=False,
    ),
    Stage(
        peak=0.5,
        constant_to=0.1,
        easy=((0.0, 0.04, 0.04),),
        with_notes=(0.74, 0.08, 0.05, 0.08, 0.05),
        alone=(0.2, 0.08, 0.12, 0.38, 0.22),
        written=0.85,
        shuffled=0.2,
        gaps=(0.5, 0.15, 0.2, 0.15),
        is_hard=True,
    ),
)


def stage_at(progress: float, count: int = len(STAGES)) -> tuple[Stage, float]:
    """The stage at a progress of the whole run of the first `count` stages, 0 to 1, and the progress in it."""
    index = min(int(progress * count), count - 1)
    return STAGES[index], progress * count - index
