"""Context-only: how often the guess is the query, and what it gets right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.context_only import EXPERIMENT
from sleeptime.lab.experiments.recipes import SEEDS
from tests.unit.lab.experiments.played import arms_of, play, problems, study

ASKED = problems(20, 4)


def right(arm: Arm, i: int) -> bool:
    """Asked: three of four. Guessed: the first query of each context, and by luck the second of every other one."""
    if not arm.is_guess:
        return i % 4 < 3
    return i % 4 == 0 or i % 8 == 1


def reply(arm: Arm, i: int) -> str:
    """The guess is the first query about the context, in capitals; every fifth context gets another one."""
    if not arm.is_guess:
        return "The answer is 1."
    first = i - i % 4
    return f"{'WHY' if first % 20 == 0 else f'HOW  MANY {first}'}?\nThe answer is {first}."


def test_hits_luck_and_the_gap_to_asking(tmp_path: Path) -> None:
    found = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), right, reply=reply), ASKED))
    at = found.data["budgets"]["v0"]
    assert at["guess_is_the_query"]["mean"] == pytest.approx(16 / 80)
    assert at["guessed"]["accuracy"]["mean"] == pytest.approx(30 / 80)
    assert at["right_though_it_is_not"]["mean"] == pytest.approx(14 / 80)
    assert at["guessed_less_without"]["mean"] == pytest.approx(30 / 80 - 60 / 80)
    assert found.data["guess_is_a_query_of_its_context"]["mean"] == pytest.approx(16 / 20)
    assert [claim.is_met for claim in found.claims] == [True, True]


def test_sleep_is_the_mean_of_its_seeds(tmp_path: Path) -> None:
    def lucky(arm: Arm, i: int) -> bool:
        return arm.sleep is not None and i % 4 < 1 + SEEDS.index(arm.sleep.seed)

    found = EXPERIMENT.analyse(study(play(tmp_path, ASKED, arms_of(EXPERIMENT), lucky, reply=reply), ASKED))
    slept = found.data["budgets"]["v1"]["with"]
    assert (slept["accuracy"]["mean"], slept["accuracy"]["n"], slept["answers"]) == (pytest.approx(0.5), 80, 240)


def test_a_guess_that_beats_the_question_is_not_called_behind(tmp_path: Path) -> None:
    found = EXPERIMENT.analyse(
        study(play(tmp_path, ASKED, arms_of(EXPERIMENT), lambda arm, i: arm.is_guess, reply=reply), ASKED)
    )
    assert [claim.is_met for claim in found.claims] == [False, False]


def test_an_unscored_guess_is_counted_and_hits_nothing(tmp_path: Path) -> None:
    book = play(
        tmp_path,
        ASKED,
        arms_of(EXPERIMENT),
        lambda arm, i: "unscored" if arm.is_guess else True,
        reply=lambda arm, i: "\n(the model guessed no question)",
    )
    at = EXPERIMENT.analyse(study(book, ASKED)).data["budgets"]["v4"]
    assert [at[arm]["unscored"] for arm in ("guessed", "without", "with")] == [80, 0, 0]
    assert at["guess_is_the_query"]["mean"] == 0
    assert at["guessed"]["accuracy"]["mean"] == 0


def test_missing_records_name_the_arm(tmp_path: Path) -> None:
    book = play(tmp_path, ASKED, [arm for arm in arms_of(EXPERIMENT) if arm.key != "v2 guess"], right, reply=reply)
    with pytest.raises(InputError, match=r"'v2 guess'.* 80 of 80 problems"):
        EXPERIMENT.analyse(study(book, ASKED))


def test_one_context_gives_figures_without_intervals(tmp_path: Path) -> None:
    asked = problems(1, 4)
    found = EXPERIMENT.analyse(study(play(tmp_path, asked, arms_of(EXPERIMENT), right, reply=reply), asked))
    assert found.data["budgets"]["v0"]["guessed_less_without"]["low"] is None
    json.dumps(found.data, allow_nan=False)
