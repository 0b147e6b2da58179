"""Amortization: cost per query over N, t and ledgers, held against the plain ledgers of `tests.support.ledgers`."""

from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.price import Price
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.amortization import EXPERIMENT, whole_queries
from sleeptime.lab.experiments.amortized import Amortization, Ledger, Share, amortized
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.experiments.methods import WITHOUT, of_merged
from sleeptime.lab.experiments.recipes import SEEDS
from sleeptime.lab.experiments.rows import rows_of
from sleeptime.lab.experiments.serving import sleeps_of
from sleeptime.lab.statistics import Bootstrap, Estimate
from tests.support.estimates import given
from tests.support.ledgers import AllInLedger, MeanTokens, PaperLedger, amortize, break_even
from tests.support.studies import CLAUDE, MINI, add_answers, add_drafts, first, problems_of, quick, study_of

BASE = {"v0": (0.1, 4), "v1": (0.3, 10), "v2": (0.5, 20), "v3": (0.9, 40), "v4": (1.0, 80)}
PROMPT, NOTES, QUERY, DRAFT = 45, 60, 5, 101
SHIFTS = dict(zip(SEEDS, (0, 3, -3), strict=True))
"""By what the output tokens of each seed differ from their mean."""
EQUAL = 30
"""Output tokens without sleep at 70 %, halfway between v2 and v3."""


def played(folder: Path, price: Price = MINI, share: float = 0.7) -> Study:
    study = study_of(problems_of(10), folder, price)
    for budget, (right, output) in BASE.items():
        add_answers(study, Arm(budget), first(right, 20), Usage(PROMPT, 0, 0, output))
    for drafts in (1, 2, 5, 10):
        method = of_merged(drafts, is_quick=False)
        for sleep in method.sleeps:
            add_drafts(study, sleep, Usage(20, 30, 0, DRAFT + SHIFTS[sleep.seed]))
        for arm in method.arms:
            assert arm.sleep is not None
            add_answers(study, arm, first(share, 20), Usage(PROMPT, NOTES, 0, 5 + SHIFTS[arm.sleep.seed]))
    return study


def found(study: Study, drafts: int = 1) -> Amortization:
    method = of_merged(drafts, is_quick=False)
    contexts = [problem.context_id for problem in study.problems]
    without = [rows_of(study, arm) for arm in WITHOUT.arms]
    with_sleep, sleeps = rows_of(study, *method.at("v0")), sleeps_of(study, method.sleeps)
    return amortized(without, with_sleep, sleeps, study.price, Bootstrap(contexts, seed=0, resamples=200))


def saving(a: Amortization, ledger: Ledger, t: float, n: int) -> float:
    return given(a.costs[Share(ledger, t, n)].saving).mean


@pytest.mark.parametrize("t", [1.0, 2.0, 10.0])
def test_output_ledger_is_that_of_the_paper(tmp_path: Path, t: float) -> None:
    a, ledger = found(played(tmp_path), drafts=2), PaperLedger(t)
    without, with_sleep, sleep = MeanTokens(output=EQUAL), MeanTokens(output=5), MeanTokens(output=2 * DRAFT)
    for cell in amortize(ledger, without=without, with_sleep=with_sleep, sleep=sleep):
        costs = a.costs[Share(Ledger.PAPER, t, cell.n_queries)]
        assert given(costs.cost_with).mean == pytest.approx(cell.cost_with)
        assert given(costs.cost_without).mean == pytest.approx(cell.cost_without)
        assert given(costs.over_one).mean == pytest.approx(cell.saving_over_one)
    assert whole_queries(a.break_even[Ledger.PAPER, t]).split()[0] == str(
        break_even(ledger, without=without, with_sleep=with_sleep, sleep=sleep)
    )


def test_drafts_of_all_seeds_are_counted_each_as_one_sleep(tmp_path: Path) -> None:
    study = played(tmp_path)
    more = of_merged(10, is_quick=False).sleeps[2]
    add_drafts(study, more, Usage(20, 30, 0, DRAFT - 3 + 60))
    sleep = MeanTokens(output=10 * (DRAFT + 60 / 3))
    without, with_sleep, ledger = MeanTokens(output=EQUAL), MeanTokens(output=5), PaperLedger(2.0)
    for cell in amortize(ledger, without=without, with_sleep=with_sleep, sleep=sleep):
        assert saving(found(study, drafts=10), Ledger.PAPER, 2.0, cell.n_queries) == pytest.approx(cell.saving)


def test_all_in_ledger_counts_prompts_drafts_and_gate(tmp_path: Path) -> None:
    a, ledger = found(played(tmp_path), drafts=10), AllInLedger(MINI, 2.0)
    without, with_sleep = MeanTokens(fresh=PROMPT, output=EQUAL), MeanTokens(fresh=PROMPT + NOTES, output=5)
    sleep = MeanTokens(fresh=10 * 50 + PROMPT, output=10 * DRAFT)
    for cell in amortize(ledger, without=without, with_sleep=with_sleep, sleep=sleep):
        assert saving(a, Ledger.FRESH, 2.0, cell.n_queries) == pytest.approx(cell.saving)
    assert whole_queries(a.break_even[Ledger.FRESH, 2.0]).split()[0] == str(
        break_even(ledger, without=without, with_sleep=with_sleep, sleep=sleep)
    )


