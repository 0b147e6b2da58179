"""Run: plays through real Inspect, what is missing and nothing else, within a cap."""

from __future__ import annotations

import asyncio
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import EvalLog, read_eval_log_async
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model, ModelRequestParameters

from sleeptime.core.errors import CapReached, InputError, PromptRejected, ProviderDown, UnsupportedBudget
from sleeptime.core.outcome import Outcome
from sleeptime.core.price import Price, billed_cost_usd
from sleeptime.core.usage import Usage
from sleeptime.lab.arm import Arm
from sleeptime.lab.cap import CappedModel
from sleeptime.lab.problem import Problem
from sleeptime.lab.records import RecordBook
from sleeptime.lab.run import Laboratory
from sleeptime.lab.tally import MAX_FAILURES, Incomplete
from sleeptime.models.resolve import resolve_model
from sleeptime.models.scripted import Reply, ScriptedModel, ToolCall
from sleeptime.sleep.settings import SleepSettings
from tests.support.lab import TinyExperiment, boxes, reader
from tests.support.openai_server import NoUsage, OpenAIServer, Status, openai_server

TINY = TinyExperiment()
NewLab = Callable[..., Laboratory]


@pytest.fixture
def new_lab(tmp_path: Path) -> Iterator[NewLab]:
    """Makes a laboratory, each time as a new process would; all in one folder."""
    books: list[RecordBook] = []

    def make(model: Model, problems: list[Problem] | None = None, **given: Any) -> Laboratory:
        for book in books:
            book.close()
        books.append(RecordBook(tmp_path / "out" / "records"))
        chosen = tuple(boxes(5) if problems is None else problems)
        return Laboratory(model, chosen, books[-1], tmp_path / "out" / "logs", **given)

    yield make
    for book in books:
        book.close()


async def the_log(tmp_path: Path) -> EvalLog:
    [path] = (tmp_path / "out" / "logs").glob("*.eval")
    return await read_eval_log_async(str(path))


async def test_every_answer_is_played_graded_recorded_and_logged(new_lab: NewLab, tmp_path: Path) -> None:
    def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> Reply:
        text = model.requests[-1].text
        said = {"2 boxes": "The answer is 7.", "3 boxes": "I cannot say."}
        return Reply([next((answer for boxes, answer in said.items() if boxes in text), "The answer is 1.")])

    model = ScriptedModel(reply)
    lab = new_lab(model, boxes(3))
    told: list[tuple[int, int]] = []
    await lab.run(TinyExperiment((Arm("v0"),)), is_quick=False, progress=lambda done, total: told.append((done, total)))
    assert [record.verdict for record in lab.book.of("v0")] == ["right", "wrong", "unscored"]
    assert told == [(1, 3), (2, 3), (3, 3)]

    log = await the_log(tmp_path)
    assert (log.status, log.eval.task) == ("success", "tiny")
    assert log.samples is not None
    grades = {str(sample.id): sample.scores["verdict"].value for sample in log.samples if sample.scores}
    assert grades == {"v0 / p1-0 / 0": "C", "v0 / p2-0 / 0": "I", "v0 / p3-0 / 0": "N"}
    record = lab.book.of("v0")[0]
    [sample] = [sample for sample in log.samples if sample.id == "v0 / p1-0 / 0"]
    assert sample.output.completion == record.reply
    assert sample.output.usage is not None
    assert sample.output.usage.input_tokens == record.usage.input_tokens
    assert sample.output.usage.output_tokens == record.usage.output_tokens
    assert sample.metadata["context"] == "c1"
    assert sample.metadata["arm"] == "v0", "a tag of that name does not hide the arm"
    assert log.results is not None
    metrics = {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}
    assert metrics["v0"] == metrics["every arm"] == pytest.approx(1 / 3)
    assert "v0: standard error" in metrics


async def test_nothing_is_written_but_to_the_output_folder_and_nothing_is_shown(
    new_lab: NewLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    cwd.mkdir()
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PYTEST_VERSION")  # Inspect writes less when it sees that
    before = dict(os.environ)
    await new_lab(reader()).run(TINY, is_quick=False)
    assert dict(os.environ) == before
    assert list(home.rglob("*")) == list(cwd.rglob("*")) == []
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"records", "logs"}
    assert [path.suffix for path in (tmp_path / "out" / "logs").iterdir()] == [".eval"]
    assert capfd.readouterr() == ("", "")


