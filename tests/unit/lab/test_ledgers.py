"""Costs: both ledgers against the functions they rest on, and worked by hand."""

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.price import Price, billed_cost_usd, paper_cost
from sleeptime.core.usage import Usage
from tests.support.ledgers import (
    AllInLedger,
    MeanTokens,
    PaperLedger,
    amortize,
    break_even,
    cost_per_query,
)

PRICE = Price(input=2.0, cached_input=0.5, cache_write=2.5, output=8.0)
WITHOUT = MeanTokens(fresh=20, cached=300, output=100)
WITH_SLEEP = MeanTokens(fresh=20, cached=400, output=10)
SLEEP = MeanTokens(fresh=100, cached=500, written=400, output=600)


def test_mean_tokens_keep_every_class_apart() -> None:
    usages = [Usage(1, 2, 3, 4, 1), Usage(3, 4, 5, 6, 0)]
    assert MeanTokens.of(usages) == MeanTokens(fresh=2, cached=3, written=4, output=5)


@pytest.mark.parametrize("n_queries", [1, 2, 10])
@pytest.mark.parametrize("t", [1.0, 2.0, 10.0])
def test_the_papers_ledger_is_the_papers_cost(n_queries: int, t: float) -> None:
    found = cost_per_query(PaperLedger(t), WITH_SLEEP, SLEEP, n_queries)
    assert found == pytest.approx(paper_cost(10, 600, n_queries, t))


def test_the_all_in_ledger_bills_what_a_provider_does() -> None:
    usage = Usage(input_tokens=100, cached_input_tokens=500, cache_write_tokens=400, output_tokens=600)
    ledger = AllInLedger(PRICE, t=4)
    assert ledger.query(MeanTokens.of([usage])) == pytest.approx(billed_cost_usd(usage, PRICE))
    assert ledger.sleep(MeanTokens.of([usage])) == pytest.approx(billed_cost_usd(usage, PRICE) / 4)


def test_all_in_costs_worked_by_hand() -> None:
    """Without: 40 + 150 + 800 = 990 micro-USD a query. With: 40 + 200 + 80 = 320, and a sleep of 6,250 / 2."""
    rows = amortize(AllInLedger(PRICE, t=2), without=WITHOUT, with_sleep=WITH_SLEEP, sleep=SLEEP)
    assert [row.n_queries for row in rows] == [1, 2, 5, 10]
    ten = rows[-1]
    assert ten.cost_without == pytest.approx(990e-6)
    assert ten.cost_with == pytest.approx((320 + 312.5) * 1e-6)
    assert ten.cost_with_one == pytest.approx((320 + 3_125) * 1e-6)
    assert ten.saving == pytest.approx(990 / 632.5)
    assert ten.saving_over_one == pytest.approx(3_445 / 632.5)
    # A sleep of 3,125 against 670 saved per query.
    assert break_even(AllInLedger(PRICE, t=2), without=WITHOUT, with_sleep=WITH_SLEEP, sleep=SLEEP) == 5


def test_reading_the_notes_can_cost_more_than_they_save() -> None:
    heavy = MeanTokens(fresh=3_000, output=10)
    assert break_even(PaperLedger(10), without=WITHOUT, with_sleep=heavy, sleep=SLEEP) == 1
    assert break_even(AllInLedger(PRICE, 10), without=WITHOUT, with_sleep=heavy, sleep=SLEEP) is None
    last = amortize(AllInLedger(PRICE, 10), without=WITHOUT, with_sleep=heavy, sleep=SLEEP)[-1]
    assert last.saving is not None
    assert last.saving < 1


def test_what_costs_nothing_has_no_ratio() -> None:
    free = AllInLedger(Price(0, 0, 0, 0), t=2)
    (row,) = amortize(free, without=WITHOUT, with_sleep=WITH_SLEEP, sleep=SLEEP, query_counts=(1,))
    assert (row.saving, row.saving_over_one) == (None, None)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="at least one query"):
        MeanTokens.of([])
    with pytest.raises(InputError, match="never negative"):
        MeanTokens(output=-1)
    with pytest.raises(InputError, match="never negative"):
        MeanTokens(output=float("nan"))
    with pytest.raises(InputError, match="at least 1 query"):
        cost_per_query(PaperLedger(1), WITHOUT, SLEEP, 0)
    for t in (0.0, -1.0):
        with pytest.raises(InputError, match="must be above 0"):
            PaperLedger(t)
        with pytest.raises(InputError, match="must be above 0"):
            AllInLedger(PRICE, t)
