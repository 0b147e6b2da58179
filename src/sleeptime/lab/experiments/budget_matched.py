"""Budget-matched: test-time compute alone is given the sleep tokens too.

With N queries per context, sleep spends ``test + sleep / N`` output tokens per query. Against it stands the best that
the same tokens buy without sleep, out of everything that was measured: any budget, any vote, and any mixture of two.
That is chosen with the answers known, in every resample anew, so the comparison favours test-time compute.

Ways without sleep end: past the dearest one that was measured, the best of them only bounds from below what so many
tokens might buy, and sleep is ahead by at most the difference. Such figures are said to be bounds, and decide nothing
in favour of sleep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.attempts import LOWEST
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, Method, slept
from sleeptime.lab.experiments.recipes import BUDGETS
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.experiments.serving import Sleeps, sleeps_of
from sleeptime.lab.experiments.test_time_figures import draw_matched
from sleeptime.lab.experiments.verdicts import is_ahead
from sleeptime.lab.experiments.ways import Ways, sampled_arms, ways_of
from sleeptime.lab.experiments.wording import NONE, figures, listed, percent, points, tokens
from sleeptime.lab.statistics import Bootstrap, Estimate, divide
from sleeptime.lab.statistics.estimate import Floats
from sleeptime.lab.statistics.frontier import frontier

QUERY_COUNTS: Final = (1, 2, 4, 5, 10)
CLAIM_QUERIES: Final = 10
DRAWN: Final = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Matched:
    """One budget with sleep, for N queries per context, beside the best of the same tokens without.

    Args:
        budget: with sleep.
        method: with sleep.
        n_queries: N.
        accuracy: with sleep.
        spent: output tokens per query, with the share of the sleep.
        is_bound: these are more than any way without sleep took, so the figures below bound what they would buy.
        best: best accuracy of the same tokens without sleep; None where they buy no answer at all.
        best_way: how, as the data are; with its tokens where it leaves some over.
        lead: accuracy with sleep less that, paired.
        best_oracle: best accuracy when an oracle may choose among attempts.
        lead_oracle: accuracy with sleep less that, paired.
        unscored: replies with sleep that could not be read.
    """

    budget: str
    method: str
    n_queries: int
    accuracy: Estimate
    spent: Estimate
    is_bound: bool
    best: Estimate | None
    best_way: str
    lead: Estimate | None
    best_oracle: Estimate | None
    lead_oracle: Estimate | None
    unscored: int


class BudgetMatched:
    """Sleep against test-time compute with as many tokens in all."""

    name = "budget-matched"
    question = "Is sleep still ahead when test-time compute alone is given the sleep tokens too?"
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """Every budget of every method, and samples without sleep."""
        return [
            *(arm for method in (WITHOUT, *slept(is_quick=is_quick)) for arm in method.arms),
            *sampled_arms(is_quick=is_quick),
        ]

    def analyse(self, study: Study) -> Findings:
        """Compare at equal tokens in all.

        Raises:
            InputError: records or drafts are missing.
        """
        ways = ways_of(study)
        contexts = tuple(problem.context_id for problem in study.problems)
        bootstrap = Bootstrap(contexts, seed=study.seed)
        methods, served = slept(is_quick=study.is_quick), []
        for method in methods:
            sleeps = sleeps_of(study, method.sleeps)
            served += [_Served(method, rows_of(study, *method.at(budget)), sleeps) for budget in BUDGETS]
        found = _match(served, ways, bootstrap)
        means = [(label, bootstrap.mean(ways.spent[:, i], contexts), bootstrap.mean(ways.right[:, i], contexts))
                 for i, label in enumerate(ways.labels)]  # fmt: skip
        return Findings(
            summary=_summary(found),
            tables=(
                *(_table(method.name, found, ways) for method in methods),
                _ways_table(means, study),
            ),
            figures=(
                Figure(
                    "budget-matched",
                    "Accuracy against all output tokens per query, the share of the sleep included, for N queries per "
                    "context; the dashed line is the best that the same tokens buy without sleep, the dotted one the "
                    "least that they buy where nothing as dear was measured.",
                    draw_matched(_panels(found), ways.line()),
                ),
            ),
            claims=tuple(_claim(study, method.name, found) for method in methods),
            data={
                "matched": [_matched_data(m) for m in found],
                "ways": [
                    {"way": label, "output_tokens": figures(spent), "accuracy": figures(right), "is_oracle": oracle}
                    for (label, spent, right), oracle in zip(means, ways.is_oracle, strict=True)
                ],
            },
        )


EXPERIMENT: Final = BudgetMatched()


@dataclass(frozen=True, slots=True, eq=False)
class _Served:
    """One budget of a method with sleep."""

    method: Method
    rows: Rows
    sleeps: Sleeps


def _match(served: Sequence[_Served], ways: Ways, bootstrap: Bootstrap) -> list[Matched]:
    """Everything that sleeps, for every N, against the frontier of the ways; made anew in every resample."""
    contexts, asleep = served[0].rows.contexts, served[0].sleeps.contexts
    width, counts, could = len(ways.labels), np.array(QUERY_COUNTS), ways.possible
    columns = [bootstrap.totals(column, contexts) for column in (*ways.spent.T, *ways.right.T)]
    for s in served:
        columns += [bootstrap.totals(s.rows.right, contexts), bootstrap.totals(s.rows.output, contexts)]
    alone = [bootstrap.totals(s.sleeps.output, asleep) for s in served]
    columns = [bootstrap.counts(contexts), bootstrap.counts(asleep), *columns, *alone]

    def compared(sums: Floats) -> Floats:
        means = divide(sums[:, 2:], sums[:, :1])
        each, worth = means[:, :width], means[:, width : 2 * width]
        with_sleep = means[:, 2 * width : 2 * width + 2 * len(served)]
        shares = divide(sums[:, -len(served) :], sums[:, 1:2])
        spent = with_sleep[:, 1::2, None] + shares[:, :, None] / counts
        right = np.repeat(with_sleep[:, 0::2], len(counts), axis=1)
        limits = spent.reshape(len(sums), -1)
        best = frontier(each[:, could], worth[:, could]).best(limits)
        oracle = frontier(each, worth).best(limits)
        return np.stack([limits, best, right - best, oracle, right - oracle], axis=2).reshape(len(sums), -1)

    found = bootstrap.estimates(np.stack(columns, axis=1), compared, n=len(contexts), clusters=len(set(contexts)))
    matched, (_, most) = [], ways.dearest
    for i, (s, n_queries) in enumerate((s, n_queries) for s in served for n_queries in QUERY_COUNTS):
        spent, best, lead, oracle, lead_oracle = found[5 * i : 5 * i + 5]
        assert spent is not None
        matched.append(
            Matched(
                s.rows.budget,
                s.method.name,
                n_queries,
                s.rows.accuracy(bootstrap),
                spent,
                spent.mean > most,
                best,
                ways.best(spent.mean),
                lead,
                oracle,
                lead_oracle,
                s.rows.unscored,
            )
        )
    return matched


def _panels(found: Sequence[Matched]) -> dict[int, dict[str, list[tuple[float, Estimate, str]]]]:
    panels: dict[int, dict[str, list[tuple[float, Estimate, str]]]] = {n: {} for n in DRAWN}
    for m in found:
        if m.n_queries in panels:
            panels[m.n_queries].setdefault(m.method, []).append((m.spent.mean, m.accuracy, m.budget))
    return panels


def _table(method: str, found: Sequence[Matched], ways: Ways) -> Table:
    rows = [
        (
            f"`{m.budget}`",
            str(m.n_queries),
            tokens(m.spent),
            percent(m.accuracy),
            _bounded("at least", percent(m.best), m),
            m.best_way,
            _bounded("at most", points(m.lead), m),
            _bounded("at most", points(m.lead_oracle), m),
            str(m.accuracy.n),
            str(m.unscored),
        )
        for m in found
        if m.method == method
    ]
    dearest, most = ways.dearest
    header = (
        *("budget", "queries per context", "output tokens per query, sleep shared", "accuracy with sleep"),
        *("best without", "by", "lead", "lead over an oracle", "n", "unscored"),
    )
    note = (
        "A sleep-time token counts as much as a test-time one. Best without: any budget, any majority vote, or a "
        "mixture of two of them, chosen with the answers known, and with its tokens where no dearer one is better; an "
        "oracle may also pick the right one of several attempts. At least, at most: these are more tokens than the "
        f"dearest way without sleep took ({dearest}: {most:,.1f}), so what they would buy is bounded and not measured. "
        f"{ways.unscored} replies without sleep are unscored."
    )
    return Table(f"Equal tokens in all, with {method}", header, tuple(rows), note)


def _bounded(bound: str, shown: str, m: Matched) -> str:
    return f"{bound} {shown}" if m.is_bound and shown != NONE else shown


def _ways_table(means: Sequence[tuple[str, Estimate, Estimate]], study: Study) -> Table:
    rows = [(label, tokens(spent), percent(right), str(right.n)) for label, spent, right in means]
    samples = [f"{arm.samples} at `{arm.budget}`" for arm in sampled_arms(is_quick=study.is_quick)]
    note = (
        f"Samples per query: {listed(samples)}, each with a seed of its own. A majority and an oracle of k are exact "
        "means over all choices of k of them."
    )
    return Table("What tokens buy without sleep", ("way", "output tokens", "accuracy", "n"), tuple(rows), note)


def _claim(study: Study, method: str, found: Sequence[Matched]) -> Claim:
    m = next(m for m in found if (m.method, m.budget, m.n_queries) == (method, LOWEST, CLAIM_QUERIES))
    measured = f"{_bounded('at most', points(m.lead), m)} at {m.spent.mean:.1f} output tokens per query"
    target = (
        f"{LOWEST} with {method} is ahead of test-time compute alone with the same tokens in all, {CLAIM_QUERIES} "
        "queries per context"
    )
    is_open = m.is_bound and m.lead is not None and not m.lead.is_below()
    return is_ahead(study, target, None if is_open else m.lead, measured)


def _summary(found: Sequence[Matched]) -> str:
    said = []
    for method in dict.fromkeys(m.method for m in found):
        mine = [m for m in found if m.method == method]
        for n_queries in QUERY_COUNTS:
            leads = [(m, m.lead) for m in mine if m.n_queries == n_queries and m.lead is not None]
            told = {
                "ahead": [m.budget for m, lead in leads if lead.is_above() and not m.is_bound],
                "perhaps ahead": [m.budget for m, lead in leads if lead.is_above() and m.is_bound],
                "behind": [m.budget for m, lead in leads if lead.is_below()],
            }
            parts = [f"{how} at {listed(budgets)}" for how, budgets in told.items() if budgets]
            queries = "query" if n_queries == 1 else "queries"
            said.append(f"- {method}, {n_queries} {queries} per context: {'; '.join(parts) or 'no clear difference'}.")
    head = (
        "With the sleep tokens given to test-time compute as well, sleep is, by the budget of its queries and with "
        "intervals that leave 0 out:"
    )
    return "\n".join([head, "", *said])


def _matched_data(m: Matched) -> dict[str, Any]:
    return {
        "budget": m.budget,
        "method": m.method,
        "n_queries": m.n_queries,
        "accuracy": figures(m.accuracy),
        "output_tokens": figures(m.spent),
        "is_bound": m.is_bound,
        "best_without": figures(m.best),
        "best_way": m.best_way,
        "lead": figures(m.lead),
        "best_with_oracle": figures(m.best_oracle),
        "lead_over_oracle": figures(m.lead_oracle),
    }