async def test_asyncio_stays_as_it_is(new_lab: NewLab) -> None:
    run = asyncio.run
    await new_lab(reader()).run(TINY, is_quick=False)
    with pytest.raises(Incomplete):
        await new_lab(ScriptedModel([])).run(TinyExperiment((Arm("v4"),)), is_quick=False)
    assert asyncio.run is run


async def test_a_second_run_plays_nothing(new_lab: NewLab) -> None:
    model = reader()
    await new_lab(model).run(TINY, is_quick=False)
    calls = len(model.requests)
    assert calls == 5 + 5 * 2 + 5
    lab = new_lab(model)
    assert lab.missing([TINY], is_quick=False) == []
    await lab.run(TINY, is_quick=False)
    assert len(model.requests) == calls


async def test_more_samples_and_arms_play_only_what_is_new(new_lab: NewLab) -> None:
    model = reader()
    await new_lab(model).run(TINY, is_quick=False)
    calls = len(model.requests)
    more = TinyExperiment((Arm("v0", samples=3), Arm("v0", SleepSettings(drafts=3)), Arm("v4")))
    lab = new_lab(model)
    estimate = lab.estimate([more, TINY], is_quick=False)
    assert (estimate.answers, estimate.drafts) == (5 * 2 + 5 + 5, 5)
    await lab.run(more, is_quick=False)
    assert len(model.requests) - calls == estimate.answers + estimate.drafts


async def test_answers_that_fail_are_counted_and_played_by_the_next_run(new_lab: NewLab, tmp_path: Path) -> None:
    fails = True

    def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> Reply:
        text = model.requests[-1].text
        return Reply([ValueError("out of luck") if fails and "2 boxes" in text else "The answer is 1."])

    model = ScriptedModel(reply)
    with pytest.raises(Incomplete, match=r"^1 of 5 answers of tiny are missing; .*out of luck.*kept"):
        await new_lab(model).run(TinyExperiment((Arm("v0"),)), is_quick=False)
    assert (await the_log(tmp_path)).status == "success"
    fails = False
    lab = new_lab(model)
    await lab.run(TinyExperiment((Arm("v0"),)), is_quick=False)
    assert len(model.requests) == 6
    assert len(lab.book.answers) == 5


