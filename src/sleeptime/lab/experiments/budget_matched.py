"""Budget-matched: test-time compute alone is given the sleep tokens too.

With N queries per context, sleep spends ``test + sleep / N`` output tokens per query. Against it stands the best that
the same tokens buy without sleep, out of everything that was measured: any budget, any vote, and any mixture of two.
That is chosen with the answers known, in every resample anew, so the comparison favours test-time compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.attempts import LOWEST, attempts_of, lowest_sampled, sampled
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import ONE_DRAFT, WITHOUT, Method, merged
from sleeptime.lab.experiments.rows import Rows, rows_of
from sleeptime.lab.experiments.serving import Sleeps, sleeps_of
from sleeptime.lab.experiments.test_time_figures import draw_matched
from sleeptime.lab.experiments.verdicts import is_ahead
from sleeptime.lab.experiments.wording import NONE, figures, listed, percent, points, tokens
from sleeptime.lab.statistics import Bootstrap, Estimate, divide
from sleeptime.lab.statistics.estimate import Floats
from sleeptime.lab.statistics.frontier import Frontier, frontier

QUERY_COUNTS: Final = (1, 2, 4, 5, 10)
VOTED: Final = ("v1", "v2", "v3")
"""Budgets that are sampled for votes, beside the lowest."""
VOTES: Final = 5
QUICK_VOTES: Final = 3
CLAIM_QUERIES: Final = 10
DRAWN: Final = (1, 2, 5, 10)
LINE_POINTS: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """Ways to spend tokens at test time alone.

    Args:
        labels: ``W``, such as ``"v3"``, ``"v1, majority of 3"`` and ``"v0, oracle of 8"``.
        spent: ``(n, W)`` output tokens per query.
        right: ``(n, W)`` right, or the chance of it.
        is_oracle: ``W``, true for what only an oracle could do.
        unscored: replies that could not be read, of all arms.
    """

    labels: tuple[str, ...]
    spent: Floats
    right: Floats
    is_oracle: tuple[bool, ...]
    unscored: int

    def without_oracle(self) -> Ways:
        """What a user could do."""
        keep = [i for i, is_oracle in enumerate(self.is_oracle) if not is_oracle]
        labels = tuple(self.labels[i] for i in keep)
        return Ways(labels, self.spent[:, keep], self.right[:, keep], (False,) * len(keep), self.unscored)


@dataclass(frozen=True, slots=True)
class Matched:
    """One budget with sleep, for N queries per context, beside the best of the same tokens without.

    Args:
        budget: with sleep.
        method: with sleep.
        n_queries: N.
        accuracy: with sleep.
        spent: output tokens per query, with the share of the sleep.
        best: best accuracy of the same tokens without sleep; None where they buy no answer at all.
        best_way: how, as the data are.
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
            *(arm for method in (WITHOUT, *_slept(is_quick)) for arm in method.arms),
            lowest_sampled(is_quick=is_quick),
            *(sampled(budget, QUICK_VOTES if is_quick else VOTES) for budget in VOTED),
        ]

    def analyse(self, study: Study) -> Findings:
        """Compare at equal tokens in all.

        Raises:
            InputError: records or drafts are missing.
        """
        ways = _ways(study)
        contexts = tuple(problem.context_id for problem in study.problems)
        bootstrap = Bootstrap(contexts, seed=study.seed)
        slept = []
        for method in _slept(study.is_quick):
            assert method.sleep is not None
            sleeps = sleeps_of(study, method.sleep)
            slept += [_Slept(method, rows_of(study, arm), sleeps) for arm in method.arms]
        found = _match(slept, ways, bootstrap)
        means = [(label, bootstrap.mean(ways.spent[:, i], contexts), bootstrap.mean(ways.right[:, i], contexts))
                 for i, label in enumerate(ways.labels)]  # fmt: skip
        return Findings(
            summary=_summary(found),
            tables=(
                *(_table(method.name, found, ways) for method in _slept(study.is_quick)),
                _ways_table(means, ways, len(contexts)),
            ),
            figures=(
                Figure(
                    "budget-matched",
                    "Accuracy against all output tokens per query, the share of the sleep included, for N queries per "
                    "context; the line is the best that the same tokens buy without sleep.",
                    draw_matched(_panels(found), _frontier_line(ways)),
                ),
            ),
            claims=tuple(_claim(study, method.name, found) for method in _slept(study.is_quick)),
            data={
                "matched": [_matched_data(m) for m in found],
                "ways": [
                    {"way": label, "output_tokens": figures(spent), "accuracy": figures(right), "is_oracle": oracle}
                    for (label, spent, right), oracle in zip(means, ways.is_oracle, strict=True)
                ],
            },
        )


