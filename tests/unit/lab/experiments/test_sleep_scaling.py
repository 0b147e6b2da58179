"""Sleep scaling: steps from one number of drafts to the next, growth of prompts, and what did not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.recipes import SEEDS, of_drafts
from sleeptime.lab.experiments.sleep_scaling import DRAFTS, EXPERIMENT, QUICK_DRAFTS
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.sleep.settings import Combine
from tests.unit.lab.experiments.played import Right, arms_of, fact, play, problems, study, write_drafts

ASKED = problems(25, 4, lambda i: {"quantity": f"Tom q{i}"})
MERGED = {1: 60, 2: 70, 5: 74, 10: 76, 20: 80, 32: 80}
JOINED = {1: 60, 2: 72, 5: 76, 10: 50, 20: 40, 32: 30}
EFFORTS = {"low": 40, "medium": 50}


def right(arm: Arm, i: int) -> bool:
    """So many of each hundred, by drafts; one more with the second seed, one less with the third."""
    assert arm.sleep is not None
    if arm.sleep.effort in EFFORTS:
        return i % 100 < EFFORTS[arm.sleep.effort]
    shares = MERGED if arm.sleep.combine is Combine.MERGE else JOINED
    shift = {SEEDS[0]: 0, SEEDS[1]: 1, SEEDS[2]: -1}[arm.sleep.seed]
    return i % 100 < shares[arm.sleep.drafts] + shift


def length(arm: Arm, i: int) -> int:
    """Prompts of 100 tokens; merged ones grow by one per draft, concatenated ones by ten."""
    assert arm.sleep is not None
    return 100 + (arm.sleep.drafts - 1) * (1 if arm.sleep.combine is Combine.MERGE else 10)


def played(
    folder: Path,
    asked: list[Problem] = ASKED,
    rule: Right = right,
    *,
    is_quick: bool = False,
    notes: Callable[[Arm], int] = lambda arm: 4,
) -> RecordBook:
    book = play(folder, asked, arms_of(EXPERIMENT, is_quick=is_quick), rule, tokens=length, notes=notes)
    most = max(QUICK_DRAFTS if is_quick else DRAFTS)
    for seed in SEEDS:
        noted = of_drafts(most, seed=seed)
        write_drafts(book, asked, noted, lambda context, index: [fact(f"Tom x{n}", "1") for n in range(4)])
    for arm in arms_of(EXPERIMENT, is_quick=is_quick):
        if arm.sleep is not None and arm.sleep.effort in EFFORTS:
            write_drafts(book, asked, arm.sleep)
    return book


def test_gains_steps_and_growth_are_those_of_the_records(tmp_path: Path) -> None:
    found = EXPERIMENT.analyse(study(played(tmp_path), ASKED))
    merged = found.data["drafts"]["merge"]
    assert [merged[str(k)]["accuracy"]["mean"] for k in DRAFTS] == pytest.approx([MERGED[k] / 100 for k in DRAFTS])
    assert merged["10"]["answers"] == 300
    assert merged["1"]["answers"] == 100
    assert [each["mean"] for each in merged["10"]["accuracy_by_seed"]] == pytest.approx([0.76, 0.77, 0.75])
    steps = found.data["steps"]["concat"]
    assert [step["difference"]["mean"] for step in steps] == pytest.approx([0.12, 0.04, -0.26, -0.1, -0.1])
    never_worse, gain, growth, paper_gain, five = found.claims
    assert never_worse.is_met is True
    assert gain.is_met is True
    assert "of 40.0 points that were left to gain" in gain.measured
    assert growth.is_met is False
    assert growth.measured.startswith("1.31 times")
    assert paper_gain.is_met is True
    assert "with 5 drafts" in paper_gain.measured
    assert five.is_met is True
    assert "It drops from 5 to 10, 10 to 20 and 20 to 32 drafts" in found.summary


def test_a_drop_that_is_told_from_0_is_never_worse_no_more(tmp_path: Path) -> None:
    def falling(arm: Arm, i: int) -> bool:
        assert arm.sleep is not None
        return right(arm, i) and not (arm.sleep.combine is Combine.MERGE and arm.sleep.drafts == 32 and i % 100 > 40)

    found = EXPERIMENT.analyse(study(played(tmp_path, rule=falling), ASKED))
    assert found.claims[0].is_met is False
    assert "from 20 to 32 drafts" in found.claims[0].measured


def test_a_drop_that_may_be_chance_is_reported_and_leaves_it_open(tmp_path: Path) -> None:
    def wavering(arm: Arm, i: int) -> bool:
        assert arm.sleep is not None
        if arm.sleep.combine is Combine.MERGE and arm.sleep.drafts == 20 and arm.sleep.effort == "high":
            return i % 100 < 79 and i % 50 not in (3, 4)
        return right(arm, i)

    found = EXPERIMENT.analyse(study(played(tmp_path, rule=wavering), ASKED))
    assert found.claims[0].is_met is None
    assert "from 10 to 20 drafts" in found.claims[0].measured


def test_notes_that_did_not_fit_are_said(tmp_path: Path) -> None:
    def served(arm: Arm) -> int:
        assert arm.sleep is not None
        return 3 if arm.sleep.combine is Combine.CONCAT and arm.sleep.drafts == 32 else 4

    found = EXPERIMENT.analyse(study(played(tmp_path, notes=served), ASKED))
    assert found.data["drafts"]["concat"]["32"]["share_of_notes_served"] == pytest.approx(0.75)
    assert found.data["drafts"]["merge"]["32"]["share_of_notes_served"] == 1.0
    assert "With 32 drafts not all notes fit" in found.summary
    assert "held 75 % of them" in found.summary


def test_missing_records_or_drafts_are_an_error_that_says_which(tmp_path: Path) -> None:
    book = played(tmp_path)
    key = next(arm.key for arm in arms_of(EXPERIMENT) if arm.sleep is not None and arm.sleep.seed == SEEDS[2])
    del book.answers[key, ASKED[0].id, 0]
    with pytest.raises(InputError, match=r"seed=2000.* 1 of 100"):
        EXPERIMENT.analyse(study(book, ASKED))
    book = played(tmp_path)
    book.drafts.clear()
    with pytest.raises(InputError, match="25 of 25 contexts lack"):
        EXPERIMENT.analyse(study(book, ASKED))


def test_a_quick_run_on_one_context_has_no_intervals_and_no_verdicts(tmp_path: Path) -> None:
    asked = ASKED[:4]
    found = EXPERIMENT.analyse(study(played(tmp_path, asked, is_quick=True), asked, is_quick=True))
    assert set(found.data["drafts"]["merge"]) == {str(k) for k in QUICK_DRAFTS}
    assert found.data["steps"]["merge"][0]["difference"]["low"] is None
    assert {claim.is_met for claim in found.claims} == {None}
    json.dumps(found.data, allow_nan=False)
