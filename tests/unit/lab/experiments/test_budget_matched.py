"""Budget-matched: sleep against the best that as many tokens in all buy without it."""

from pathlib import Path

import pytest

from sleeptime.core.errors import InputError
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.experiments.attempts import sampled
from sleeptime.lab.experiments.budget_matched import EXPERIMENT
from sleeptime.lab.experiments.experiment import Study
from sleeptime.lab.experiments.methods import of_merged, slept
from tests.support.studies import add_answers, add_drafts, first, problems_of, study_of

BASE = {"v0": (0.1, 4), "v1": (0.3, 10), "v2": (0.5, 20), "v3": (0.9, 40), "v4": (1.0, 80)}
SLEEP = 100
"""Output tokens of a draft."""


def played(folder: Path) -> Study:
    """Sleep is right in 70 % at every budget, for 5 tokens; sampled attempts are never right."""
    study = study_of(problems_of(10), folder)
    for budget, (share, output) in BASE.items():
        add_answers(study, Arm(budget), first(share, 20), Usage(40, 0, 0, output))
    for arm in (sampled("v0", 32), *(sampled(budget, 5) for budget in ("v1", "v2", "v3"))):
        add_answers(study, arm, lambda number, sample: "1", Usage(40, 0, 0, BASE[arm.budget][1]))
    for method in slept(is_quick=False):
        for sleep in method.sleeps:
            add_drafts(study, sleep, Usage(60, 0, 0, SLEEP))
        for arm in method.arms:
            add_answers(study, arm, first(0.7, 20), Usage(100, 0, 0, 5))
    return study


def matched(study: Study, method: str, n_queries: int) -> dict[str, dict[str, float]]:
    found = EXPERIMENT.analyse(study).data["matched"]
    wanted = {"budget": "v0", "method": method, "n_queries": n_queries}
    [match] = [m for m in found if wanted.items() <= m.items()]
    return dict(match)


def test_the_tokens_of_the_sleep_are_shared_by_the_queries(tmp_path: Path) -> None:
    study = played(tmp_path)
    assert matched(study, "one draft", 10)["output_tokens"]["mean"] == pytest.approx(5 + SLEEP / 10)
    assert matched(study, "10 merged drafts", 4)["output_tokens"]["mean"] == pytest.approx(5 + 10 * SLEEP / 4)


def test_test_time_compute_gets_the_same_tokens(tmp_path: Path) -> None:
    # 15 tokens: halfway between v1 and v2 is 40 %, but between v0 and v3 it is more: 0.1 + 0.8 * 11 / 36.
    match = matched(played(tmp_path), "one draft", 10)
    best = 0.1 + 0.8 * 11 / 36
    assert best < 0.4  # so that the line between neighbours is the better one
    assert match["best_without"]["mean"] == pytest.approx(0.4)
    assert match["lead"]["mean"] == pytest.approx(0.3)


def test_sleep_that_serves_one_query_is_held_against_the_dearest_budget(tmp_path: Path) -> None:
    match = matched(played(tmp_path), "one draft", 1)
    assert match["best_without"]["mean"] == pytest.approx(1.0)
    assert match["lead"]["mean"] == pytest.approx(-0.3)
    assert str(match["best_way"]) == "v4 (80.0 tokens)"


def test_past_the_dearest_way_without_sleep_figures_are_bounds(tmp_path: Path) -> None:
    """Five votes at v3 take 200 tokens. One draft shared by one query takes 105, ten shared by four 255."""
    study = played(tmp_path)
    assert not matched(study, "one draft", 1)["is_bound"]
    assert not matched(study, "10 merged drafts", 10)["is_bound"]
    assert matched(study, "10 merged drafts", 4)["is_bound"]
    table = EXPERIMENT.analyse(study).tables[1]
    rows = {row[1]: row for row in table.rows if row[0] == "`v0`"}
    best, lead = table.header.index("best without"), table.header.index("lead")
    assert rows["4"][best].startswith("at least 100.0 %")
    assert rows["4"][lead].startswith("at most -30.0 points")
    assert rows["10"][lead].startswith("-30.0 points")
    assert "(v3, majority of 5: 200.0)" in table.note


def test_a_lead_that_is_only_a_bound_decides_nothing_in_favour_of_sleep(tmp_path: Path) -> None:
    study = played(tmp_path)
    for budget in BASE:
        add_answers(study, Arm(budget), first(0.1, 20), Usage(40, 0, 0, 4))
    for sleep in of_merged(10, is_quick=False).sleeps:
        add_drafts(study, sleep, Usage(60, 0, 0, 10 * SLEEP))
    findings = EXPERIMENT.analyse(study)
    assert [claim.is_met for claim in findings.claims] == [True, None]
    assert findings.claims[1].measured.startswith("at most +60.0 points")
    assert "10 merged drafts, 10 queries per context: perhaps ahead at v0, v1, v2, v3 and v4." in findings.summary
    assert "one draft, 10 queries per context: ahead at v0, v1, v2, v3 and v4." in findings.summary


def test_votes_count_when_they_are_better(tmp_path: Path) -> None:
    study = played(tmp_path)
    add_answers(study, sampled("v0", 32), first(1.0, 20), Usage(40, 0, 0, 4))
    match = matched(study, "one draft", 10)
    assert match["best_without"]["mean"] == pytest.approx(1.0)
    assert str(match["best_way"]) == "v0, sampled (4.0 tokens)"


def test_an_oracle_is_told_apart_from_what_a_user_could_do(tmp_path: Path) -> None:
    study = played(tmp_path)
    one_of_32 = sampled("v0", 32)
    add_answers(study, one_of_32, lambda number, sample: "1" if sample else "right", Usage(40, 0, 0, 1))
    match = matched(study, "one draft", 2)
    assert match["best_with_oracle"]["mean"] == pytest.approx(1.0)  # one of 32 attempts, for 32 of the 55 tokens
    assert match["best_without"]["mean"] < 1


def test_claims_follow_the_leads(tmp_path: Path) -> None:
    claims = EXPERIMENT.analyse(played(tmp_path)).claims
    assert [claim.is_met for claim in claims] == [True, False]


def test_missing_drafts_are_named(tmp_path: Path) -> None:
    study = played(tmp_path)
    study.book.drafts.pop(next(key for key in study.book.drafts if key[2] == 9))
    with pytest.raises(InputError, match="1 of 10 contexts lack some of their 10 drafts"):
        EXPERIMENT.analyse(study)


def test_one_context_gives_no_interval(tmp_path: Path) -> None:
    study = played(tmp_path)
    alone = type(study)(study.problems[:2], study.book, 7, study.price, study.price_model)
    found = EXPERIMENT.analyse(alone).data["matched"][0]["output_tokens"]
    assert (found["low"], found["clusters"]) == (None, 1)