EXPERIMENT: Final = BudgetMatched()


def _slept(is_quick: bool) -> tuple[Method, ...]:
    return ONE_DRAFT, merged(is_quick=is_quick)


def _ways(study: Study) -> Ways:
    """Everything that was measured without sleep."""
    labels: list[str] = []
    spent: list[Floats] = []
    right: list[Floats] = []
    greedy = [rows_of(study, arm) for arm in WITHOUT.arms]
    for rows in greedy:
        labels.append(rows.arm.budget)
        spent.append(rows.output)
        right.append(rows.right)
    votes = QUICK_VOTES if study.is_quick else VOTES
    arms = [lowest_sampled(is_quick=study.is_quick), *(sampled(budget, votes) for budget in VOTED)]
    asked = [rows_of(study, arm) for arm in arms]
    for rows in asked:
        attempts = attempts_of(rows)
        for kind, worth in (("majority", attempts.majority), ("oracle", attempts.oracle)):
            for i, k in enumerate(attempts.ks):
                if k == 1 and kind == "oracle":
                    continue  # one attempt leaves nothing to choose
                labels.append(f"{rows.arm.budget}, {f'{kind} of {k}' if k > 1 else 'sampled'}")
                spent.append(k * attempts.output)
                right.append(worth[:, i])
    is_oracle = tuple("oracle" in label for label in labels)
    unscored = sum(rows.unscored for rows in (*greedy, *asked))
    return Ways(tuple(labels), np.stack(spent, axis=1), np.stack(right, axis=1), is_oracle, unscored)


@dataclass(frozen=True, slots=True, eq=False)
class _Slept:
    """One budget of a method with sleep."""

    method: Method
    rows: Rows
    sleeps: Sleeps


def _match(slept: Sequence[_Slept], ways: Ways, bootstrap: Bootstrap) -> list[Matched]:
    """Everything that sleeps, for every N, against the frontier of the ways; made anew in every resample."""
    contexts, width, counts = slept[0].rows.contexts, len(ways.labels), np.array(QUERY_COUNTS)
    could = [i for i, is_oracle in enumerate(ways.is_oracle) if not is_oracle]
    columns = [bootstrap.totals(column, contexts) for column in (*ways.spent.T, *ways.right.T)]
    for s in slept:
        columns += [bootstrap.totals(s.rows.right, contexts), bootstrap.totals(s.rows.output, contexts)]
    alone = [bootstrap.totals(s.sleeps.output, s.sleeps.contexts) for s in slept]
    columns = [bootstrap.counts(contexts), bootstrap.counts(slept[0].sleeps.contexts), *columns, *alone]

    def compared(sums: Floats) -> Floats:
        means = divide(sums[:, 2:], sums[:, :1])
        each, worth = means[:, :width], means[:, width : 2 * width]
        served = means[:, 2 * width : 2 * width + 2 * len(slept)]
        shares = divide(sums[:, -len(slept) :], sums[:, 1:2])
        spent = served[:, 1::2, None] + shares[:, :, None] / counts
        right = np.repeat(served[:, 0::2], len(counts), axis=1)
        limits = spent.reshape(len(sums), -1)
        best = frontier(each[:, could], worth[:, could]).best(limits)
        oracle = frontier(each, worth).best(limits)
        return np.stack([limits, best, right - best, oracle, right - oracle], axis=2).reshape(len(sums), -1)

    found = bootstrap.estimates(np.stack(columns, axis=1), compared, n=len(contexts), clusters=len(set(contexts)))
    matched = []
    for i, (s, n_queries) in enumerate((s, n_queries) for s in slept for n_queries in QUERY_COUNTS):
        spent, best, lead, oracle, lead_oracle = found[5 * i : 5 * i + 5]
        assert spent is not None
        accuracy = bootstrap.share(s.rows.right, contexts)
        against = (best, _best_way(ways, spent.mean), lead, oracle, lead_oracle)
        matched.append(Matched(s.rows.arm.budget, s.method.name, n_queries, accuracy, spent, *against, s.rows.unscored))
    return matched


