"""Results: means over repositories, paired differences, and after how many tasks a sleep has paid for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sleeptime.core.price import Price
from sleeptime.core.usage import Usage
from sleeptime.swe.arms import Arm
from sleeptime.swe.book import Answer, Book, Slept
from sleeptime.swe.field import Field
from sleeptime.swe.figures import f1_figure
from sleeptime.swe.plan import Plan
from sleeptime.swe.repository import Repository
from sleeptime.swe.results import Results
from sleeptime.swe.run import Cold, Played
from sleeptime.swe.tasks import Task
from tests.support.repositories import History

PRICE = Price(input=1.0, cached_input=0.1, cache_write=1.0, output=10.0)
TRUTH = ("a.py", "b.py")


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Results of answers: repository "one" has three tasks, "two" has one."""
    history = History(tmp_path / "repo")
    base = history.commit("begin", {"a.py": "1", "b.py": "1"})
    repository = Repository.open(history.path)
    tasks = tuple(Task(f"t{number}", base, "add it", TRUTH, TRUTH) for number in range(3))
    fields = (Field("one", repository, tasks), Field("two", repository, tasks[:1]))

    def make(
        answers: list[Answer], *, slept: tuple[Slept, ...] = (), steps: tuple[int, ...] = (5, 10)
    ) -> dict[str, Any]:
        book = Book(tmp_path / "records", {})
        for answer in answers:
            book.add(answer)
        for sleep in slept:
            book.add(sleep)
        plan = Plan(fields, tuple(Arm), steps=steps, seeds=1)
        played = Played({"one": Cold(2.0, 0.5), "two": Cold(1.0, 0.5)})
        found = Results(plan, book, played, PRICE).as_dict()
        book.close()
        return found

    return make


def answers(arm: Arm, one: tuple[str, ...], two: tuple[str, ...], steps: int = 0, tokens: int = 0) -> list[Answer]:
    """The same prediction for every task of a repository."""
    places = [("one", f"t{number}", one) for number in range(3)] + [("two", "t0", two)]
    usage = Usage(input_tokens=tokens)
    return [Answer(name, arm, task, steps, 0, paths, paths, usage=usage) for name, task, paths in places]


def test_a_repository_with_more_tasks_does_not_weigh_more(results: Callable) -> None:
    found = results(answers(Arm.INDEX, TRUTH, ("x.py",)))["arms"]["index"]
    assert found["f1"] == 0.5
    assert (found["by_repository"]["one"]["f1"], found["by_repository"]["two"]["f1"]) == (1.0, 0.0)
    assert (found["n"], found["answers"], found["cold_s"]) == (4, 4, 2.5)


def test_precision_and_recall_are_means_of_their_own_and_empty_predictions_are_counted(results: Callable) -> None:
    found = results(answers(Arm.CONTENT, ("a.py",), ()))["arms"]["content"]
    assert (found["precision"], found["recall"], found["empty"]) == (0.5, 0.25, 1)


def test_arms_that_build_nothing_have_no_cold_start(results: Callable) -> None:
    assert results(answers(Arm.RANDOM, TRUTH, TRUTH))["arms"]["random"]["cold_s"] == 0.0


def test_the_budget_from_which_notes_cost_f1_is_shown(results: Callable) -> None:
    few = [*answers(Arm.AGENT, ("a.py",), ("a.py",), 5), *answers(Arm.AGENT_NOTES, TRUTH, TRUTH, 5)]
    many = [*answers(Arm.AGENT, TRUTH, TRUTH, 10), *answers(Arm.AGENT_NOTES, ("a.py",), ("a.py",), 10)]
    found = results([*few, *many])["notes_against_agent"]
    assert found["f1_difference"]["5"]["mean"] == pytest.approx(1 / 3)
    assert found["f1_difference"]["10"]["mean"] == pytest.approx(-1 / 3)
    assert found["behind_from_steps"] == 10


def test_a_sleep_pays_for_itself_after_what_it_took_by_what_each_task_saves(results: Callable) -> None:
    played = [
        *answers(Arm.AGENT, TRUTH, TRUTH, 5, tokens=900),
        *answers(Arm.AGENT, TRUTH, TRUTH, 10, tokens=1_000),
        *answers(Arm.AGENT_NOTES, ("a.py",), ("a.py",), 5, tokens=300),
        *answers(Arm.AGENT_NOTES, TRUTH, TRUTH, 10, tokens=600),
    ]
    slept = (Slept("one", "x", (), Usage(input_tokens=2_000)), Slept("other", "y", (), Usage(input_tokens=9_000)))
    found = results(played, slept=slept)["sleep"]
    at_5, at_10 = found["break_even"]
    assert (at_5["steps_with_notes"], at_5["tokens_saved"]) == (10, 300)
    assert at_5["tasks"] == pytest.approx(2_000 / 300)
    assert at_10["tasks"] == 5.0
    assert (at_10["usd_saved"], at_10["tasks_usd"]) == (pytest.approx(0.0004), pytest.approx(5.0))
    assert found["cost_usd"] == pytest.approx(0.002), "of the repositories of this plan alone"


def test_notes_that_save_nothing_never_pay(results: Callable) -> None:
    played = [*answers(Arm.AGENT, TRUTH, TRUTH, 5, tokens=100), *answers(Arm.AGENT_NOTES, TRUTH, TRUTH, 5, tokens=200)]
    [line] = results(played, slept=(Slept("one", "x", (), Usage(input_tokens=10)),))["sleep"]["break_even"]
    assert (line["tokens_saved"], line["tasks"]) == (-100, None)
    assert line["tasks_usd"] is None


def test_the_figure_names_every_arm_and_both_axes(results: Callable) -> None:
    plain = [*answers(Arm.RANDOM, ("x.py",), TRUTH), *answers(Arm.INDEX, TRUTH, TRUTH)]
    assert "index 1.00" in f1_figure(results(plain)["arms"])
    agents = [
        played
        for arm in (Arm.AGENT, Arm.AGENT_NOTES)
        for steps in (5, 10)
        for played in answers(arm, ("a.py",), TRUTH, steps, tokens=steps * 100)
    ]
    drawn = f1_figure(results([*plain, *agents])["arms"])
    assert all(text in drawn for text in ("Against steps", "Against tokens", "agent+notes@10"))


def test_random_and_recency_stand_beside_the_agents_each_with_its_name(results: Callable) -> None:
    agents = answers(Arm.AGENT, ("a.py",), TRUTH, 5, tokens=100)
    near = [*answers(Arm.RANDOM, ("x.py",), ()), *answers(Arm.RECENCY, ("y.py",), ())]
    assert ">recency, random<" in f1_figure(results([*agents, *near])["arms"])
    apart = results([*agents, *answers(Arm.RECENCY, ("a.py",), TRUTH)])["arms"]
    drawn = f1_figure(apart)
    assert all(f">{name}<" in drawn for name in ("recency", "random"))


@pytest.mark.parametrize(("predicted", "at"), [(("x.py",), 0.0), (TRUTH, 1.0)])
def test_where_every_answer_scores_alike_an_interval_is_still_wider_than_nothing(
    results: Callable, predicted: tuple[str, ...], at: float
) -> None:
    found = results(answers(Arm.INDEX, predicted, predicted))["arms"]["index"]
    low, high = found["f1_interval"]
    assert (found["f1"], at in (low, high)) == (at, True)
    assert high - low > 0.5, "four tasks say little"
    assert found["f1_source_interval"] == [low, high]