def test_cached_prefixes_are_written_once_and_then_read(tmp_path: Path) -> None:
    a = found(played(tmp_path, CLAUDE), drafts=10)
    n = 5
    served = (PROMPT + NOTES - QUERY) * (3.75 + 4 * 0.3) / n + QUERY * 3.0 + 5 * 15.0
    without = (PROMPT - QUERY) * (3.75 + 4 * 0.3) / n + QUERY * 3.0 + EQUAL * 15.0
    sleep = 50 * 3.75 + 9 * 50 * 0.3 + 10 * DRAFT * 15.0 + PROMPT * 3.0
    assert saving(a, Ledger.CACHED, 2.0, n) == pytest.approx(without / (served + sleep / 2 / n))


def test_a_single_draft_writes_no_cache(tmp_path: Path) -> None:
    a = found(played(tmp_path, CLAUDE), drafts=1)
    served = (PROMPT + NOTES - QUERY) * 3.75 + QUERY * 3.0 + 5 * 15.0
    sleep = 50 * 3.0 + DRAFT * 15.0 + PROMPT * 3.0
    cost = given(a.costs[Share(Ledger.CACHED, 1.0, 1)].cost_with).mean
    assert cost == pytest.approx((served + sleep) / 1e6)


def test_gate_can_be_left_out(tmp_path: Path) -> None:
    costs = found(played(tmp_path)).costs[Share(Ledger.FRESH, 1.0, 1)]
    gate = PROMPT * 0.15 / 1e6
    with_gate, without = given(costs.cost_with).mean, given(costs.cost_without).mean
    assert given(costs.saving_without_gate).mean == pytest.approx(without / (with_gate - gate))


@pytest.mark.parametrize(("ledger", "t"), [(Ledger.CACHED, 2.0), (Ledger.FRESH, 4.0), (Ledger.PAPER, 1.0)])
def test_break_even_is_where_sleep_stops_being_dearer(tmp_path: Path, ledger: Ledger, t: float) -> None:
    a = found(played(tmp_path))
    at = given(a.break_even[ledger, t]).mean
    savings = {n: saving(a, ledger, t, n) for n in (1, 2, 5, 10)}
    assert all((value >= 1) == (n >= at) for n, value in savings.items())


def test_accuracy_that_is_not_reached_without_sleep_gives_no_saving(tmp_path: Path) -> None:
    study = played(tmp_path)
    add_answers(study, Arm("v4"), first(0.5, 20), Usage(PROMPT, 0, 0, 80))
    add_answers(study, Arm("v3"), first(0.5, 20), Usage(PROMPT, 0, 0, 40))
    a = found(study)
    assert a.between == ()
    assert a.costs[Share(Ledger.FRESH, 2.0, 10)].saving is None
    assert given(a.costs[Share(Ledger.FRESH, 2.0, 10)].over_one).mean > 1
    findings = EXPERIMENT.analyse(study)
    assert findings.figures == ()
    assert "no budget without sleep matches" in findings.summary
    ours = [claim for claim in findings.claims if not claim.target.startswith("paper")]
    assert {claim.is_met for claim in ours} == {None}


def test_equal_accuracy_names_the_budgets_around_it(tmp_path: Path) -> None:
    study = played(tmp_path)
    assert found(study).between == ("v2", "v3")
    assert found(played(tmp_path, share=0.9)).between == ("v3",)


def test_claims_are_decided_by_the_cached_all_in_ledger(tmp_path: Path) -> None:
    study = played(tmp_path)
    claims = EXPERIMENT.analyse(study).claims
    is_met = saving(found(study), Ledger.CACHED, 2.0, 10) >= 2.5
    assert next(claim.is_met for claim in claims if "at least 2.5" in claim.target) is is_met
    assert {claim.is_met for claim in EXPERIMENT.analyse(quick(study)).claims} == {None}


def test_bill_shows_verification_as_no_tokens_and_the_size_of_the_gate(tmp_path: Path) -> None:
    table = next(t for t in EXPERIMENT.analyse(played(tmp_path)).tables if t.title == "Where the cost comes from")
    lines = {row[1]: row[2:] for row in table.rows if row[0] == "10 merged drafts"}
    assert lines["sleep: verification"] == ("0.0", "0.00", "0.00")
    assert lines["sleep: gate, one score of a query"] == ("45.0", "6.75", "6.75")
    assert lines["sleep: the same, read by the other drafts"] == ("450.0", "67.50", "33.75")
    assert lines["query: c'"][0] == "60.0"


def test_other_price_lists_stand_beside_that_of_the_study(tmp_path: Path) -> None:
    table = next(t for t in EXPERIMENT.analyse(played(tmp_path)).tables if "price lists" in t.title)
    assert table.rows[0][0] == "a price list"
    assert "anthropic:claude-sonnet-4-5" in [row[0] for row in table.rows]
    assert table.rows[0][1] == "output 4.0, cached 0.50, written 1.00"


def test_missing_drafts_are_named(tmp_path: Path) -> None:
    study = played(tmp_path)
    study.book.drafts.clear()
    with pytest.raises(InputError, match="10 of 10 contexts lack some of their 1 drafts"):
        EXPERIMENT.analyse(study)


def test_break_even_is_shown_in_whole_queries() -> None:
    assert whole_queries(Estimate(1.2, 0.0, 2.0, 20, 10)) == "2 (1 to 2)"
    assert whole_queries(None) == "never"
    assert whole_queries(Estimate(3.0, None, None, 20, 1, 0.6)) == "3, never in 60% of the draws"
