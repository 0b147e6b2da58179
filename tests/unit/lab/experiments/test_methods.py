"""Methods and recipes: how many seeds a run has, and that experiments share their drafts and answers."""

from itertools import pairwise

from sleeptime.lab.experiments import NAMES, load_experiment
from sleeptime.lab.experiments.methods import ONE_DRAFT, WITHOUT, merged, slept
from sleeptime.lab.experiments.recipes import BUDGETS, SEEDS
from sleeptime.lab.experiments.sleep_scaling import BUDGET, DRAFTS
from sleeptime.lab.sleeper import draft_keys
from sleeptime.sleep.settings import Combine
from tests.unit.lab.experiments.played import arms_of


def test_merged_drafts_have_three_seeds_in_a_full_run_and_one_in_a_quick_one() -> None:
    assert [sleep.seed for sleep in merged(is_quick=False).sleeps] == list(SEEDS)
    assert len(SEEDS) >= 3
    assert [sleep.seed for sleep in merged(is_quick=True).sleeps] == [SEEDS[0]]


def test_what_is_greedy_has_one_seed() -> None:
    assert [len(method.at(budget)) for method in (WITHOUT, ONE_DRAFT) for budget in BUDGETS] == [1] * 10


def test_a_draft_number_is_never_sampled_with_the_seed_of_another() -> None:
    assert min(b - a for a, b in pairwise(SEEDS)) > max(DRAFTS)


def test_every_experiment_with_merged_drafts_plays_all_seeds() -> None:
    for name in NAMES:
        sleeps = {arm.sleep for arm in load_experiment(name).arms(is_quick=False) if arm.sleep is not None}
        merges = {sleep for sleep in sleeps if sleep.drafts == 10 and sleep.combine is Combine.MERGE}
        assert {sleep.seed for sleep in merges} == set(SEEDS), name


def test_no_experiment_drafts_what_sleep_scaling_does_not() -> None:
    scaling = load_experiment("sleep-scaling")
    for is_quick in (True, False):
        kept = {key for arm in scaling.arms(is_quick=is_quick) if arm.sleep for key in draft_keys("c", arm.sleep)}
        for name in NAMES:
            arms = load_experiment(name).arms(is_quick=is_quick)
            assert {key for arm in arms if arm.sleep for key in draft_keys("c", arm.sleep)} <= kept, name


def test_answers_at_the_lowest_budget_are_those_of_sleep_scaling() -> None:
    kept = {arm.key for arm in arms_of(load_experiment("sleep-scaling"))}
    assert {arm.key for method in slept(is_quick=False) for arm in method.at(BUDGET)} <= kept
