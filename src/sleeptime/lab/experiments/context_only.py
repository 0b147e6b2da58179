"""Context-only: how far does guessing the question go? (arXiv:2504.13171, section 5.4)

The query is hidden: the model says the question that it expects of a context and answers that one. What it gets right
so, it could have answered before anyone asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, merged
from sleeptime.lab.experiments.recipes import BUDGETS
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.experiments.verdicts import is_ahead
from sleeptime.lab.experiments.wording import figures, percent, points
from sleeptime.lab.figures import Axis, PointChart, Series, Style, figure_svg
from sleeptime.lab.statistics import Bootstrap, Estimate
from sleeptime.lab.statistics.estimate import Floats
from sleeptime.wake.route import normal_question


@dataclass(frozen=True, slots=True, eq=False)
class AtBudget:
    """Guessing and asking at one budget.

    Args:
        budget: which.
        guess: the query hidden.
        alone: the query asked, without sleep.
        slept: the query asked, with sleep.
        hits: ``(n,)`` 1 where the guessed question is the one asked.
    """

    budget: str
    guess: Rows
    alone: Rows
    slept: Rows
    hits: Floats

    @property
    def luck(self) -> Floats:
        """``(n,)`` 1 where the answer is right though another question was guessed."""
        return self.guess.right * (1 - self.hits)


class ContextOnly:
    """Guessed questions against asked ones."""

    name = "context-only"
    question = "How often is an answer right when the model has to guess the question?"
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """At every budget: guess, ask without sleep, ask with sleep."""
        return [arm for budget in BUDGETS for arms in _arms(budget, is_quick=is_quick) for arm in arms]

    def analyse(self, study: Study) -> Findings:
        """Compare guessing with asking.

        Raises:
            InputError: records are missing.
        """
        found = [_at(study, budget) for budget in BUDGETS]
        bootstrap = Bootstrap(found[0].guess.contexts, seed=study.seed)
        reach = bootstrap.share(_is_reached(found[-1]), found[-1].guess.contexts)
        return Findings(
            summary=_summary(found, reach, bootstrap),
            tables=(_table(found, bootstrap, study),),
            figures=_figures(found, bootstrap),
            claims=tuple(_claims(study, found, bootstrap)),
            data={
                "guess_is_a_query_of_its_context": figures(reach),
                "budgets": {at.budget: _data(at, bootstrap) for at in found},
            },
        )


EXPERIMENT: Final = ContextOnly()


def _arms(budget: str, *, is_quick: bool) -> tuple[tuple[Arm, ...], ...]:
    return (Arm(budget, is_guess=True),), WITHOUT.at(budget), merged(is_quick=is_quick).at(budget)


def _at(study: Study, budget: str) -> AtBudget:
    guess, alone, slept = (rows_of(study, *arms) for arms in _arms(budget, is_quick=study.is_quick))
    asked = [normal_question(problem.query) for problem in study.problems]
    hits = [said == question for said, question in zip(_guesses(guess), asked, strict=True)]
    return AtBudget(budget, guess, alone, slept, np.array(hits, dtype=np.float64))


def _guesses(guess: Rows) -> list[str]:
    """The guessed questions: the first line of each record."""
    return [normal_question(row[0].reply.partition("\n")[0]) for row in guess.records]


def _is_reached(at: AtBudget) -> list[bool]:
    """Per query, whether the guess about its context is any of the queries about it."""
    asked: dict[str, set[str]] = {}
    for problem in at.guess.problems:
        asked.setdefault(problem.context_id, set()).add(normal_question(problem.query))
    return [said in asked[context] for said, context in zip(_guesses(at.guess), at.guess.contexts, strict=True)]


def _table(found: Sequence[AtBudget], bootstrap: Bootstrap, study: Study) -> Table:
    rows = tuple(
        (
            f"`{at.budget}`",
            percent(at.guess.accuracy(bootstrap)),
            percent(at.alone.accuracy(bootstrap)),
            percent(at.slept.accuracy(bootstrap)),
            points(at.guess.minus(at.alone, bootstrap)),
            percent(bootstrap.share(at.hits, at.guess.contexts)),
            percent(bootstrap.share(at.luck, at.guess.contexts)),
            str(len(at.hits)),
            " / ".join(str(arm.unscored) for arm in (at.guess, at.alone, at.slept)),
        )
        for at in found
    )
    header: tuple[str, ...] = (
        "budget",
        "guessed",
        "asked, without sleep",
        "asked, with sleep",
        "guessed less asked without sleep",
    )
    header += ("guess is the query", "right though it is not", "n", "unscored: guessed / without / with")
    note = (
        f"With sleep: {merged(is_quick=study.is_quick).name}. A guess is the query when they are equal but for case, "
        "spacing and the final mark. It is greedy, so all queries about a context get the same one."
    )
    return Table("Guessing the question", header, rows, note)


def _figures(found: Sequence[AtBudget], bootstrap: Bootstrap) -> tuple[Figure, ...]:
    positions = range(len(found))
    series = (
        Series.of("asked, with sleep", positions, [at.slept.accuracy(bootstrap) for at in found], Style.SLEEP),
        Series.of("asked, without", positions, [at.alone.accuracy(bootstrap) for at in found], Style.FULL),
        Series.of("guessed", positions, [at.guess.accuracy(bootstrap) for at in found], Style.OTHER),
    )
    budgets = tuple(at.budget for at in found)
    chart = PointChart(
        "Guessing the question", series, Axis(""), Axis("right", percent=True, limits=(0, 1)), (), budgets
    )
    caption = "Accuracy by budget when the question is asked, and when it has to be guessed. Bars are 95 % intervals."
    return (Figure("context-only", caption, figure_svg([chart], title="Context-only", description=caption)),)


def _claims(study: Study, found: Sequence[AtBudget], bootstrap: Bootstrap) -> list[Claim]:
    ahead = [(at, at.alone.minus(at.guess, bootstrap)) for at in found]
    return [
        is_ahead(
            study,
            f"the paper: with the question, far more answers are right than from the context alone (`{at.budget}`)",
            difference,
            f"asked less guessed: {points(difference)}",
        )
        for at, difference in (ahead[0], ahead[-1])
    ]


def _summary(found: Sequence[AtBudget], reach: Estimate, bootstrap: Bootstrap) -> str:
    first, last = found[0], found[-1]
    return (
        f"With the question hidden, {percent(last.guess.accuracy(bootstrap))} of the answers are right at "
        f"`{last.budget}`, against {percent(last.alone.accuracy(bootstrap))} with the question. At `{first.budget}` it "
        f"is {percent(first.guess.accuracy(bootstrap))} against {percent(first.alone.accuracy(bootstrap))}, and "
        f"{percent(first.slept.accuracy(bootstrap))} with sleep. The guessed question is the one asked for "
        f"{percent(bootstrap.share(last.hits, last.guess.contexts))} of the queries, and one of those asked about its "
        f"context for {percent(reach)}. One guess cannot serve several different queries about a context: at most one "
        "of them is met."
    )


def _data(at: AtBudget, bootstrap: Bootstrap) -> dict[str, Any]:
    arms = {"guessed": at.guess, "without": at.alone, "with": at.slept}
    return {name: arm.data(bootstrap) for name, arm in arms.items()} | {
        "guessed_less_without": figures(at.guess.minus(at.alone, bootstrap)),
        "guess_is_the_query": figures(bootstrap.share(at.hits, at.guess.contexts)),
        "right_though_it_is_not": figures(bootstrap.share(at.luck, at.guess.contexts)),
    }
