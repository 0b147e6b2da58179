"""Parallel: k answers of the lowest budget against sleep at equal tokens."""

from pathlib import Path

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.attempts import attempts_of, sampled
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.experiments.methods import merged, slept
from sleeptime.lab.experiments.parallel import EXPERIMENT
from sleeptime.lab.experiments.recipes import BUDGETS, of_drafts
from sleeptime.lab.experiments.rows import rows_of
from tests.support.studies import add_answers, first, problems_of, study_of

TOKENS = dict(zip(BUDGETS, (4, 10, 12, 16, 400), strict=True))


def played(folder: Path, samples: int = 32) -> Study:
    """Half of the samples of every second problem are right, the others say each something else; sleep: 80 %."""
    study = study_of(problems_of(10), folder)
    add_answers(study, Arm("v0"), first(0.2, 20), Usage(40, 0, 0, 4))
    add_answers(
        study,
        sampled("v0", samples),
        lambda number, sample: "right" if sample % 2 == 0 and number % 2 == 0 else str(1000 + sample),
        Usage(40, 0, 0, 4),
    )
    for method in slept(is_quick=False):
        for arm in method.arms:
            add_answers(study, arm, first(0.8, 20), Usage(100, 0, 0, TOKENS[arm.budget]))
    return study


def test_attempts_are_worth_what_counting_all_choices_gives(tmp_path: Path) -> None:
    attempts = attempts_of(rows_of(played(tmp_path), sampled("v0", 32)))
    two = attempts.ks.index(2)
    either = 1 - (16 * 15) / (32 * 31)
    assert attempts.oracle[0, two] == pytest.approx(either)
    assert attempts.oracle[1].tolist() == [0.0] * len(attempts.ks)
    # Both right, or one right and a tie of two different answers.
    assert attempts.majority[0, two] == pytest.approx(16 * 15 / (32 * 31) + 0.5 * 2 * 16 * 16 / (32 * 31))
    assert attempts.majority[0, -1] == pytest.approx(1)
    assert np.all(attempts.majority <= attempts.oracle + 1e-12)


def test_unscored_attempts_take_a_place_and_cast_no_vote(tmp_path: Path) -> None:
    study = study_of(problems_of(2), tmp_path)
    arm = sampled("v0", 2)
    add_answers(study, arm, lambda number, sample: "right" if sample else "", Usage(40, 0, 0, 4))
    rows = rows_of(study, arm)
    attempts = attempts_of(rows)
    assert rows.unscored == 4
    assert attempts.majority.tolist() == [[0.5, 1.0]] * 4
    assert attempts.oracle.tolist() == [[0.5, 1.0]] * 4


def test_sleep_is_held_against_as_many_attempts_as_its_tokens_buy(tmp_path: Path) -> None:
    found = {e["budget"]: e for e in EXPERIMENT.analyse(played(tmp_path)).data["at_equal_tokens"][:5]}
    # v1 takes 10 tokens, two and a half attempts; the accuracy there is halfway between k = 2 and k = 3.
    two, three = 1 - (16 * 15) / (32 * 31), 1 - (16 * 15 * 14) / (32 * 31 * 30)
    assert found["v1"]["k"] == pytest.approx(2.5)
    assert found["v1"]["pass_at_k"]["mean"] == pytest.approx((two + three) / 4)
    assert found["v1"]["over_pass_at_k"]["mean"] == pytest.approx(0.8 - (two + three) / 4)


def test_less_than_one_attempt_is_one(tmp_path: Path) -> None:
    study = played(tmp_path)
    add_answers(study, Arm("v0", of_drafts(1)), first(0.8, 20), Usage(100, 0, 0, 1))
    found = EXPERIMENT.analyse(study).data["at_equal_tokens"][0]
    assert (found["k"], found["pass_at_k"]["mean"]) == (1.0, pytest.approx(0.25))


def test_more_attempts_than_were_sampled_are_not_made_up(tmp_path: Path) -> None:
    found = EXPERIMENT.analyse(played(tmp_path)).data["at_equal_tokens"][4]
    assert found["k"] == pytest.approx(100)
    assert found["pass_at_k"] is None
    assert found["over_majority_at_k"] is None


def test_claim_rests_on_the_smallest_lead_where_notes_are_read(tmp_path: Path) -> None:
    claim = EXPERIMENT.analyse(played(tmp_path)).claims[0]
    assert claim.is_met is True
    assert "at v2 (k = 3.0)" in claim.measured


def test_missing_samples_are_named(tmp_path: Path) -> None:
    study = played(tmp_path)
    del study.book.answers[sampled("v0", 32).key, study.problems[0].id, 31]
    with pytest.raises(InputError, match="lacks all of their 32 answers to 1 of 20"):
        EXPERIMENT.analyse(study)


def test_sleep_by_three_seeds_is_their_mean(tmp_path: Path) -> None:
    study = played(tmp_path)
    for arm, share in zip(merged(is_quick=False).at("v0"), (0.6, 0.8, 0.7), strict=True):
        add_answers(study, arm, first(share, 20), Usage(100, 0, 0, 4))
    found = EXPERIMENT.analyse(study).data["at_equal_tokens"][5]
    assert (found["budget"], found["method"]) == ("v0", "10 merged drafts")
    assert (found["accuracy"]["mean"], found["accuracy"]["n"]) == (pytest.approx(0.7), 20)
    assert found["over_pass_at_k"]["mean"] == pytest.approx(0.7 - 0.25)


def test_how_many_choices_of_k_samples_are_independent_is_shown(tmp_path: Path) -> None:
    table = EXPERIMENT.analyse(played(tmp_path)).tables[0]
    column = table.header.index("independent choices")
    assert {row[0]: row[column] for row in table.rows if row[0] in ("1", "3", "10", "32")} == {
        "1": "32",
        "3": "10",
        "10": "3",
        "32": "1",
    }


def test_quick_run_takes_fewer_samples() -> None:
    most = {is_quick: max(arm.samples for arm in EXPERIMENT.arms(is_quick=is_quick)) for is_quick in (True, False)}
    assert most == {True: 8, False: 32}
