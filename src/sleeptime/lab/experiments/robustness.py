"""Robustness: how accuracy falls when c' is wrong, cluttered, empty or that of another context.

The harm is done after verification: these are the errors that it let through. Each seed has drafts and draws of harm of
its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sleeptime.core.budget import parse_budget
from sleeptime.lab.arm import Arm, Damage, Harm
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, merged
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.experiments.wording import figures, listed, percent, points
from sleeptime.lab.figures import Axis, PointChart, Series, Style, figure_svg
from sleeptime.lab.statistics import Bootstrap
from sleeptime.wake.route import Route, wants_notes

BUDGETS: Final = ("v0", "v1", "v3")
ERRORS: Final = (0.05, 0.1, 0.2)
DISTRACTORS: Final = (0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """A harm as tables name it."""

    name: str
    short: str
    harm: Harm
    share: float = 1.0

    def arms(self, budget: str, *, is_quick: bool) -> tuple[Arm, ...]:
        """Its arms at a budget, one per seed; an empty c' is the same by every seed."""
        sleeps = merged(is_quick=is_quick).sleeps[: 1 if self.harm is Harm.EMPTY else None]
        return tuple(
            Arm(budget, sleep, _route(budget), damage=Damage(self.harm, self.share, sleep.seed)) for sleep in sleeps
        )


KINDS: Final = (
    *(
        Kind(f"{100 * share:g} % of the notes wrong", f"{100 * share:g} %\nwrong", Harm.ERRORS, share)
        for share in ERRORS
    ),
    *(
        Kind(f"{100 * share:g} % notes of another context added", f"{100 * share:g} %\nadded", Harm.DISTRACTORS, share)
        for share in DISTRACTORS
    ),
    Kind("empty", "empty", Harm.EMPTY),
    Kind("that of another context", "other\ncontext", Harm.OTHER),
)


@dataclass(frozen=True, slots=True, eq=False)
class AtBudget:
    """A budget with every harm.

    Args:
        budget: which.
        alone: without sleep.
        sound: the c' as sleep left it.
        harmed: by kind of harm.
    """

    budget: str
    alone: Rows
    sound: Rows
    harmed: dict[Kind, Rows]


class Robustness:
    """Damaged c' against sound c' and against none."""

    name = "robustness"
    question = "How does accuracy fall when notes are wrong, cluttered, missing or about something else?"
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """Without sleep, sound, and every harm, at three budgets."""
        sound = merged(is_quick=is_quick)
        return [
            arm
            for budget in BUDGETS
            for arm in (
                *WITHOUT.at(budget),
                *sound.at(budget, _route(budget)),
                *(arm for kind in KINDS for arm in kind.arms(budget, is_quick=is_quick)),
            )
        ]

    def analyse(self, study: Study) -> Findings:
        """Compare harmed c' with sound ones.

        Raises:
            InputError: records are missing.
        """
        found = [_at(study, budget) for budget in BUDGETS]
        bootstrap = Bootstrap(found[0].alone.contexts, seed=study.seed)
        return Findings(
            summary=_summary(found, bootstrap),
            tables=tuple(_table(at, bootstrap, study) for at in found),
            figures=_figures(found, bootstrap),
            claims=_claims(found[0], bootstrap),
            data={at.budget: _data(at, bootstrap) for at in found},
        )


EXPERIMENT: Final = Robustness()


def _route(budget: str) -> Route:
    """The route that serves notes: where auto would leave them out there would be nothing to harm."""
    return Route.AUTO if wants_notes(Route.AUTO, parse_budget(budget)) else Route.NOTES


def _at(study: Study, budget: str) -> AtBudget:
    sound = merged(is_quick=study.is_quick)
    return AtBudget(
        budget,
        rows_of(study, *WITHOUT.at(budget)),
        rows_of(study, *sound.at(budget, _route(budget))),
        {kind: rows_of(study, *kind.arms(budget, is_quick=study.is_quick)) for kind in KINDS},
    )


