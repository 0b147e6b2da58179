"""Pareto: accuracy against test-time tokens at equal accuracy, never beyond what was measured."""

from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.experiments.experiment import Findings, Study
from sleeptime.lab.experiments.methods import ONE_DRAFT, WITHOUT, Method, merged
from sleeptime.lab.experiments.pareto import EXPERIMENT
from sleeptime.lab.experiments.recipes import BUDGETS
from tests.support.studies import add_answers, first, problems_of, quick, study_of

BASE = {"v0": (0.1, 4), "v1": (0.3, 10), "v2": (0.5, 20), "v3": (0.9, 40), "v4": (1.0, 80)}
SLEPT = {"v0": (0.7, 5), "v1": (0.8, 10), "v2": (0.8, 10), "v3": (0.8, 12), "v4": (0.9, 80)}
WITH_NOTES = 60


def play(study: Study, method: Method, figures: dict[str, tuple[float, int]], prompt: int) -> None:
    for budget, (share, output) in figures.items():
        usage = Usage(input_tokens=prompt, output_tokens=output)
        for arm in method.at(budget):
            add_answers(study, arm, first(share, len(study.problems)), usage)


def played(folder: Path, contexts: int = 10, queries: int = 2, source: str = "worlds:test") -> Study:
    study = study_of(problems_of(contexts, queries, source), folder)
    play(study, WITHOUT, BASE, prompt=45)
    play(study, ONE_DRAFT, SLEPT, prompt=45 + WITH_NOTES)
    for is_quick in (True, False):
        play(study, merged(is_quick=is_quick), SLEPT, prompt=45 + WITH_NOTES)
    return study


def at(findings: Findings, method: str, budget: str) -> dict[str, object]:
    found: dict[str, object] = findings.data["at_equal_accuracy"][method]["budgets"][BUDGETS.index(budget)]
    return found


def mean(figure: object) -> float:
    assert isinstance(figure, dict)
    return float(figure["mean"])


def test_ratio_at_equal_accuracy_is_read_off_the_line_between_two_budgets(tmp_path: Path) -> None:
    found = at(EXPERIMENT.analyse(played(tmp_path)), "one draft", "v0")
    assert mean(found["output_tokens_without"]) == pytest.approx(30)  # 0.7 lies halfway between v2 and v3
    assert mean(found["ratio_generated"]) == pytest.approx(6)
    assert mean(found["gain"]) == pytest.approx(0.6)


def test_bill_counts_the_whole_prompt(tmp_path: Path) -> None:
    billed = at(EXPERIMENT.analyse(played(tmp_path)), "one draft", "v0")["ratio_billed"]
    assert isinstance(billed, dict)
    fresh = (45 * 0.15 + 30 * 0.6) / (105 * 0.15 + 5 * 0.6)
    # Two queries per context: one writes the prefix (all but the five tokens of the query), one reads it.
    cached = (40 * 0.1125 + 5 * 0.15 + 30 * 0.6) / (100 * 0.1125 + 5 * 0.15 + 5 * 0.6)
    assert mean(billed["nothing cached"]) == pytest.approx(fresh)
    assert mean(billed["prefix cached"]) == pytest.approx(cached)


def test_ratio_along_the_curve_stays_where_both_curves_are(tmp_path: Path) -> None:
    along = EXPERIMENT.analyse(played(tmp_path)).data["at_equal_accuracy"]["one draft"]["along"]
    accuracies = [point["accuracy"] for point in along]
    assert (accuracies[0], accuracies[-1]) == (0.7, 0.9)
    assert mean(along[5]["ratio_generated"]) == pytest.approx(32.5 / 7.5)


def test_no_ratio_where_the_cheapest_budget_without_sleep_is_already_better(tmp_path: Path) -> None:
    study = played(tmp_path)
    play(study, WITHOUT, dict.fromkeys(BUDGETS, (0.95, 4)), prompt=45)
    findings = EXPERIMENT.analyse(study)
    assert at(findings, "one draft", "v0")["ratio_generated"] is None
    assert {c.is_met for c in findings.claims if "times" in c.target} == {None}
    assert [figure.name for figure in findings.figures] == ["pareto"]