async def test_a_model_that_is_down_stops_the_run_soon(new_lab: NewLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncio.sleep", _no_sleep(asyncio.sleep))
    model = ScriptedModel(lambda messages, parameters: Reply([ProviderDown("nobody answers")]))
    lab = new_lab(model, boxes(200), concurrency=2)
    with pytest.raises(Incomplete, match=r"200 of 200 answers of tiny are missing.*nobody answers"):
        await lab.run(TinyExperiment((Arm("v0"),)), is_quick=False)
    attempts = 4
    assert len(model.requests) <= attempts * (MAX_FAILURES + 1 + 2)


ALONE = TinyExperiment((Arm("v0"),))
FILTERED = Status(400, error={"message": "against our policy", "type": "invalid_request_error", "code": "filtered"})


@pytest.mark.parametrize("refusal", [FILTERED, Status(413), Status(422)], ids=lambda status: str(status.code))
async def test_a_query_whose_prompt_is_refused_is_unscored_and_the_run_is_complete(
    new_lab: NewLab, server: OpenAIServer, refusal: Status
) -> None:
    server.refusals["Tom has 1 boxes"] = refusal  # the first that is asked
    lab = new_lab(resolve_model(server.name()))
    told: list[tuple[int, int]] = []
    await lab.run(ALONE, is_quick=False, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)
    verdicts = {record.context_id: (record.verdict, record.is_rejected) for record in lab.book.of("v0")}
    assert verdicts == {"c1": ("unscored", True)} | dict.fromkeys(("c2", "c3", "c4", "c5"), ("right", False))
    assert refusal.error["message"] in lab.book.of("v0")[0].reply
    calls = len(server.requests)
    lab = new_lab(resolve_model(server.name()))
    await lab.run(ALONE, is_quick=False)
    assert len(server.requests) == calls, "what was refused is not asked again"
    assert lab.book.of("v0")[0].is_rejected


@pytest.mark.parametrize(
    "fault", [Status(401), Status(403), Status(404), Status(429, error={"message": "no", "code": "insufficient_quota"})]
)
async def test_a_refusal_of_the_caller_stays_missing_and_the_next_run_asks_again(
    new_lab: NewLab, server: OpenAIServer, fault: Status
) -> None:
    server.refusals["Tom has 3 boxes"] = fault
    lab = new_lab(resolve_model(server.name()))
    with pytest.raises(Incomplete, match="1 of 5 answers of tiny are missing"):
        await lab.run(ALONE, is_quick=False)
    assert len(lab.book.answers) == 4
    server.refusals.clear()
    await lab.run(ALONE, is_quick=False)
    assert [record.verdict for record in lab.book.of("v0")] == ["right"] * 5


@pytest.mark.parametrize("problems", [5, 100], ids=["few", "many"])
async def test_a_model_that_refuses_every_prompt_of_an_arm_leaves_nothing_behind(
    new_lab: NewLab, server: OpenAIServer, problems: int
) -> None:
    """Such as for a setting that it does not take: put right, the same command plays all of them."""
    server.refusals["Tom"] = FILTERED
    lab = new_lab(resolve_model(server.name()), boxes(problems), concurrency=2)
    with pytest.raises(Incomplete, match=rf"{2 * problems} of {2 * problems} answers of tiny .*against our policy"):
        await lab.run(TINY, is_quick=False)
    assert not lab.book.answers
    assert not lab.book.drafts
    assert len(server.requests) <= 2 * (MAX_FAILURES + 1 + 2)


async def test_a_context_whose_sleep_is_refused_is_answered_without_notes(new_lab: NewLab) -> None:
    def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> Reply:
        is_sleep, is_first = "write_notes" in parameters.tool_defs, "1 boxes" in model.requests[-1].text
        if is_sleep:
            return Reply([PromptRejected("against our policy") if is_first else ToolCall("write_notes", BOXES)])
        return Reply(["The answer is 1."])

    model = ScriptedModel(reply)
    lab = new_lab(model, boxes(3), concurrency=1)
    await lab.run(TinyExperiment((Arm("v0", SleepSettings()),)), is_quick=False)
    routes = {record.context_id: (record.route, record.is_rejected) for record in lab.book.answers.values()}
    assert routes == {"c1": ("full", False), "c2": ("notes", False), "c3": ("notes", False)}
    failed = [draft for draft in lab.book.drafts.values() if draft.outcome is Outcome.FAILED]
    assert ["against our policy" in draft.reason for draft in failed] == [True]


BOXES: dict[str, object] = {
    "notes": [{"kind": "fact", "text": "boxes: 2", "subject": "boxes", "value": "2", "parts": []}]
}


def _no_sleep(sleep: Callable[[float], Any]) -> Callable[..., Any]:
    async def at_once(seconds: float, result: object = None) -> object:
        await sleep(0)
        return result

    return at_once


async def test_a_budget_that_the_model_cannot_follow_is_refused_before_any_call(new_lab: NewLab) -> None:
    model = reader()
    with pytest.raises(UnsupportedBudget):
        await new_lab(model).run(TinyExperiment((Arm("v0"), Arm("effort:high"))), is_quick=False)
    assert not model.requests


async def test_drafts_count_among_the_calls_under_way_at_once(new_lab: NewLab) -> None:
    under_way, most = 0, 0

    async def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> Reply:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1
        return Reply(["The answer is 1."])

    arm = Arm("v0", SleepSettings(drafts=12))
    await new_lab(ScriptedModel(reply), boxes(4), concurrency=3).run(TinyExperiment((arm,)), is_quick=False)
    assert most == 3


async def test_scores_are_measured_where_an_experiment_needs_them(new_lab: NewLab) -> None:
    with pytest.raises(InputError, match="gives no log-probabilities"):
        await new_lab(reader()).run(TinyExperiment(needs_scores=True), is_quick=False)


async def test_a_context_without_text_is_played(new_lab: NewLab) -> None:
    problem = replace(boxes(1)[0], context="", query="What is 1 + 0?")
    model = ScriptedModel(lambda messages, parameters: Reply(["The answer is 1."]))
    lab = new_lab(model, [problem])
    await lab.run(TinyExperiment((*TINY.played, Arm("v0", is_guess=True))), is_quick=False)
    assert len(model.requests) == 1 + 1 + 2, "no call to sleep on nothing; a guess is two"
    assert [record.verdict for record in lab.book.answers.values()] == ["right"] * 3


async def test_an_interrupted_run_says_so_and_goes_on_where_it_was(new_lab: NewLab, tmp_path: Path) -> None:
    model = reader(delay_s=0.03)
    lab = new_lab(model, boxes(20), concurrency=2)
    is_five = asyncio.Event()

    def progress(done: int, total: int) -> None:
        if done == 5:
            is_five.set()

    task = asyncio.create_task(lab.run(TinyExperiment((Arm("v0"),)), is_quick=False, progress=progress))
    await is_five.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = len(lab.book.answers)
    assert 5 <= kept < 20
    assert (await the_log(tmp_path)).status == "cancelled"
    lab = new_lab(model, boxes(20))
    assert len(lab.book.answers) == kept
    calls = len(model.requests)
    await lab.run(TinyExperiment((Arm("v0"),)), is_quick=False)
    assert len(model.requests) == calls + 20 - kept


PRICE = Price(input=100.0, cached_input=50.0, cache_write=100.0, output=1000.0)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server(reader()) as running:
        yield running


def capped(server: OpenAIServer, cap_usd: float) -> CappedModel:
    return CappedModel(resolve_model(server.name()), PRICE, cap_usd)


def billed(server: OpenAIServer, lab: Laboratory) -> float:
    usage = sum((record.usage for record in lab.book.answers.values()), Usage())
    return billed_cost_usd(sum((draft.usage for draft in lab.book.drafts.values()), usage), PRICE)


@pytest.mark.parametrize("concurrency", [1, 16])
async def test_a_paid_run_stops_at_its_cap_and_goes_on_with_a_higher_one(
    new_lab: NewLab, server: OpenAIServer, concurrency: int
) -> None:
    cap = 9.5  # a call may cost 8.2 and costs some cents
    lab = new_lab(capped(server, cap), boxes(40), concurrency=concurrency)
    with pytest.raises(CapReached, match=r"cap of \$9\.50 is spent.*--max-usd"):
        await lab.run(TINY, is_quick=False)
    assert isinstance(lab.model, CappedModel)
    assert 0 < lab.model.spent_usd <= cap
    assert billed(server, lab) == pytest.approx(lab.model.spent_usd)
    played, answered = len(lab.book.answers), len(server.requests)
    assert played + len(lab.book.drafts) == answered, "what was paid for is kept"
    with pytest.raises(CapReached):
        await lab.run(TINY, is_quick=False)

    lab = new_lab(capped(server, 1000), boxes(40), concurrency=concurrency)
    await lab.run(TINY, is_quick=False)
    assert len(server.requests) == 40 + 80 + 40


async def test_experiments_of_one_run_share_its_cap(new_lab: NewLab, server: OpenAIServer) -> None:
    lab = new_lab(capped(server, 100), boxes(12))
    spent = []
    for arm in (Arm("v0"), Arm("v4")):
        await lab.run(TinyExperiment((arm,)), is_quick=False)
        assert isinstance(lab.model, CappedModel)
        spent.append(lab.model.spent_usd)
    assert 0 < spent[0] < spent[1] == pytest.approx(billed(server, lab))


async def test_refusals_of_a_busy_provider_cost_nothing(new_lab: NewLab, server: OpenAIServer) -> None:
    server.play(reader(), Status(429), Status(503), NoUsage())
    lab = new_lab(capped(server, 20), boxes(1))
    await lab.run(TinyExperiment((Arm("v0"),)), is_quick=False)
    assert isinstance(lab.model, CappedModel)
    assert 8 < lab.model.spent_usd < 9, "only the reply that does not say what it took costs the worst case"


def test_an_estimate_counts_each_draft_once(new_lab: NewLab) -> None:
    arms = (Arm("v0", SleepSettings(drafts=5)), Arm("v4", SleepSettings(drafts=3)), Arm("v0"))
    estimate = new_lab(reader(), boxes(3, queries=2)).estimate([TinyExperiment(arms)], is_quick=False)
    assert (estimate.answers, estimate.drafts) == (18, 15)
    assert estimate.usage.output_tokens > 15 * 500


async def test_logs_are_small(new_lab: NewLab, tmp_path: Path) -> None:
    await new_lab(reader(), boxes(30)).run(TinyExperiment((Arm("v0"),)), is_quick=False)
    [path] = (tmp_path / "out" / "logs").glob("*.eval")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.startswith("samples/")]
        assert len(names) == 30
        assert max(len(archive.read(name)) for name in names) < 20_000
        assert "api_key" not in json.dumps(json.loads(archive.read("header.json")))
