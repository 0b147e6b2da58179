"""Serving: tokens split into classes by a rule that does not depend on what ran beside a call."""

from pathlib import Path

import pytest

from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.methods import merged
from sleeptime.lab.experiments.rows import rows_of
from sleeptime.lab.experiments.serving import Caching, call_prices, calls_of, sleep_prices, sleeps_of
from tests.support.studies import CLAUDE, add_answers, add_drafts, problems_of, study_of


def test_prefix_is_what_the_calls_about_a_context_have_in_common(tmp_path: Path) -> None:
    study = study_of(problems_of(1, queries=2), tmp_path)
    arm = Arm("v0")
    add_answers(study, arm, lambda number, sample: "right", Usage(45, 0, 0, 4))
    longer = study.problems[1].id
    record = study.book.answers[arm.key, longer, 0]
    study.book.answers[arm.key, longer, 0] = type(record)(
        **{name: getattr(record, name) for name in record.__slots__} | {"usage": Usage(8, 40, 0, 4)}
    )
    calls = calls_of(rows_of(study, arm))
    assert calls.prefix.tolist() == [40, 40]  # the shorter prompt without the five tokens of its query
    assert calls.tail.tolist() == [5, 8]


def test_what_the_cache_held_in_that_run_changes_nothing(tmp_path: Path) -> None:
    study, arm = study_of(problems_of(2), tmp_path), Arm("v0")
    add_answers(study, arm, lambda number, sample: "right", Usage(45, 0, 0, 4))
    fresh = calls_of(rows_of(study, arm))
    add_answers(study, arm, lambda number, sample: "right", Usage(5, 30, 10, 4))
    cached = calls_of(rows_of(study, arm))
    assert (fresh.prefix.tolist(), fresh.tail.tolist()) == (cached.prefix.tolist(), cached.tail.tolist())


def test_an_answer_without_a_call_has_no_tokens(tmp_path: Path) -> None:
    study, arm = study_of(problems_of(1), tmp_path), Arm("v0")
    add_answers(study, arm, lambda number, sample: "right", Usage(45, 0, 0, 4))
    recalled = study.book.answers[arm.key, study.problems[0].id, 0]
    fields = {name: getattr(recalled, name) for name in recalled.__slots__}
    study.book.answers[arm.key, study.problems[0].id, 0] = type(recalled)(**fields | {"usage": Usage()})
    calls = calls_of(rows_of(study, arm))
    assert (calls.prefix.tolist(), calls.tail.tolist()) == ([0, 40], [0, 5])


def test_each_seed_has_a_prefix_of_its_own(tmp_path: Path) -> None:
    study, arms = study_of(problems_of(2), tmp_path), merged(is_quick=False).at("v0")
    for arm, prompt in zip(arms, (100, 130, 160), strict=True):
        add_answers(study, arm, lambda number, sample: "right", Usage(prompt, 0, 0, 4))
    calls = calls_of(rows_of(study, *arms))
    assert calls.prefix.tolist() == [125] * 4  # 95, 125 and 155, not the least of them
    assert calls.tail.tolist() == [5] * 4


def test_a_sleep_takes_the_mean_of_what_it_takes_by_each_seed(tmp_path: Path) -> None:
    study, method = study_of(problems_of(2), tmp_path), merged(is_quick=False)
    for sleep, output in zip(method.sleeps, (90, 100, 140), strict=True):
        add_drafts(study, sleep, Usage(20, 30, 0, output))
    sleeps = sleeps_of(study, method.sleeps)
    assert (sleeps.drafts, sleeps.contexts) == (10, ("c000", "c001"))
    assert sleeps.output.tolist() == [1100] * 2
    assert (sleeps.read.tolist(), sleeps.read_again.tolist()) == ([50] * 2, [450] * 2)


def test_prices_of_a_query_with_a_cached_prefix() -> None:
    assert call_prices(CLAUDE, Caching.NOTHING, 4) == pytest.approx((3e-6, 3e-6, 15e-6))
    assert call_prices(CLAUDE, Caching.PREFIX, 4) == pytest.approx(((3.75 + 3 * 0.3) / 4 * 1e-6, 3e-6, 15e-6))


def test_prices_of_a_sleep() -> None:
    assert sleep_prices(CLAUDE, Caching.PREFIX, 1)[0] == pytest.approx(3e-6)
    assert sleep_prices(CLAUDE, Caching.PREFIX, 10) == pytest.approx((3.75e-6, 0.3e-6, 15e-6))
    assert sleep_prices(CLAUDE, Caching.NOTHING, 10) == pytest.approx((3e-6, 3e-6, 15e-6))
