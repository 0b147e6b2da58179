"""Predictability: trends that are there, trends that are only simplicity, and what is left open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Findings
from sleeptime.lab.experiments.predictability import EXPERIMENT
from sleeptime.lab.problem import Problem
from tests.unit.lab.experiments.played import arms_of, play, problems, study

CONTEXTS, QUERIES = 50, 4
DEPTHS = np.random.default_rng(1).integers(1, 5, CONTEXTS * QUERIES)
NOISE = np.random.default_rng(2).random(CONTEXTS * QUERIES)
ASKED = problems(CONTEXTS, QUERIES, lambda i: {"depth": int(DEPTHS[i])})


def found_with(
    folder: Path,
    score: Callable[[int], tuple[float, int]],
    gains: Callable[[int], bool],
    asked: list[Problem] = ASKED,
    *,
    is_quick: bool = False,
) -> Findings:
    """Findings when sleep turns right the queries that gain, and nothing else is right."""
    arms = arms_of(EXPERIMENT, is_quick=is_quick)
    book = play(folder, asked, arms, lambda arm, i: arm.sleep is not None and gains(i))
    for i, problem in enumerate(asked):
        logprob, tokens = score(i)
        book.scores[problem.id] = {"logprob": logprob, "tokens": tokens}
    return EXPERIMENT.analyse(study(book, asked, is_quick=is_quick))


def main(found: Findings, score: str = "log P(q given c)") -> dict[str, object]:
    scored: dict[str, object] = found.data["methods"]["10 merged drafts"]["scores"][score]
    return scored


def test_a_gap_that_rises_with_the_score_is_found(tmp_path: Path) -> None:
    found = found_with(tmp_path, lambda i: (-10 * (1 - NOISE[i]) - 1, 10), lambda i: bool(NOISE[i] > 0.4))
    assert [claim.is_met for claim in found.claims] == [True, True, True, True]
    bins = [each["gap"]["mean"] for each in main(found)["bins"]]  # type: ignore[attr-defined]
    assert bins[0] == 0
    assert bins[-1] == 1
    assert bins == sorted(bins)
    assert main(found)["auc"]["mean"] == 1.0  # type: ignore[index]


def test_a_gap_that_falls_is_a_missed_claim(tmp_path: Path) -> None:
    found = found_with(tmp_path, lambda i: (-10 * NOISE[i] - 1, 10), lambda i: bool(NOISE[i] > 0.4))
    assert [claim.is_met for claim in found.claims] == [False, False, False, False]
    assert "a fall" in found.summary


def test_simplicity_alone_shows_no_trend_at_fixed_steps(tmp_path: Path) -> None:
    """Score and gain both follow the number of steps, and nothing else."""
    found = found_with(
        tmp_path, lambda i: (-5.0 * DEPTHS[i] - NOISE[i], 10), lambda i: bool((DEPTHS[i] + i) % 5 >= DEPTHS[i])
    )
    raw = main(found)
    assert found.claims[0].is_met is True
    assert found.claims[2].is_met is None
    assert abs(raw["trend_at_fixed_steps"]["rank_correlation"]["mean"]) < 0.15  # type: ignore[index]


def test_length_alone_shows_no_trend_per_token(tmp_path: Path) -> None:
    """Short queries gain and score high, but no token of theirs is likelier."""

    def length(i: int) -> int:
        return 5 + int(20 * NOISE[i])

    rng = np.random.default_rng(3)
    jitter = rng.normal(0, 0.01, len(ASKED))
    found = found_with(tmp_path, lambda i: ((jitter[i] - 1) * length(i), length(i)), lambda i: length(i) < 14)
    assert found.claims[0].is_met is True
    assert found.claims[1].is_met is None


def test_the_chance_of_a_gain_is_foretold_from_other_contexts(tmp_path: Path) -> None:
    coin = np.random.default_rng(4).random(len(ASKED))
    found = found_with(tmp_path, lambda i: (-8 * (1 - NOISE[i]), 8), lambda i: bool(coin[i] < NOISE[i]))
    fitted = main(found)["calibration"]
    assert fitted["brier"]["mean"] < fitted["brier_of_the_overall_share"]  # type: ignore[index]
    assert 0.7 < main(found)["auc"]["mean"] < 0.95  # type: ignore[index]
    assert len(found.figures) == 2


def test_queries_without_a_count_of_steps_are_analysed_without_it(tmp_path: Path) -> None:
    asked = problems(CONTEXTS, QUERIES)
    found = found_with(tmp_path, lambda i: (-10 * (1 - NOISE[i]) - 1, 10), lambda i: bool(NOISE[i] > 0.4), asked)
    assert found.data["steps_known"] is False
    assert main(found)["trend_at_fixed_steps"] is None
    assert len(found.claims) == 2
    assert "do not say how many steps" in found.tables[2].note


def test_where_nothing_gains_nothing_is_claimed(tmp_path: Path) -> None:
    found = found_with(tmp_path, lambda i: (-10 * NOISE[i] - 1, 10), lambda i: False)
    assert {claim.is_met for claim in found.claims} == {None}
    assert main(found)["auc"] is None
    assert "nothing can be foretold" in found.summary
    json.dumps(found.data, allow_nan=False)


def test_one_context_or_equal_scores_are_left_open(tmp_path: Path) -> None:
    found = found_with(tmp_path, lambda i: (-2.0, 4), lambda i: i % 2 == 0, ASKED[:4], is_quick=True)
    data = found.data["methods"]["5 merged drafts"]["scores"]["log P(q given c)"]
    assert data["calibration"] is None
    assert data["trend"]["p"] is None
    assert len(data["bins"]) == 1
    json.dumps(found.data, allow_nan=False)


def test_unscored_replies_are_counted(tmp_path: Path) -> None:
    def verdict(arm: Arm, i: int) -> bool | str:
        return "unscored" if arm.sleep is None and i < 3 else True

    book = play(tmp_path, ASKED, arms_of(EXPERIMENT), verdict)
    for problem in ASKED:
        book.scores[problem.id] = {"logprob": -3.0, "tokens": 4}
    found = EXPERIMENT.analyse(study(book, ASKED))
    assert found.data["methods"]["one draft"]["unscored"] == {"without": 3, "with": 0}


def test_missing_scores_and_records_are_errors_that_say_which(tmp_path: Path) -> None:
    book = play(tmp_path, ASKED, arms_of(EXPERIMENT), lambda arm, i: True)
    for problem in ASKED[:-6]:
        book.scores[problem.id] = {"logprob": -3.0, "tokens": 4}
    book.scores[ASKED[0].id] = {"logprob": -3.0, "tokens": 0}
    with pytest.raises(InputError, match="7 of 200 queries are not measured"):
        EXPERIMENT.analyse(study(book, ASKED))
    del book.answers["v0", ASKED[0].id, 0]
    with pytest.raises(InputError, match=r"'v0'.* 1 of 200"):
        EXPERIMENT.analyse(study(book, ASKED))
