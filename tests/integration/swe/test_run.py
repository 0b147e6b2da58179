"""A run: every arm on generated tasks, through Inspect, with a scripted agent and a real ledger."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ToolReturnPart, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters

from sleeptime.core.call import Phase
from sleeptime.core.errors import CapReached, InputError
from sleeptime.core.price import Price
from sleeptime.lab.cap import CappedModel
from sleeptime.lab.tally import Incomplete
from sleeptime.models.metered import MeteredModel
from sleeptime.models.scripted import AnyReply, ScriptedModel, ToolCall
from sleeptime.store.calls import StoredCalls
from sleeptime.store.store import Store
from sleeptime.swe.arms import Arm
from sleeptime.swe.book import Answer, Book
from sleeptime.swe.estimate import estimate
from sleeptime.swe.field import Field
from sleeptime.swe.generated import generate
from sleeptime.swe.plan import Plan
from sleeptime.swe.repository import Repository
from sleeptime.swe.results import Results
from sleeptime.swe.run import Played, run
from sleeptime.swe.tasks import Task

PRICE = Price(input=1.0, cached_input=1.0, cache_write=1.0, output=1.0)
ABOUT = {"model": "scripted"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Field:
    made = generate(tmp_path_factory.mktemp("made") / "shop.git", "shop", commits=90)
    return Field("shop", Repository.open(made.path), made.tasks[-3:])


@pytest.fixture
def plan(shop: Field) -> Plan:
    return Plan((shop,), tuple(Arm), steps=(3, 9), seeds=1, replays=5, sleep_steps=4)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(f"sqlite:///{tmp_path}/test.db") as opened:
        yield opened


def agent(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
    """Sleep: one note about the first file of the change. Wake: edits the three files that its search puts first."""
    parts = [part for message in messages for part in message.parts]
    told = [str(part.content) for part in parts if isinstance(part, ToolReturnPart)]
    [asked] = [str(part.content) for part in parts if isinstance(part, UserPromptPart)]
    if "rethink" in parameters.tool_defs:
        if told:
            return ToolCall("finish")
        [files] = re.findall(r'<part name="files that it changed">\n(.*?)\n</part>', asked, re.DOTALL)
        first = files.splitlines()[0]
        return ToolCall("rethink", {"files": [first], "note": f"{first} changes when somebody asks for a feature"})
    if "search_notes" not in parameters.tool_defs:
        return _next(told, ["README.md"])
    if not told:
        [query] = re.findall(r"<query>\n(.*?)\n</query>", asked, re.DOTALL)
        return ToolCall("search_notes", {"query": query})
    return _next(told[1:], re.findall(r"^\d+\. (\S+) \(", told[0], re.MULTILINE)[:3])


def _next(told: list[str], files: list[str]) -> ToolCall:
    """Read and edit each file, then submit; `told` are the results so far."""
    number, is_read = divmod(len(told), 2)
    if number >= len(files):
        return ToolCall("submit")
    if not is_read:
        return ToolCall("read", {"path": files[number]})
    [line] = re.findall(r"^1\t(.*)$", told[-1], re.MULTILINE)
    return ToolCall("edit", {"path": files[number], "old": f"{line}\n", "new": f"{line}\n# changed\n"})


def metered(scripted: Model, store: Store) -> Callable[[Phase], Model]:
    return lambda phase: MeteredModel(scripted, StoredCalls(store), phase=phase, context="swe run")


async def played(plan: Plan, folder: Path, store: Store, model: ScriptedModel, **given: Any) -> dict[str, Any]:
    book = Book(folder / "records", ABOUT)
    try:
        measured = await run(plan, book, metered(model, store), folder=folder, **given)
        return Results(plan, book, measured, PRICE).as_dict()
    finally:
        book.close()


async def test_every_arm_is_played_and_scored(plan: Plan, tmp_path: Path, store: Store) -> None:
    model = ScriptedModel(agent)
    found = await played(plan, tmp_path / "out", store, model)
    arms = found["arms"]
    agents = [f"{arm}@{steps}" for arm in ("agent", "agent+related", "agent+notes") for steps in (3, 9)]
    assert sorted(arms) == sorted(["random", "recency", "content", "index", *agents])
    assert all(of["n"] == 3 for of in arms.values())
    assert arms["agent+notes@9"]["f1"] > arms["agent@9"]["f1"], "the search knows more than README.md"
    assert arms["agent+notes@9"]["ends"] == {"done": 3}
    assert arms["agent+notes@3"]["ends"] == {"out of steps": 3}
    assert arms["agent+notes@3"]["steps_used"] == 3
    assert arms["agent+notes@3"]["predicted"] == 1, "what was edited within the budget counts"
    assert arms["index"]["cold_s"] > 0
    assert arms["agent@9"]["cost_usd"] > 0
    assert found["sleep"]["notes"] == found["sleep"]["changes"] > 0
    assert set(found["notes_against_agent"]["f1_difference"]) == {"3", "9"}


async def test_every_call_is_in_the_ledger_under_its_phase(plan: Plan, tmp_path: Path, store: Store) -> None:
    model = ScriptedModel(agent)
    calls: dict[Phase, StoredCalls] = {phase: StoredCalls(store) for phase in (Phase.SLEEP, Phase.WAKE)}
    book = Book(tmp_path / "out" / "records", ABOUT)
    await run(
        plan,
        book,
        lambda phase: MeteredModel(model, calls[phase], phase=phase, context="swe run"),
        folder=tmp_path / "out",
    )
    book.close()
    slept = [request for request in model.requests if "rethink" in request.tools]
    assert len(calls[Phase.SLEEP].ended) == len(slept) > 0
    assert len(calls[Phase.WAKE].ended) == len(model.requests) - len(slept)
    assert {call.phase for call in calls[Phase.SLEEP].ended} == {Phase.SLEEP}


async def test_a_run_again_asks_the_model_nothing_and_scores_the_same(plan: Plan, tmp_path: Path, store: Store) -> None:
    first = await played(plan, tmp_path / "out", store, ScriptedModel(agent))
    again = ScriptedModel(agent)
    second = await played(plan, tmp_path / "out", store, again)
    assert again.requests == []
    scores = [{name: of["f1"] for name, of in found["arms"].items()} for found in (first, second)]
    assert scores[0] == scores[1]


async def test_an_answer_counts_as_long_as_the_agent_would_be_told_the_same(
    shop: Field, tmp_path: Path, store: Store
) -> None:
    task = shop.tasks[-1]

    async def asked(told: Task) -> tuple[int, int]:
        """How many agents began, and how many of them were told related changes."""
        model = ScriptedModel(agent)
        plan = Plan((replace(shop, tasks=(told,)),), (Arm.AGENT, Arm.AGENT_RELATED), steps=(3,), seeds=1)
        await played(plan, tmp_path / "out", store, model)
        begun = [request for request in model.requests if len(request.messages) == 1]
        return len(begun), sum("an earlier change" in request.text for request in begun)

    assert task.related
    assert await asked(task) == (2, 1)
    assert await asked(replace(task, related=task.related[:1])) == (1, 1)
    assert await asked(replace(task, related=task.related[:1], query="show the invoices")) == (2, 1)


async def test_a_cap_in_the_middle_stops_the_run_and_what_was_paid_for_is_kept(
    plan: Plan, tmp_path: Path, store: Store
) -> None:
    model = ScriptedModel(agent)
    capped = CappedModel(model, PRICE, 0.035)
    folder = tmp_path / "out"
    book = Book(folder / "records", ABOUT)
    with pytest.raises(CapReached, match="of the cap of"):
        await run(plan, book, metered(capped, store), folder=folder, concurrency=1, capped=capped)
    agents = [answer for answer in book.answers.values() if answer.arm.startswith("agent")]
    book.close()
    assert agents
    assert len(agents) < 18
    assert capped.spent_usd <= 0.035
    rest = ScriptedModel(agent)
    found = await played(plan, folder, store, rest)
    assert found["arms"]["agent@9"]["n"] == 3
    assert len(rest.requests) > 0
    kept = {answer.task for answer in agents if (answer.arm, answer.steps) == ("agent", 3)}
    asked = [request for request in rest.requests if len(request.messages) == 1 and "3 steps" in request.text]
    assert len([request for request in asked if "search_notes" not in request.tools]) <= 2 * (3 - len(kept)) + 3


async def test_an_answer_that_failed_is_played_by_the_next_run(plan: Plan, tmp_path: Path, store: Store) -> None:
    def broken(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        return ValueError("a reply that nobody can use") if len(messages) > 3 else agent(messages, parameters)

    small = replace(plan, arms=(Arm.AGENT,), steps=(9,))
    book = Book(tmp_path / "out" / "records", ABOUT)
    with pytest.raises(Incomplete, match=r"3 of 9 answers are missing.*a reply that nobody can use"):
        await run(small, book, metered(ScriptedModel(broken), store), folder=tmp_path / "out")
    book.close()
    found = await played(small, tmp_path / "out", store, ScriptedModel(agent))
    assert found["arms"]["agent@9"]["answers"] == 3


async def test_a_run_that_fails_leaves_no_cache_open(plan: Plan, tmp_path: Path) -> None:
    def broken(phase: Phase) -> Model:
        raise ValueError("no model today")

    folder = tmp_path / "out"
    book = Book(folder / "records", ABOUT)
    with pytest.raises(Incomplete, match="no model today") as failed:  # which keeps what the run held alive
        await run(plan, book, broken, folder=folder)
    book.close()
    assert list((folder / "cache").glob("*.sqlite"))
    assert not list((folder / "cache").glob("*-wal")), "SQLite removes it when the last one closes"
    assert failed.tb is not None


async def test_sleep_on_a_change_is_done_once_for_each_state_of_its_files(
    shop: Field, tmp_path: Path, store: Store
) -> None:
    task = shop.tasks[-1]
    twice = Field("shop", shop.repository, (task, replace(task, id="the same again")))
    model = ScriptedModel(agent)
    small = Plan((twice,), (Arm.AGENT_NOTES,), steps=(2,), seeds=2, replays=0, sleep_steps=4)
    found = await played(small, tmp_path / "out", store, model)
    begun = [request for request in model.requests if "rethink" in request.tools and len(request.messages) == 1]
    assert len(begun) == found["sleep"]["changes"] == len(task.related)


async def test_the_estimate_is_above_what_a_run_takes_and_nothing_when_all_is_there(
    plan: Plan, tmp_path: Path, store: Store
) -> None:
    folder = tmp_path / "out"
    book = Book(folder / "records", ABOUT)
    calls, usage = estimate(plan, book)
    book.close()
    model = ScriptedModel(agent)
    await played(plan, folder, store, model)
    assert calls >= len(model.requests) > 0
    assert usage.output_tokens > 0
    book = Book(folder / "records", ABOUT)
    assert estimate(plan, book)[0] == 0
    book.close()


async def test_no_task_sees_what_came_after_its_base(shop: Field, tmp_path: Path) -> None:
    """The predictions stay the same, to the last digit, in a repository whose history ends at the base."""
    task = shop.tasks[0]
    before = replace(shop, repository=shop.repository.at(task.base_commit), tasks=(task,))
    answers = []
    for number, field in enumerate((replace(shop, tasks=(task,)), before)):
        book = Book(tmp_path / str(number) / "records", {})
        small = Plan((field,), (Arm.CONTENT, Arm.INDEX), replays=5)
        await run(small, book, None, folder=tmp_path / str(number))
        book.close()
        answers.append({answer.key: (answer.predicted, answer.source) for answer in book.answers.values()})
    assert answers[0] == answers[1]


async def test_what_cannot_be_played_is_refused_before_anything_is(plan: Plan, shop: Field, tmp_path: Path) -> None:
    book = Book(tmp_path / "records", {})
    with pytest.raises(InputError, match="need a model"):
        await run(plan, book, None, folder=tmp_path)
    foreign = Field("shop", shop.repository, (Task("x", "ab" * 20, "add it", ("a.py",), ("a.py",)),))
    with pytest.raises(InputError, match="is not a commit"):
        await run(Plan((foreign,), (Arm.RANDOM,)), book, None, folder=tmp_path)
    assert book.answers == {}
    with pytest.raises(InputError, match="another run writes"):
        Book(tmp_path / "records", {})
    book.close()


def test_a_folder_is_of_one_model_from_its_first_answer_on(tmp_path: Path) -> None:
    Book(tmp_path, {"model": "estimated and then refused"}).close()
    book = Book(tmp_path, ABOUT)
    book.add(Answer("shop", "agent", "t", 5, 0, ("a.py",), ("a.py",)))
    book.close()
    with pytest.raises(InputError, match=r"holds records of {'model': 'scripted'}, not of {'model': 'another'}"):
        Book(tmp_path, {"model": "another"})
    kept = Book(tmp_path, ABOUT)
    assert [answer.task for answer in kept.answers.values()] == ["t"]
    kept.close()


def test_a_line_that_was_being_written_when_a_run_was_stopped_is_left_out_and_written_over(tmp_path: Path) -> None:
    (tmp_path / "about.json").write_text("{}")
    line = {"repository": "r", "arm": "index", "task": "t", "steps": 0, "seed": 0, "predicted": ["a"], "source": []}
    whole = json.dumps(line | {"usage": {}}) + "\n"
    (tmp_path / "answers.jsonl").write_text(whole + whole[:20])
    book = Book(tmp_path, {})
    [answer] = book.answers.values()
    assert answer.key == ("r", "index", "t", 0, 0)
    book.add(replace(answer, seed=1, predicted=("caf\udce9.py",)))
    book.close()
    assert (tmp_path / "answers.jsonl").read_text().startswith(whole)
    again = Book(tmp_path, {})
    assert [(kept.seed, kept.predicted) for kept in again.answers.values()] == [(0, ("a",)), (1, ("caf\udce9.py",))]
    again.close()


@pytest.mark.parametrize("line", ["nonsense", "[1]", "{}", '{"usage": 3}'])
def test_a_line_that_is_no_answer_is_named_and_the_folder_is_let_go(tmp_path: Path, line: str) -> None:
    (tmp_path / "answers.jsonl").write_text(f"{line}\n")
    for _ in range(2):
        with pytest.raises(InputError, match=r"line 1 of .*answers\.jsonl is not a record"):
            Book(tmp_path, {})


def test_results_leave_out_what_was_not_played(plan: Plan, tmp_path: Path) -> None:
    book = Book(tmp_path, {})
    assert Results(plan, book, Played(), None).as_dict()["arms"] == {}
    book.close()