def test_claims_are_decided_by_the_figures(tmp_path: Path) -> None:
    claims = {c.target: c for c in EXPERIMENT.analyse(played(tmp_path)).claims}
    where = "at the accuracy of v0 with one draft"
    assert claims[f"paper: about 5 times fewer output tokens {where}"].is_met is True
    assert claims[f"at least 8 times fewer output tokens {where}"].is_met is False
    assert claims[f"at least 3 times less billed online, prompt counted, {where}"].is_met is False


def test_targets_of_nano_need_five_hundred_queries(tmp_path: Path) -> None:
    few = [c for c in EXPERIMENT.analyse(played(tmp_path)).claims if c.target.startswith("nano")]
    assert [c.is_met for c in few] == [None] * 6
    many = [
        c for c in EXPERIMENT.analyse(played(tmp_path, contexts=100, queries=5)).claims if c.target.startswith("nano")
    ]
    # v4 without 100 %, v0 without 10 %, v0 with 70 % twice, v4 with 90 % against 100 % twice.
    assert [c.is_met for c in many] == [True, True, False, False, False, False]


def test_targets_of_nano_are_left_out_on_other_problems(tmp_path: Path) -> None:
    claims = EXPERIMENT.analyse(played(tmp_path, source="gsm:mine")).claims
    assert not [c for c in claims if c.target.startswith("nano")]


def test_accuracy_is_told_by_depth(tmp_path: Path) -> None:
    data = EXPERIMENT.analyse(played(tmp_path)).data["nano_targets"]["by_depth"]
    # Of twenty problems the first fourteen are right, every second of them of depth 1.
    assert mean(data["1"]["v0 one draft"]) == pytest.approx(0.7)
    assert data["1"]["v0 one draft"]["n"] == 10


def test_unscored_replies_are_counted_apart_and_are_not_right(tmp_path: Path) -> None:
    study = played(tmp_path)
    [arm] = ONE_DRAFT.at("v0")
    add_answers(study, arm, lambda number, sample: "right" if number < 14 else "", Usage(10, 0, 0, 5))
    findings = EXPERIMENT.analyse(study)
    point = findings.data["curves"]["one draft"][0]
    assert point["unscored"] == 6
    assert mean(point["accuracy"]) == pytest.approx(0.7)
    row = next(row for row in findings.tables[0].rows if row[:2] == ("`v0`", "one draft"))
    assert row[-1] == "6"


def test_merged_drafts_are_the_mean_of_their_seeds(tmp_path: Path) -> None:
    study = played(tmp_path)
    for arm, share in zip(merged(is_quick=False).at("v0"), (0.7, 0.6, 0.5), strict=True):
        add_answers(study, arm, first(share, 20), Usage(105, 0, 0, 5))
    found = EXPERIMENT.analyse(study).data
    point = found["curves"]["10 merged drafts"][0]
    assert mean(point["accuracy"]) == pytest.approx(0.6)
    assert point["accuracy"]["n"] == 20
    assert mean(found["at_equal_accuracy"]["10 merged drafts"]["budgets"][0]["gain"]) == pytest.approx(0.5)


def test_one_context_gives_no_interval(tmp_path: Path) -> None:
    point = EXPERIMENT.analyse(played(tmp_path, contexts=1, queries=10)).data["curves"]["one draft"][0]
    assert point["accuracy"]["low"] is None


def test_quick_run_decides_nothing(tmp_path: Path) -> None:
    assert {c.is_met for c in EXPERIMENT.analyse(quick(played(tmp_path))).claims} == {None}


def test_missing_records_name_the_arm_and_how_many(tmp_path: Path) -> None:
    study = played(tmp_path)
    for problem in study.problems[:3]:
        del study.book.answers["v2", problem.id, 0]
    with pytest.raises(InputError, match="'v2' lacks an answer to 3 of 20 problems"):
        EXPERIMENT.analyse(study)


def test_no_problems_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no problems"):
        EXPERIMENT.analyse(study_of([], tmp_path))


def test_same_records_give_the_same_findings(tmp_path: Path) -> None:
    study = played(tmp_path)
    assert EXPERIMENT.analyse(study) == EXPERIMENT.analyse(study)
