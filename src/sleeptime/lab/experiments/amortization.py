"""Amortization: what a query costs when N of them share one sleep (arXiv:2504.13171, section 5.3), in two ledgers.

The paper's ledger counts generated tokens, and compares with one query per context. The all-in ledger counts every
token of every call at a provider's prices, and both are compared here with test-time compute alone at equal accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sleeptime.core.price import Price
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.amortized import Amortization, Ledger, Share, amortized
from sleeptime.lab.experiments.bill import bill_table
from sleeptime.lab.experiments.cost_figures import draw_amortization
from sleeptime.lab.experiments.experiment import Claim, Figure, Findings, Study, Table
from sleeptime.lab.experiments.methods import WITHOUT, Method, of_merged
from sleeptime.lab.experiments.price_lists import price_rows
from sleeptime.lab.experiments.recipes import BUDGETS, MERGED_DRAFTS, PRICE_RATIOS, QUERY_COUNTS, QUICK_DRAFTS
from sleeptime.lab.experiments.rows import rows_of
from sleeptime.lab.experiments.serving import queries_per_context, sleeps_of
from sleeptime.lab.experiments.verdicts import at_least, at_most
from sleeptime.lab.experiments.wording import NONE, figures, listed, percent, ratio, times
from sleeptime.lab.statistics import Bootstrap, Estimate

BUDGET: Final = BUDGETS[0]
"""With sleep: the lowest, which is what sleep is for. Chosen before anything was measured."""
DRAFTS: Final = (1, 2, 5, MERGED_DRAFTS)
QUICK: Final = (1, QUICK_DRAFTS)
PAPER_SAVING: Final = 2.5
PAPER_T, CLAIM_T = 10.0, 2.0
CLAIM_N: Final = 10
TARGET_SAVING: Final = 2.5
TARGET_BREAK_EVEN: Final = 2
CLAIMED: Final = tuple(Share(ledger, CLAIM_T, CLAIM_N) for ledger in Ledger)
CAPTION: Final = (
    f"How many times cheaper a query is with sleep at {BUDGET} than without sleep at the same accuracy, by how many "
    "queries share a sleep and by t, the price of a test-time token in sleep-time tokens. Below 1 sleep is dearer."
)


class AmortizationExperiment:
    """Cost per query over the number of queries per context."""

    name = "amortization"
    question = "How many times cheaper is a query when several share one sleep, all tokens counted, at equal accuracy?"
    needs_scores = False

    def arms(self, *, is_quick: bool) -> Sequence[Arm]:
        """The curve without sleep, and the lowest budget with several numbers of drafts; the ends at every budget."""
        kinds = _kinds(is_quick)
        return [
            *WITHOUT.arms,
            *(arm for m in kinds for arm in m.at(BUDGET)),
            *(a for m in _ends(kinds) for a in m.arms),
        ]

    def analyse(self, study: Study) -> Findings:
        """Count costs in all ledgers.

        Raises:
            InputError: records or drafts are missing.
        """
        kinds = _kinds(study.is_quick)
        bootstrap = Bootstrap([problem.context_id for problem in study.problems], seed=study.seed)
        found = {method.name: _amortized(study, method, BUDGET, bootstrap) for method in kinds}
        pairs = {
            (method.name, budget): found[method.name]
            if budget == BUDGET
            else _amortized(study, method, budget, bootstrap, CLAIMED)
            for method in _ends(kinds)
            for budget in BUDGETS
        }
        drawn = draw_amortization({method.name: found[method.name] for method in _ends(kinds)})
        return Findings(
            summary=_summary(found),
            tables=(
                *(_saving_table(ledger, found, study) for ledger in Ledger),
                _one_query_table(found),
                _pairs_table(pairs),
                bill_table(study, _ends(kinds), BUDGET, CLAIM_N),
                _prices_table(study, _ends(kinds), bootstrap),
            ),
            figures=() if drawn is None else (Figure("amortization", CAPTION, drawn),),
            claims=tuple(claim for method in _ends(kinds) for claim in _claims(study, method, found[method.name])),
            data={
                "drafts": {name: _data(a) for name, a in found.items()},
                "pairs": [{"method": m, "budget": b} | _data(a) for (m, b), a in pairs.items()],
                "price_model": study.price_model,
                "queries_per_context_in_the_data": queries_per_context(study),
            },
        )


EXPERIMENT: Final = AmortizationExperiment()


def _kinds(is_quick: bool) -> tuple[Method, ...]:
    return tuple(of_merged(drafts, is_quick=is_quick) for drafts in (QUICK if is_quick else DRAFTS))


def _ends(kinds: Sequence[Method]) -> tuple[Method, ...]:
    """Fewest and most drafts."""
    return kinds[0], kinds[-1]


def _amortized(
    study: Study, method: Method, budget: str, bootstrap: Bootstrap, cells: Sequence[Share] | None = None
) -> Amortization:
    without = [rows_of(study, arm) for arm in WITHOUT.arms]
    with_sleep, sleeps = rows_of(study, *method.at(budget)), sleeps_of(study, method.sleeps)
    return amortized(without, with_sleep, sleeps, study.price, bootstrap, cells)


def _saving_table(ledger: Ledger, found: dict[str, Amortization], study: Study) -> Table:
    rows = [
        (
            name,
            f"{t:g}",
            *(ratio(a.costs[Share(ledger, t, n)].saving) for n in QUERY_COUNTS),
            whole_queries(a.break_even[ledger, t]),
            str(a.accuracy.n),
            str(a.unscored),
        )
        for name, a in found.items()
        for t in PRICE_RATIOS
    ]
    counted = {
        Ledger.PAPER: "Generated tokens only: t * test + sleep / N (arXiv:2504.13171, section 5.3).",
        Ledger.FRESH: f"USD at the prices of {study.price_model}, every token of every call, all input fresh. "
        "Verification is arithmetic and takes no tokens; one score of a query per context is counted for the gate.",
        Ledger.CACHED: f"USD at the prices of {study.price_model}. The first query about a context writes its "
        "prefix (instructions, c and c') to the cache and the later ones read it, with and without sleep; what sleep "
        "read does not help the first query. The first draft writes c, the other drafts read it.",
    }[ledger]
    return Table(
        f"How many times cheaper sleep at {BUDGET} is than test-time compute alone at equal accuracy: {ledger}",
        ("drafts", "t", *(f"N = {n}" for n in QUERY_COUNTS), "break-even N", "n", "unscored"),
        tuple(rows),
        f"{counted} Test-time tokens at full price, sleep-time tokens at 1 / t of it. N only divides the sleep (and "
        f"the write of the cache): the data have {queries_per_context(study):g} queries per context.",
    )


def _one_query_table(found: dict[str, Amortization]) -> Table:
    cases = ((Ledger.PAPER, PAPER_T), (Ledger.PAPER, CLAIM_T), (Ledger.FRESH, CLAIM_T), (Ledger.CACHED, CLAIM_T))
    rows = [
        (name, ledger.value, f"{t:g}", *(ratio(a.costs[Share(ledger, t, n)].over_one) for n in QUERY_COUNTS))
        for name, a in found.items()
        for ledger, t in cases
    ]
    return Table(
        "How many times cheaper than sleep that serves one query, which is the paper's comparison",
        ("drafts", "ledger", "t", *(f"N = {n}" for n in QUERY_COUNTS)),
        tuple(rows),
        "It says how well a sleep is shared and not whether it pays: the tables above do.",
    )


def _pairs_table(pairs: dict[tuple[str, str], Amortization]) -> Table:
    rows = [
        (
            method,
            f"`{budget}`",
            percent(a.accuracy),
            " to ".join(a.between) or NONE,
            *(ratio(a.costs[Share(ledger, CLAIM_T, CLAIM_N)].saving) for ledger in Ledger),
            str(a.accuracy.n),
            str(a.unscored),
        )
        for (method, budget), a in pairs.items()
    ]
    return Table(
        f"Other budgets with sleep, t = {CLAIM_T:g}, N = {CLAIM_N}",
        (
            "drafts",
            "budget",
            "accuracy",
            "equal accuracy without",
            *(ledger.value for ledger in Ledger),
            "n",
            "unscored",
        ),
        tuple(rows),
        f"Equal accuracy: between which budgets without sleep it lies. {NONE}: not reached without sleep by any "
        "budget, or the cheapest one is already better.",
    )


def _prices_table(study: Study, methods: Sequence[Method], bootstrap: Bootstrap) -> Table:
    def row(price: Price) -> tuple[str, ...]:
        found = [_amortized(replace(study, price=price), method, BUDGET, bootstrap, CLAIMED) for method in methods]
        return tuple(
            ratio(a.costs[Share(ledger, CLAIM_T, CLAIM_N)].saving)
            for a in found
            for ledger in (Ledger.FRESH, Ledger.CACHED)
        )

    names = [f"{method.name}, {ledger}" for method in methods for ledger in (Ledger.FRESH, Ledger.CACHED)]
    return Table(
        f"The same under other price lists: {BUDGET}, t = {CLAIM_T:g}, N = {CLAIM_N}",
        ("prices", "over fresh input", *names, "n"),
        tuple((*cells, str(len(study.problems))) for cells in price_rows(study, row)),
        "Tokens are those that were measured here; only the prices change.",
    )


def _paid(
    study: Study, saving: Estimate | None, target: str, even: Estimate | None, most: float, measured: str
) -> Claim:
    """Sleep that never pays for itself misses its target; where nothing could be compared it stays open."""
    claim = at_most(study, target, even, most, measured)
    never_pays = even is None and saving is not None and not study.is_quick
    return replace(claim, is_met=False) if never_pays else claim


def _claims(study: Study, method: Method, a: Amortization) -> list[Claim]:
    ours, paper = Share(Ledger.CACHED, CLAIM_T, CLAIM_N), Share(Ledger.PAPER, PAPER_T, CLAIM_N)
    fresh = a.costs[Share(Ledger.FRESH, CLAIM_T, CLAIM_N)].saving
    saving, over_one = a.costs[ours].saving, a.costs[paper].over_one
    even = a.break_even[Ledger.CACHED, CLAIM_T]
    at = f"{BUDGET} with {method.name}"
    return [
        at_least(
            study,
            f"paper: {at}, output only, {PAPER_SAVING:g} times cheaper with {CLAIM_N} queries per context than with 1, "
            f"t = {PAPER_T:g}",
            over_one,
            PAPER_SAVING,
            f"{times(over_one)}; {times(a.costs[paper].saving)} against test-time compute alone at equal accuracy",
        ),
        at_least(
            study,
            f"{at}, all-in, at least {TARGET_SAVING:g} times cheaper than test-time compute alone at equal accuracy, "
            f"t = {CLAIM_T:g}, N = {CLAIM_N}",
            saving,
            TARGET_SAVING,
            f"{times(saving)} (nothing cached: {times(fresh)})",
        ),
        _paid(
            study,
            saving,
            f"{at}, all-in, has paid for itself after at most {TARGET_BREAK_EVEN} queries, t = {CLAIM_T:g}",
            even,
            TARGET_BREAK_EVEN,
            f"{whole_queries(even)} (nothing cached: {whole_queries(a.break_even[Ledger.FRESH, CLAIM_T])})",
        ),
    ]


def whole_queries(found: Estimate | None) -> str:
    """A break-even as the query after which sleep has paid: ``"2 (2 to 3)"``."""
    if found is None:
        return "never"
    ends = [found.mean] if found.low is None or found.high is None else [found.mean, found.low, found.high]
    first, *interval = [max(1, -int(-end // 1)) for end in ends]
    never = f", never in {found.undefined:.0%} of the draws" if found.undefined > 0.05 else ""
    return f"{first:,}" + (f" ({interval[0]:,} to {interval[1]:,})" if interval else "") + never


def _summary(found: dict[str, Amortization]) -> str:
    said = []
    for name, a in found.items():
        if not a.between:
            said.append(
                f"`{BUDGET}` with {name} is right in {percent(a.accuracy)}, which no budget without sleep matches."
            )
            continue
        cells = {ledger: a.costs[Share(ledger, CLAIM_T, CLAIM_N)].saving for ledger in Ledger}
        even = whole_queries(a.break_even[Ledger.CACHED, CLAIM_T])
        said.append(
            f"`{BUDGET}` with {name} ({percent(a.accuracy)}) against {listed(list(a.between))} without sleep, t = "
            f"{CLAIM_T:g}, {CLAIM_N} queries per context: {times(cells[Ledger.PAPER])} cheaper when output alone is "
            f"counted, {times(cells[Ledger.CACHED])} all-in with cached prefixes, {times(cells[Ledger.FRESH])} all-in "
            f"with nothing cached; break-even all-in at {even} queries."
        )
    return " ".join(said)


def _data(a: Amortization) -> dict[str, Any]:
    return {
        "accuracy": figures(a.accuracy),
        "between": list(a.between),
        "unscored": a.unscored,
        "cells": [
            {
                "ledger": cell.ledger.value,
                "t": cell.t,
                "n_queries": cell.n_queries,
                "cost_with": figures(costs.cost_with),
                "cost_without": figures(costs.cost_without),
                "saving": figures(costs.saving),
                "saving_without_gate": figures(costs.saving_without_gate),
                "saving_over_one": figures(costs.over_one),
            }
            for cell, costs in a.costs.items()
        ],
        "break_even": [
            {"ledger": ledger.value, "t": t, "n_queries": figures(found)} for (ledger, t), found in a.break_even.items()
        ],
    }
