"""Predictability: trends that are there, trends that are only simplicity, and what is left open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sleeptime.core.errors import InputError
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.experiment import Findings
from sleeptime.lab.experiments.predictability import EXPERIMENT
from sleeptime.lab.experiments.predictability_bins import Answered, gap_bins
from sleeptime.lab.experiments.recipes import SEEDS
from sleeptime.lab.problem import Problem
from sleeptime.lab.statistics import Bootstrap
from tests.support.estimates import ends
from tests.unit.lab.experiments.played import arms_of, play, problems, study

CONTEXTS, QUERIES = 50, 4
DEPTHS = np.random.default_rng(1).integers(1, 5, CONTEXTS * QUERIES)
NOISE = np.random.default_rng(2).random(CONTEXTS * QUERIES)
LAST = f"v0 sleep(drafts=10, seed={SEEDS[-1]}"
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


def main(found: Findings, score: str = "log P(q given c)") -> dict[str, Any]:
    scored: dict[str, Any] = found.data["methods"]["10 merged drafts"]["scores"][score]
    return scored


def test_a_gap_that_rises_with_the_score_is_found(tmp_path: Path) -> None:
    found = found_with(tmp_path, lambda i: (-10 * (1 - NOISE[i]) - 1, 10), lambda i: bool(NOISE[i] > 0.4))
    assert [claim.is_met for claim in found.claims] == [True, True, True, True]
    bins = [each["gap"]["mean"] for each in main(found)["bins"]]
    assert bins[0] == 0
    assert bins[-1] == 1
    assert bins == sorted(bins)
    assert [len(table.rows) for table in found.tables[:4]] == [5] * 4
    assert main(found)["auc"]["mean"] == 1.0


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
    lowest, *_, highest = raw["bins"]
    assert highest["gap"]["mean"] - lowest["gap"]["mean"] > 0.5
    held = raw["at_fixed_steps"]["bins"]
    gaps = [each["gap"] for each in held]
    assert abs(gaps[-1]["mean"] - gaps[0]["mean"]) < 0.25
    assert max(gap["low"] for gap in gaps) < min(gap["high"] for gap in gaps)
    assert max(abs(each["mean_steps"] - float(DEPTHS.mean())) for each in held) < 0.1
    assert abs(raw["trend_at_fixed_steps"]["rank_correlation"]["mean"]) < 0.15


def test_a_gap_that_rises_among_queries_of_equal_steps_is_found_against_that_of_their_steps(tmp_path: Path) -> None:
    """Queries of more steps score higher and gain less; of those of equal steps the higher ones gain."""
    found = found_with(
        tmp_path, lambda i: (5.0 * DEPTHS[i] + NOISE[i] - 40, 10), lambda i: bool(NOISE[i] > 0.2 * DEPTHS[i])
    )
    held = main(found)["at_fixed_steps"]
    gaps = [each["gap"]["mean"] for each in held["bins"]]
    assert gaps[0] < 0.1
    assert gaps[-1] > 0.9
    assert main(found)["trend"]["rank_correlation"]["mean"] < 0
    assert sum(each["gap"]["n"] for each in held["bins"]) == len(ASKED)


def test_the_gap_stands_for_each_number_of_steps_that_enough_queries_take(tmp_path: Path) -> None:
    """Of 200 queries, 3 take 9 steps, 30 take 4, and the others 2."""
    asked = problems(CONTEXTS, QUERIES, lambda i: {"depth": 9 if i < 3 else 4 if i < 33 else 2})
    found = found_with(tmp_path, lambda i: (-10 * (1 - NOISE[i]) - 1, 10), lambda i: i < 33, asked)
    held = main(found)["at_fixed_steps"]
    assert held["left_out"] == 3
    assert sum(each["gap"]["n"] for each in held["bins"]) == 197
    assert [each["gap"]["n"] for each in held["by_steps"]["2"]["bins"]] == [33, 34, 33, 34, 33]
    assert held["by_steps"]["4"]["bins"] == []
    assert held["by_steps"]["4"]["gap"]["mean"] == held["by_steps"]["9"]["gap"]["mean"] == 1.0
    assert held["by_steps"]["4"]["gap"]["low"] < 0.9, "nine contexts that all gain are not certain"
    assert "Left out: 3" in found.tables[2].note
    steps = next(table for table in found.tables if "each number of steps" in table.title)
    assert [row[:2] for row in steps.rows][:3] == [("log P(q given c)", of) for of in ("2", "4", "9")]
    assert [row[2:8] for row in steps.rows][1:3] == [("-",) * 6] * 2
    assert steps.rows[0][7] == "33 to 34"


def test_a_gap_that_is_the_same_for_every_query_is_not_certain() -> None:
    contexts = tuple(str(i) for i in range(500))
    scores, bootstrap = np.arange(500.0), Bootstrap(contexts, seed=0)
    gains, losses = np.r_[np.ones(100), np.zeros(400)], np.r_[np.zeros(400), np.ones(100)]
    gap = [each.gap for each in gap_bins(scores, Answered(losses, gains, contexts, None), bootstrap)]
    # By Clopper and Pearson at most 1 - 0.025 ** 0.01 = 3.622 % come to anything else, and that may be the opposite.
    assert ends(gap[0]) == pytest.approx((1 - 2 * 0.03622, 1.0), abs=1e-5)
    assert ends(gap[1]) == pytest.approx((-0.03622, 0.03622), abs=1e-5)
    assert ends(gap[4]) == pytest.approx((-1.0, 2 * 0.03622 - 1), abs=1e-5)


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
    assert fitted["brier"]["mean"] < fitted["brier_of_the_overall_share"]
    assert 0.7 < main(found)["auc"]["mean"] < 0.95
    assert len(found.figures) == 2


def test_what_one_seed_alone_turns_right_is_a_third_of_a_gap_and_a_case_of_its_own(tmp_path: Path) -> None:
    """The last seed gains where the score is high, the others nowhere."""
    book = play(tmp_path, ASKED, arms_of(EXPERIMENT), lambda arm, i: arm.key.startswith(LAST) and bool(NOISE[i] > 0.4))
    for i, problem in enumerate(ASKED):
        book.scores[problem.id] = {"logprob": -10 * (1 - NOISE[i]) - 1, "tokens": 10}
    found = EXPERIMENT.analyse(study(book, ASKED)).data["methods"]["10 merged drafts"]
    gained = float((NOISE > 0.4).mean())
    assert found["gap"]["mean"] == pytest.approx(gained / 3)
    assert found["gap"]["n"] == len(ASKED)
    assert found["turned_right"] == pytest.approx(gained / 3)
    scored = found["scores"]["log P(q given c)"]
    assert scored["bins"][-1]["gap"]["mean"] == pytest.approx(1 / 3)
    assert scored["auc"]["n"] == 3 * len(ASKED)
    # Of the cases that are not turned, two seeds have all queries and the last has those of a low score.
    low, others = 1 - gained, 2 * gained
    assert scored["auc"]["mean"] == pytest.approx((3 * low + others / 2) / (3 * low + others))


def test_queries_without_a_count_of_steps_are_analysed_without_it(tmp_path: Path) -> None:
    asked = problems(CONTEXTS, QUERIES)
    found = found_with(tmp_path, lambda i: (-10 * (1 - NOISE[i]) - 1, 10), lambda i: bool(NOISE[i] > 0.4), asked)
    assert found.data["steps_known"] is False
    assert main(found)["trend_at_fixed_steps"] is None
    assert len(found.claims) == 2
    assert main(found)["at_fixed_steps"] is None
    assert [table.title for table in found.tables if "steps" in table.title] == []
    assert "do not say how many steps" in found.tables[2].note
    assert "equal steps" not in found.figures[0].caption


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
    assert data["at_fixed_steps"]["bins"] == []
    assert data["at_fixed_steps"]["left_out"] == 4
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
