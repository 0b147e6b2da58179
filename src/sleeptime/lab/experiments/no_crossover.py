"""No crossover: does `route=auto` ever lose to the better of serving notes and leaving them out?

In the paper test-time compute alone is ahead at high budgets, where c' distracts (arXiv:2504.13171, section 5.1). A
route chosen per query should never lose what the better arm has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from operator import attrgetter
from typing import Any, Final

import numpy as np

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, merged
from sleeptime.lab.experiments.recipes import BUDGETS
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.experiments.verdicts import at_most, is_ahead
from sleeptime.lab.experiments.wording import figures, listed, percent, points, tokens
from sleeptime.lab.figures import Axis, PointChart, Reference, Series, Style, figure_svg
from sleeptime.lab.statistics import Bootstrap, Estimate, divide
from sleeptime.lab.statistics.estimate import Floats
from sleeptime.wake.route import Route

MOST_LOST: Final = 0.005
"""What auto may lose to the better arm: half a point."""


@dataclass(frozen=True, slots=True, eq=False)
class AtBudget:
    """The three arms at one budget.

    Args:
        budget: which.
        alone: without sleep.
        notes: notes wherever there are any.
        auto: the route as it chooses.
        lost: accuracy of the better of `alone` and `notes` less that of `auto`; the better one is found anew in each
            draw, so that its luck is not counted against `auto` alone.
    """

    budget: str
    alone: Rows
    notes: Rows
    auto: Rows
    lost: Estimate


class NoCrossover:
    """Auto against the better arm, at every budget."""

    name = "no-crossover"
    question = "Does sleep with route=auto lose to the better of notes and no notes at any budget?"
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """Without sleep, with notes, and auto, at every budget."""
        return [arm for budget in BUDGETS for arms in _arms(budget, is_quick=is_quick) for arm in arms]

    def analyse(self, study: Study) -> Findings:
        """Compare the arms.

        Raises:
            InputError: records are missing.
        """
        bootstrap = Bootstrap((problem.context_id for problem in study.problems), seed=study.seed)
        found = [_at(study, budget, bootstrap) for budget in BUDGETS]
        return Findings(
            summary=_summary(found, bootstrap, study),
            tables=(_table(found, bootstrap, study),),
            figures=_figures(found, bootstrap),
            claims=_claims(study, found, bootstrap),
            data={"most_lost": MOST_LOST, "budgets": {at.budget: _data(at, bootstrap) for at in found}},
        )


EXPERIMENT: Final = NoCrossover()


def _arms(budget: str, *, is_quick: bool) -> tuple[tuple[Arm, ...], ...]:
    slept = merged(is_quick=is_quick)
    return WITHOUT.at(budget), slept.at(budget, Route.NOTES), slept.at(budget)


def _at(study: Study, budget: str, bootstrap: Bootstrap) -> AtBudget:
    alone, notes, auto = (rows_of(study, *arms) for arms in _arms(budget, is_quick=study.is_quick))
    return AtBudget(budget, alone, notes, auto, _lost(alone, notes, auto, bootstrap))


def _lost(alone: Rows, notes: Rows, auto: Rows, bootstrap: Bootstrap) -> Estimate:
    contexts = alone.contexts
    columns = [bootstrap.totals(arm.right, contexts) for arm in (alone, notes, auto)]

    def lost(sums: Floats) -> Floats:
        return divide(np.maximum(sums[:, 0], sums[:, 1]) - sums[:, 2], sums[:, 3])

    found = bootstrap.estimate(
        np.stack([*columns, bootstrap.counts(contexts)], axis=1), lost, n=len(contexts), clusters=len(set(contexts))
    )
    assert found is not None, "every row counts"
    return found


def _table(found: Sequence[AtBudget], bootstrap: Bootstrap, study: Study) -> Table:
    rows = tuple(
        (
            f"`{at.budget}`",
            percent(at.alone.accuracy(bootstrap)),
            percent(at.notes.accuracy(bootstrap)),
            percent(at.auto.accuracy(bootstrap)),
            points(at.lost),
            points(at.auto.minus(at.alone, bootstrap)),
            points(at.notes.minus(at.alone, bootstrap)),
            " / ".join(tokens(bootstrap.mean(arm.output, arm.contexts)) for arm in (at.alone, at.notes, at.auto)),
            f"{100 * at.auto.routes.get('full', 0.0):.0f} %",
            str(at.lost.n),
            " / ".join(str(arm.unscored) for arm in (at.alone, at.notes, at.auto)),
        )
        for at in found
    )
    header: tuple[str, ...] = (
        "budget",
        "without sleep",
        "notes",
        "auto",
        "auto loses to the better one",
        "auto less without",
    )
    header += ("notes less without", "output tokens: without / notes / auto", "auto left notes out", "n")
    note = (
        f"Notes are those of {merged(is_quick=study.is_quick).name}, the same for both arms with sleep. Differences "
        "are paired on the same queries. A loss below 0 means that auto is better than both."
    )
    return Table("Routes at every budget", (*header, "unscored: without / notes / auto"), rows, note)


def _figures(found: Sequence[AtBudget], bootstrap: Bootstrap) -> tuple[Figure, ...]:
    positions, budgets = range(len(found)), tuple(at.budget for at in found)
    gains = (
        Series.of("notes", positions, [at.notes.minus(at.alone, bootstrap) for at in found], Style.SLEEP),
        Series.of("auto", positions, [at.auto.minus(at.alone, bootstrap) for at in found], Style.AUTO),
    )
    lost = (Series.of("auto", positions, [at.lost for at in found], Style.AUTO),)
    charts = (
        PointChart("Gain over no sleep", gains, Axis(""), Axis("gain", percent=True), (Reference(0.0),), budgets),
        PointChart(
            "Loss to the better arm",
            lost,
            Axis(""),
            Axis("loss", percent=True),
            (Reference(MOST_LOST, f"{100 * MOST_LOST:g} points"),),
            budgets,
        ),
    )
    caption = (
        "By budget: accuracy with notes and with route=auto, less that without sleep; and what auto loses to the "
        "better of the two arms. Paired on the same queries, in points; bars are 95 % intervals."
    )
    return (Figure("no-crossover", caption, figure_svg(charts, title="No crossover", description=caption)),)


def _claims(study: Study, found: Sequence[AtBudget], bootstrap: Bootstrap) -> tuple[Claim, ...]:
    worst, last = _worst(found), found[-1]
    paper = last.alone.minus(last.notes, bootstrap)
    return (
        at_most(
            study,
            f"at every budget, auto loses at most {100 * MOST_LOST:g} points to the better arm",
            worst.lost,
            MOST_LOST,
            f"at most {points(worst.lost)}, at {worst.budget}",
        ),
        is_ahead(
            study,
            f"the paper: at high budgets test-time compute alone is ahead of notes (`{last.budget}`)",
            paper,
            f"without sleep less with notes: {points(paper)}",
        ),
    )


def _summary(found: Sequence[AtBudget], bootstrap: Bootstrap, study: Study) -> str:
    worst = _worst(found)
    over = [f"`{at.budget}`" for at in found if at.lost.mean > MOST_LOST]
    sure = [f"`{at.budget}`" for at in found if at.lost.high is not None and at.lost.high <= MOST_LOST]
    hurt = [f"`{at.budget}`" for at in found if at.notes.minus(at.alone, bootstrap).is_below()]
    said = [
        f"Auto loses more than {100 * MOST_LOST:g} points to the better arm at {listed(over)}."
        if over
        else f"At no budget does auto lose more than {100 * MOST_LOST:g} points to the better arm.",
        f"Its worst budget is `{worst.budget}`: {points(worst.lost)} less than the better arm.",
        f"The interval rules out a greater loss at {listed(sure)}."
        if sure
        else f"With {worst.lost.n} queries the intervals do not rule out a greater loss at any budget.",
        f"Notes served whenever there are any cost accuracy at {listed(hurt)}."
        if hurt
        else "Notes served whenever there are any cost accuracy at no budget, as far as the intervals tell.",
    ]
    for arm_name, arm_of in (("with notes", attrgetter("notes")), ("without sleep", attrgetter("alone"))):
        if same := [f"`{at.budget}`" for at in found if _is_served_alike(arm_of(at), at.auto)]:
            said.append(f"At {listed(same)} auto served every query as the arm {arm_name} did.")
    return " ".join(said)


def _worst(found: Sequence[AtBudget]) -> AtBudget:
    """The budget where auto loses most; of equal ones that where it could lose most."""
    return max(found, key=lambda at: (at.lost.mean, at.lost.mean if at.lost.high is None else at.lost.high))


def _is_served_alike(arm: Rows, auto: Rows) -> bool:
    """Whether auto took the route, and as many notes, for every query and seed; one answer stands for all seeds."""
    pairs = zip(arm.records, auto.records, strict=True)
    both = ((mine, its) for row, chosen in pairs for mine, its in zip(cycle(row), chosen, strict=False))
    return all((mine.route, mine.notes) == (its.route, its.notes) for mine, its in both)


def _data(at: AtBudget, bootstrap: Bootstrap) -> dict[str, Any]:
    arms = {"without": at.alone, "notes": at.notes, "auto": at.auto}
    return {name: arm.data(bootstrap) for name, arm in arms.items()} | {
        "auto_loses": figures(at.lost),
        "auto_less_without": figures(at.auto.minus(at.alone, bootstrap)),
        "auto_less_notes": figures(at.auto.minus(at.notes, bootstrap)),
        "notes_less_without": figures(at.notes.minus(at.alone, bootstrap)),
    }
