"""Robustness: harmed c' against sound ones and against none, with the seeds of planted errors taken together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm, Harm
from sleeptime.lab.experiments.recipes import SEEDS
from sleeptime.lab.experiments.robustness import EXPERIMENT
from tests.unit.lab.experiments.played import arms_of, play, problems, study

ASKED = problems(25, 4)


def right(arm: Arm, i: int) -> bool | str:
    """Alone 20 %, sound 90 %. Errors cost their share, and ten points more by the second seed; another c' all."""
    tenth = i % 10
    if arm.damage is None:
        return tenth < (2 if arm.sleep is None else 9)
    match arm.damage.harm:
        case Harm.ERRORS:
            return i % 100 < 90 - round(100 * arm.damage.share) - 10 * (arm.damage.seed == SEEDS[1])
        case Harm.EMPTY:
            return tenth < 2
        case Harm.OTHER:
            return "unscored" if i == 0 else False
        case _:
            return tenth < 8


def test_differences_are_those_of_the_records(tmp_path: Path) -> None:
    found = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), right), ASKED))
    v0, v3 = found.data["v0"], found.data["v3"]
    assert v0["sound"]["less_without"]["mean"] == pytest.approx(0.7)
    assert v3["20 % of the notes wrong"]["less_sound"]["mean"] == pytest.approx(-0.2 - 0.1 / 3)
    assert v0["100 % notes of another context added"]["less_sound"]["mean"] == pytest.approx(-0.1)
    assert v0["that of another context"]["less_without"]["mean"] == pytest.approx(-0.2)
    assert v0["that of another context"]["unscored"] == 3, "one by each seed"
    assert "At `v0` it is worse than no sleep with these c': that of another context." in found.summary


def test_seeds_of_errors_count_each_query_once_with_its_mean(tmp_path: Path) -> None:
    found = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), right), ASKED))
    wrong = found.data["v0"]["10 % of the notes wrong"]
    assert wrong["accuracy"]["mean"] == pytest.approx((0.8 + 0.7 + 0.8) / 3)
    assert wrong["accuracy"]["n"] == 100
    assert wrong["answers"] == 300
    assert found.data["v3"]["100 % notes of another context added"]["answers"] == 300
    assert found.data["v0"]["empty"]["answers"] == 100, "an empty c' is the same by every seed"


def test_each_seed_has_drafts_and_harm_of_its_own() -> None:
    harmed = [arm for arm in EXPERIMENT.arms(is_quick=False) if arm.damage is not None and arm.sleep is not None]
    drawn = {(arm.sleep.seed, arm.damage.seed) for arm in harmed if arm.sleep and arm.damage}
    assert drawn == {(seed, seed) for seed in SEEDS}


def test_an_empty_c_that_answers_otherwise_than_no_sleep_is_not_passed(tmp_path: Path) -> None:
    sound = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), right), ASKED))
    assert sound.claims[0].is_met is True

    def other(arm: Arm, i: int) -> bool | str:
        return i % 10 >= 8 if arm.damage is not None and arm.damage.harm is Harm.EMPTY else right(arm, i)

    found = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), other), ASKED))
    assert found.claims[0].is_met is None


def test_missing_records_name_the_arm(tmp_path: Path) -> None:
    arms = [arm for arm in arms_of(EXPERIMENT) if arm.damage is None or arm.damage.harm is not Harm.OTHER]
    with pytest.raises(InputError, match=r"other\(1, seed=0\).* 100 of 100"):
        EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms, right), ASKED))


def test_a_quick_run_and_one_context_still_give_tables(tmp_path: Path) -> None:
    asked = problems(1, 4)
    arms = arms_of(EXPERIMENT, is_quick=True)
    found = EXPERIMENT.analyse(study(play(tmp_path, asked, arms, right), asked, is_quick=True))
    assert found.data["v0"]["sound"]["less_without"]["low"] is None
    json.dumps(found.data, allow_nan=False)
    assert len(found.tables) == 3
