"""`sleeptime demo`: the main job on nano, for real."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sleeptime.core.price import paper_cost
from sleeptime.demo import Demo, run_demo


@pytest.fixture(scope="module")
def demo() -> Demo:
    return asyncio.run(run_demo(0))


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("home")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLEEPTIME_")}
    environment |= {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    command = [sys.executable, "-m", "sleeptime", "demo", "--json", "--seed", "1"]
    run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True, timeout=300)
    assert run.stderr == ""
    assert not list(Path(folder).iterdir()), "the demo leaves nothing behind"
    value: dict[str, Any] = json.loads(run.stdout)
    return value


def test_the_object_has_the_promised_shape(printed: dict[str, Any]) -> None:
    assert printed["seed"] == 1
    assert len(printed["contexts"]) == 3
    for context in printed["contexts"]:
        assert context["name"]
        assert context["sleep"]["output_tokens"] > 0
        assert context["sleep"]["input_tokens"] > 0
        assert len(context["queries"]) >= 3
        for query in context["queries"]:
            assert query["query"]
            assert int(query["expected"]) >= 1
            for arm in ("with_sleep", "without_sleep"):
                assert query[arm].keys() >= {"answer", "output_tokens", "input_tokens", "route"}
                assert query[arm]["output_tokens"] > 0
            assert query["without_sleep"]["route"] == "full"
    totals = printed["totals"]
    arms = [(query["with_sleep"], query["without_sleep"]) for c in printed["contexts"] for query in c["queries"]]
    assert totals["output_tokens_with"] == sum(with_sleep["output_tokens"] for with_sleep, _ in arms)
    assert totals["output_tokens_without"] == sum(without["output_tokens"] for _, without in arms)
    assert totals["accuracy_with"] == sum(with_sleep["correct"] is True for with_sleep, _ in arms) / len(arms)
    assert totals["accuracy_without"] == sum(without["correct"] is True for _, without in arms) / len(arms)


def test_another_seed_gives_other_contexts(demo: Demo, printed: dict[str, Any]) -> None:
    texts = {context.text for context in demo.contexts}
    assert len(texts) == 3
    assert not texts & {context["text"] for context in printed["contexts"]}


def test_a_seed_gives_the_same_answers_again(demo: Demo) -> None:
    again = asyncio.run(run_demo(0))
    assert [_answers(context) for context in again.contexts] == [_answers(context) for context in demo.contexts]
    assert again.totals.output_tokens_with == demo.totals.output_tokens_with
    assert again.totals.cost_per_query == demo.totals.cost_per_query


def test_sleep_takes_fewer_tokens_at_test_time_and_costs_add_up(demo: Demo) -> None:
    totals = demo.totals
    assert totals.output_tokens_with < totals.output_tokens_without
    assert [cost.t for cost in totals.cost_per_query] == [10, 2, 1]
    for cost in totals.cost_per_query:
        per_context, n = totals.sleep_output_tokens / 3, totals.queries_per_context
        assert cost.with_sleep == paper_cost(totals.output_tokens_with / totals.num_queries, per_context, n, cost.t)
        if cost.break_even_queries is not None:
            saved = cost.t * (totals.output_tokens_without - totals.output_tokens_with) / totals.num_queries
            assert saved * cost.break_even_queries >= per_context
            assert cost.break_even_queries == 1 or saved * (cost.break_even_queries - 1) < per_context


def _answers(context: Any) -> list[tuple[str, str, str]]:
    return [(q.with_sleep.answer, q.without_sleep.answer, q.without_sleep_same_budget.answer) for q in context.queries]