def _frontier(ways: Ways) -> Frontier:
    """Without an oracle, on the data as they are."""
    return frontier(ways.spent.mean(axis=0)[None], ways.right.mean(axis=0)[None])


def _best_way(ways: Ways, limit: float) -> str:
    """How the best accuracy within a limit is reached, on the data as they are."""
    alone = ways.without_oracle()
    corners = _frontier(alone)
    if limit < corners.spent[0, 0]:
        return NONE
    left, right, part = (value[0, 0] for value in corners.between(np.array([[limit]])))
    cheap, dear = (alone.labels[int(corners.ways[0, i])] for i in (left, right))
    if part in (0.0, 1.0):
        return cheap if part == 0 else dear
    return f"{1 - part:.0%} {cheap} + {part:.0%} {dear}"


def _frontier_line(ways: Ways) -> tuple[list[float], list[float]]:
    """Tokens and best accuracy without sleep and without an oracle, for drawing."""
    corners = _frontier(ways.without_oracle())
    ends = corners.spent[0, 0], corners.spent[0, -1]
    limits = np.unique(np.concatenate([corners.spent[0], np.geomspace(*ends, LINE_POINTS)[1:-1]]))
    return limits.tolist(), corners.best(limits[None])[0].tolist()


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
            percent(m.best),
            m.best_way,
            points(m.lead),
            points(m.lead_oracle),
            str(m.accuracy.n),
            str(m.unscored),
        )
        for m in found
        if m.method == method
    ]
    header = (
        *("budget", "queries per context", "output tokens per query, sleep shared", "accuracy with sleep"),
        *("best without", "by", "lead", "lead over an oracle", "n", "unscored"),
    )
    note = (
        "A sleep-time token counts as much as a test-time one. Best without: any budget, any majority vote, or a "
        "mixture of two of them, chosen with the answers known; an oracle may also pick the right one of several "
        f"attempts. {ways.unscored} replies without sleep are unscored."
    )
    return Table(f"Equal tokens in all, with {method}", header, tuple(rows), note)


def _ways_table(means: Sequence[tuple[str, Estimate, Estimate]], ways: Ways, n: int) -> Table:
    rows = [(label, tokens(spent), percent(right), str(n)) for label, spent, right in means]
    return Table("What tokens buy without sleep", ("way", "output tokens", "accuracy", "n"), tuple(rows))


def _claim(study: Study, method: str, found: Sequence[Matched]) -> Claim:
    m = next(m for m in found if (m.method, m.budget, m.n_queries) == (method, LOWEST, CLAIM_QUERIES))
    measured = f"{points(m.lead)} at {m.spent.mean:.1f} output tokens per query"
    target = (
        f"{LOWEST} with {method} is ahead of test-time compute alone with the same tokens in all, {CLAIM_QUERIES} "
        "queries per context"
    )
    return is_ahead(study, target, m.lead, measured)


def _summary(found: Sequence[Matched]) -> str:
    said = []
    for method in dict.fromkeys(m.method for m in found):
        mine = [m for m in found if m.method == method and m.lead is not None]
        for n_queries in QUERY_COUNTS:
            ahead = [m.budget for m in mine if m.n_queries == n_queries and m.lead and (m.lead.low or 0) > 0]
            behind = [m.budget for m in mine if m.n_queries == n_queries and m.lead and (m.lead.high or 0) < 0]
            parts = [f"ahead at {listed(ahead)}"] if ahead else []
            parts += [f"behind at {listed(behind)}"] if behind else []
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
        "best_without": figures(m.best),
        "best_way": m.best_way,
        "lead": figures(m.lead),
        "best_with_oracle": figures(m.best_oracle),
        "lead_over_oracle": figures(m.lead_oracle),
    }
