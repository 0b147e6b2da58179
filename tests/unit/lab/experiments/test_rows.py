"""Rows: arms that differ in a seed alone are one row per query, with the mean over them."""

from pathlib import Path

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.experiments.methods import merged
from sleeptime.lab.experiments.rows import rows_of, where
from sleeptime.lab.statistics import Bootstrap
from tests.support.studies import add_answers, first, problems_of, study_of

ARMS = merged(is_quick=False).at("v0")


def played(folder: Path) -> Study:
    """Four queries: the seeds are right in three, two and one of them, for 4, 6 and 11 tokens."""
    study = study_of(problems_of(2), folder)
    for arm, right, output in zip(ARMS, (3, 2, 1), (4, 6, 11), strict=True):
        add_answers(study, arm, first(right / 4, 4), Usage(10, 5, 0, output))
    return study


def test_a_query_counts_once_with_its_mean_over_the_seeds(tmp_path: Path) -> None:
    study = played(tmp_path)
    rows = rows_of(study, *ARMS)
    assert rows.right.tolist() == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert (rows.output.tolist(), rows.input.tolist()) == ([7] * 4, [15] * 4)
    found = rows.accuracy(Bootstrap(rows.contexts, seed=0))
    assert found.mean == pytest.approx(0.5)
    assert (found.n, found.clusters) == (4, 2)
    assert rows.answers == 12


def test_seeds_can_be_told_apart(tmp_path: Path) -> None:
    apart = rows_of(played(tmp_path), *ARMS).by_seed
    assert [float(rows.right.mean()) for rows in apart] == [0.75, 0.5, 0.25]
    assert [rows.output.tolist() for rows in apart] == [[4] * 4, [6] * 4, [11] * 4]


def test_samples_of_an_arm_are_taken_together_too(tmp_path: Path) -> None:
    study, arm = study_of(problems_of(1), tmp_path), Arm("v0", temperature=0.7, samples=4)
    add_answers(study, arm, lambda number, sample: "right" if sample < 3 - number else "", Usage(10, 0, 0, 4))
    rows = rows_of(study, arm)
    assert rows.right.tolist() == [0.75, 0.5]
    assert (rows.answers, rows.unscored) == (8, 3)


def test_a_difference_is_paired_with_what_has_fewer_seeds(tmp_path: Path) -> None:
    study = played(tmp_path)
    add_answers(study, Arm("v0"), first(0.25, 4), Usage(10, 0, 0, 4))
    rows, alone = rows_of(study, *ARMS), rows_of(study, Arm("v0"))
    assert rows.minus(alone, Bootstrap(rows.contexts, seed=0)).mean == pytest.approx(0.25)


def test_some_rows_keep_all_their_seeds(tmp_path: Path) -> None:
    rows = where(rows_of(played(tmp_path), *ARMS), [False, True, True, False])
    assert np.allclose(rows.right, [2 / 3, 1 / 3])
    assert rows.routes == {"notes": 1.0}


def test_records_that_one_seed_lacks_are_named(tmp_path: Path) -> None:
    study = played(tmp_path)
    del study.book.answers[ARMS[1].key, study.problems[0].id, 0]
    with pytest.raises(InputError, match=r"seed=1000.* lacks an answer to 1 of 4 problems"):
        rows_of(study, *ARMS)