def _table(at: AtBudget, bootstrap: Bootstrap, study: Study) -> Table:
    def row(name: str, arm: Rows) -> tuple[str, ...]:
        return (
            name,
            percent(arm.accuracy(bootstrap)),
            points(arm.minus(at.sound, bootstrap)) if arm is not at.sound else "",
            points(arm.minus(at.alone, bootstrap)) if arm is not at.alone else "",
            f"{arm.output.mean():.1f}",
            f"{arm.notes:.1f}",
            str(len(arm.contexts)),
            f"{arm.unscored} of {arm.answers}",
        )

    rows = [row("sound", at.sound), *(row(kind.name, arm) for kind, arm in at.harmed.items())]
    header = ("c'", "accuracy", "less sound", "less without sleep", "output tokens", "notes served", "n", "unscored")
    note = (
        f"c' of {merged(is_quick=study.is_quick).name}, harmed after verification. A wrong note has a slip in its "
        "value: off by one or ten, or digits exchanged. Each seed of the drafts has draws of harm of its own. "
        "Differences are paired on the same queries."
    )
    return Table(f"Harm at {at.budget}", header, (*rows, row("no sleep", at.alone)), note)


def _figures(found: Sequence[AtBudget], bootstrap: Bootstrap) -> tuple[Figure, ...]:
    categories = ("no sleep", "sound", *(kind.short for kind in KINDS))
    styles = (Style.SLEEP, Style.AUTO, Style.FULL)
    series = tuple(
        Series.of(
            at.budget,
            range(len(categories)),
            [arm.accuracy(bootstrap) for arm in (at.alone, at.sound, *at.harmed.values())],
            style,
        )
        for at, style in zip(found, styles, strict=True)
    )
    chart = PointChart(
        "Accuracy with a harmed c'", series, Axis(""), Axis("right", percent=True, limits=(0, 1)), (), categories
    )
    caption = (
        "Accuracy at three budgets without sleep, with a sound c', and with harmed ones: a share of the notes wrong, "
        "notes of another context added, no notes, and the c' of another context. Bars are 95 % intervals."
    )
    return (Figure("robustness", caption, figure_svg([chart], title="Robustness", description=caption)),)


def _claims(at: AtBudget, bootstrap: Bootstrap) -> tuple[Claim, ...]:
    """An empty c' serves what no sleep serves; a model that draws its answers may still differ."""
    empty = next(arm for kind, arm in at.harmed.items() if kind.harm is Harm.EMPTY)
    difference = empty.minus(at.alone, bootstrap)
    is_same = [row[0].verdict for row in empty.records] == [row[0].verdict for row in at.alone.records]
    measured = f"{points(difference)}, n = {difference.n}"
    target = f"an empty c' answers as no sleep does (`{at.budget}`; a check of the arms)"
    return (Claim(target, measured, True if is_same else None),)


def _summary(found: Sequence[AtBudget], bootstrap: Bootstrap) -> str:
    lowest = found[0]
    worst_errors = [(kind, arm) for kind, arm in lowest.harmed.items() if kind.harm is Harm.ERRORS][-1]
    other = next(arm for kind, arm in lowest.harmed.items() if kind.harm is Harm.OTHER)
    said = [
        f"At `{lowest.budget}` accuracy falls from {percent(lowest.sound.accuracy(bootstrap))} to "
        f"{percent(worst_errors[1].accuracy(bootstrap))} with {worst_errors[0].name} "
        f"({points(worst_errors[1].minus(lowest.sound, bootstrap))}), and to {percent(other.accuracy(bootstrap))} with "
        f"the c' of another context; without sleep it is {percent(lowest.alone.accuracy(bootstrap))}."
    ]
    for at in found:
        below = [kind.name for kind, arm in at.harmed.items() if arm.minus(at.alone, bootstrap).is_below()]
        if below:
            said.append(f"At `{at.budget}` it is worse than no sleep with these c': {listed(below)}.")
        else:
            said.append(f"At `{at.budget}` no harm makes it worse than no sleep, as far as the intervals tell.")
    return " ".join(said)


def _data(at: AtBudget, bootstrap: Bootstrap) -> dict[str, Any]:
    def arm_data(arm: Rows) -> dict[str, Any]:
        return arm.data(bootstrap) | {
            "less_sound": figures(arm.minus(at.sound, bootstrap)),
            "less_without": figures(arm.minus(at.alone, bootstrap)),
        }

    named = {"without sleep": at.alone, "sound": at.sound} | {kind.name: arm for kind, arm in at.harmed.items()}
    return {name: arm_data(arm) for name, arm in named.items()}
