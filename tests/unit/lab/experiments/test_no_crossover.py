"""No crossover: what auto loses to the better arm, in the interval and in the verdict."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.no_crossover import EXPERIMENT
from sleeptime.lab.experiments.recipes import SEEDS, of_drafts
from sleeptime.wake.route import Route
from tests.unit.lab.experiments.played import arms_of, play, problems, study

ASKED = problems(25, 4)


def crossing(arm: Arm, i: int) -> bool:
    """Notes: 60 % everywhere. Alone: 20 %, but 80 % at v4. Auto: notes, also at v4."""
    if arm.sleep is not None:
        return i % 10 < 6
    return i % 10 < (8 if arm.budget == "v4" else 2)


def choosing(arm: Arm, i: int) -> bool:
    """The same, but auto leaves the notes out at v4."""
    if arm.route is Route.AUTO and arm.budget == "v4":
        return i % 10 < 8
    return crossing(arm, i)


def test_a_crossover_that_auto_does_not_avoid_is_found(tmp_path: Path) -> None:
    book = play(tmp_path, ASKED, arms_of(EXPERIMENT), crossing)
    found = EXPERIMENT.analyse(study(book, ASKED))
    assert found.data["budgets"]["v0"]["auto_loses"]["mean"] == pytest.approx(0.0)
    lost = found.data["budgets"]["v4"]["auto_loses"]
    assert lost["mean"] == pytest.approx(0.2)
    assert 0 < lost["low"] < 0.2 < lost["high"]
    assert [claim.is_met for claim in found.claims] == [False, True]
    assert "Auto loses more than 0.5 points to the better arm at `v4`." in found.summary
    assert "Notes served whenever there are any cost accuracy at `v4`." in found.summary


def test_an_auto_that_takes_the_better_arm_loses_nothing(tmp_path: Path) -> None:
    book = play(tmp_path, ASKED, arms_of(EXPERIMENT), choosing)
    found = EXPERIMENT.analyse(study(book, ASKED))
    assert {at["auto_loses"]["mean"] for at in found.data["budgets"].values()} == {0.0}
    assert found.claims[0].is_met is True
    assert "At no budget" in found.summary


def test_the_better_arm_is_found_anew_in_every_draw(tmp_path: Path) -> None:
    """Two equal arms by turns, and auto one of them: in half of the draws the other is ahead, never behind 0."""

    def right(arm: Arm, i: int) -> bool:
        return (i // 4) % 2 == (arm.route is Route.NOTES)

    asked = problems(24, 4)
    found = EXPERIMENT.analyse(study(play(tmp_path, asked, arms_of(EXPERIMENT), right), asked))
    lost = found.data["budgets"]["v0"]["auto_loses"]
    assert (lost["mean"], lost["low"]) == (0.0, 0.0)
    assert lost["high"] > 0.2


def test_unscored_replies_are_counted_and_are_not_right(tmp_path: Path) -> None:
    def right(arm: Arm, i: int) -> bool | str:
        return "unscored" if arm.sleep is None and i < 10 else True

    found = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), right), ASKED))
    at = found.data["budgets"]["v2"]
    assert [at[arm]["unscored"] for arm in ("without", "notes", "auto")] == [10, 0, 0]
    assert at["without"]["accuracy"]["mean"] == pytest.approx(0.9)
    assert found.tables[0].rows[2][-1] == "10 / 0 / 0"


def test_the_routes_that_auto_took_are_shown(tmp_path: Path) -> None:
    book = play(
        tmp_path,
        ASKED,
        arms_of(EXPERIMENT),
        crossing,
        route=lambda arm: "full" if arm.sleep is None or (arm.budget == "v4" and arm.route is Route.AUTO) else "notes",
    )
    found = EXPERIMENT.analyse(study(book, ASKED))
    assert found.data["budgets"]["v4"]["auto"]["routes"] == {"full": 1.0}
    assert "At `v0`, `v1`, `v2` and `v3` auto served every query as the arm with notes did." in found.summary
    assert "At `v4` auto served every query as the arm without sleep did." not in found.summary  # other notes


def test_a_loss_is_the_mean_of_what_the_seeds_lose(tmp_path: Path) -> None:
    def right(arm: Arm, i: int) -> bool:
        if arm.route is Route.AUTO and arm.sleep is not None:
            return i % 10 < 6 - SEEDS.index(arm.sleep.seed)
        return crossing(arm, i)

    found = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), right), ASKED))
    at = found.data["budgets"]["v0"]
    assert (at["notes"]["answers"], at["without"]["answers"]) == (300, 100)
    assert at["auto_loses"]["mean"] == pytest.approx((0 + 0.1 + 0.2) / 3)


def test_missing_records_name_the_arm_and_how_many(tmp_path: Path) -> None:
    book = play(tmp_path, ASKED, arms_of(EXPERIMENT), crossing)
    key = Arm("v3", of_drafts(10, seed=SEEDS[2]), route=Route.NOTES).key
    for problem in ASKED[:7]:
        del book.answers[key, problem.id, 0]
    with pytest.raises(InputError, match=rf"{re.escape(repr(key))}.* 7 of 100 problems"):
        EXPERIMENT.analyse(study(book, ASKED))


def test_one_context_gives_figures_without_intervals(tmp_path: Path) -> None:
    asked = problems(1, 4)
    found = EXPERIMENT.analyse(study(play(tmp_path, asked, arms_of(EXPERIMENT), crossing), asked))
    assert found.data["budgets"]["v0"]["auto_loses"]["low"] is None
    assert found.claims[1].is_met is None


def test_findings_are_the_same_for_the_same_seed_and_are_json(tmp_path: Path) -> None:
    book = play(tmp_path, ASKED, arms_of(EXPERIMENT), crossing)
    first, second = (EXPERIMENT.analyse(study(book, ASKED)) for _ in range(2))
    assert first == second
    json.dumps(first.data, allow_nan=False)


def test_a_quick_run_decides_nothing(tmp_path: Path) -> None:
    book = play(tmp_path, ASKED, arms_of(EXPERIMENT, is_quick=True), crossing)
    found = EXPERIMENT.analyse(study(book, ASKED, is_quick=True))
    assert {claim.is_met for claim in found.claims} == {None}
