"""Sleep on a repository with a model: a job like any other, incremental, capped, and gone on with after a stop."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from random import Random

import pytest
from pydantic_ai.messages import ModelMessage, ToolReturnPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters

from sleeptime.app import Sleeptime
from sleeptime.core.errors import BadReply, InputError, NotFound
from sleeptime.core.outcome import Outcome
from sleeptime.core.usage import Usage
from sleeptime.jobs.sleep_job import Means, SleepJob
from sleeptime.models.scripted import AnyReply, Reply, ScriptedModel, ToolCall
from sleeptime.settings import Settings, load_settings
from sleeptime.store.store import Store
from tests.support.repositories import Files, History

FILES: Files = {
    "cli/export.py": "def export(rows):\n    return rows\n",
    "core/formats.py": "FORMATS = ['text']\n",
    "cli/load.py": "def load(path):\n    return path\n",
    "core/reader.py": "def read(path):\n    return path\n",
    "docs/use.md": "# Use\n",
}


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Two features of two files each, and a fix."""
    made = History(tmp_path / "shop")
    made.commit("begin", FILES)
    made.commit("add csv to the export", {"cli/export.py": "csv = 1\n", "core/formats.py": "FORMATS = ['csv']\n"})
    made.commit("support loading from a folder", {"cli/load.py": "folder = 1\n", "core/reader.py": "reads = 2\n"})
    made.commit("fix the docs", {"docs/use.md": "# Usage\n"})
    return made


def explorer(messages: list[ModelMessage], _: ModelRequestParameters) -> AnyReply:
    """Reads the first file of the change, writes one note about all of its files, and finishes."""
    parts = [part for message in messages for part in message.parts]
    results = told(messages)
    [asked] = [str(part.content) for part in parts if isinstance(part, UserPromptPart)]
    [listed] = re.findall(r'<part name="files that it changed">\n(.*?)\n</part>', asked, re.DOTALL)
    files = listed.splitlines()
    if not results:
        return ToolCall("read", {"path": files[0]})
    if len(results) == 1:
        return ToolCall("rethink", {"files": files, "note": f"{' and '.join(files)} go together"})
    return ToolCall("finish")


def told(messages: Iterable[ModelMessage]) -> list[ToolReturnPart]:
    """What the tools answered."""
    return [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]


async def added(sleeptime: Sleeptime, history: History) -> None:
    await sleeptime.add("shop", f"{history.path}@main")


def client(tmp_path: Path, model: ScriptedModel) -> Sleeptime:
    settings = load_settings(database_url=f"sqlite:///{tmp_path}/test.db", concurrency=1)
    return Sleeptime(model, settings=settings)


async def test_each_change_that_reads_like_a_feature_is_studied_and_its_notes_rest_on_its_files(
    history: History, tmp_path: Path
) -> None:
    model = ScriptedModel(explorer)
    async with client(tmp_path, model) as sleeptime:
        await added(sleeptime, history)
        slept = await sleeptime.sleep("shop", strategy="repository")
        assert slept.outcome is Outcome.WROTE, slept.reason
        notes = {note.subject: note for note in slept.notes}
        assert sorted(notes) == ["cli/export.py, core/formats.py", "cli/load.py, core/reader.py"]
        assert all(len(note.depends_on) == 2 for note in notes.values())
        ledger = await sleeptime.ledger("shop")
        assert [(row.phase, row.totals.calls) for row in ledger.rows] == [("sleep", len(model.requests))]
        assert "rethink" in model.requests[0].tools
        assert "edit" not in model.requests[0].tools


async def test_after_a_commit_only_the_changes_of_its_files_are_studied_again(history: History, tmp_path: Path) -> None:
    model = ScriptedModel(explorer)
    async with client(tmp_path, model) as sleeptime:
        await added(sleeptime, history)
        first = await sleeptime.sleep("shop", strategy="repository")
        again = await sleeptime.sleep("shop", strategy="repository")
        assert again.outcome is Outcome.SKIPPED
        num_before = len(model.requests)
        history.commit("fix the formats", {"core/formats.py": "FORMATS = ['csv', 'text']\n"})
        await added(sleeptime, history)
        served = await sleeptime.notes("shop")
        [other] = [note.id for note in first.notes if "load" in note.subject]
        assert served.in_service == {other}, "the commit took the notes of its file out of service, and no other"
        second = await sleeptime.sleep("shop", strategy="repository")
        assert second.outcome is Outcome.WROTE
        asked = {request.text for request in model.requests[num_before:]}
        assert all("cli/export.py" in text and "cli/load.py" not in text for text in asked)
        assert {note.subject for note in second.notes} == {note.subject for note in first.notes}
        assert second.carried == 1


def _cut_off(running: list[asyncio.Task[object]], *, at: int) -> Callable[..., Awaitable[AnyReply]]:
    """A model that explores, and at one of its calls cancels the sleep that is running."""
    calls = itertools.count(1)

    async def reply(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        if next(calls) == at:
            running[0].cancel()
            await asyncio.sleep(60)
        return explorer(messages, parameters)

    return reply


async def test_a_sleep_that_was_cut_off_goes_on_without_paying_again(history: History, tmp_path: Path) -> None:
    running: list[asyncio.Task[object]] = []

    model = ScriptedModel(_cut_off(running, at=5))
    async with client(tmp_path, model) as sleeptime:
        await added(sleeptime, history)
        running.append(asyncio.create_task(sleeptime.sleep("shop", strategy="repository")))
        with pytest.raises(asyncio.CancelledError):
            await running[0]
    async with client(tmp_path, model) as later:
        slept = await later.sleep("shop", strategy="repository")
    assert slept.outcome is Outcome.WROTE, slept.reason
    assert len(model.requests) == 7, "two changes of three calls each, of which one was interrupted"


async def test_a_job_that_goes_on_reads_the_commit_that_it_began_with(history: History, tmp_path: Path) -> None:
    """What was added meanwhile is for the next sleep; none reads the parts of one commit and the files of another."""
    running: list[asyncio.Task[object]] = []

    async def open_model(_: Settings) -> ScriptedModel:
        return model

    model = ScriptedModel(_cut_off(running, at=2))
    async with client(tmp_path, model) as sleeptime:
        await added(sleeptime, history)
        running.append(asyncio.create_task(sleeptime.sleep("shop", strategy="repository")))
        with pytest.raises(asyncio.CancelledError):
            await running[0]
        history.commit("support csv in the reader", {"core/reader.py": "csv = 3\n", "cli/load.py": "csv = 4\n"})
        await added(sleeptime, history)
        async with await Store.open(sleeptime.settings.database_url) as store:
            [job] = await store.jobs.resume("shop")
            taken = await store.work.take(job.id, job.run, "other")
            assert taken is not None
            ran = await SleepJob(Means(store, sleeptime.settings, open_model, Random(0), "other"), taken).run()
        read = [str(part.content) for request in model.requests for part in told(request.messages)]
        assert (ran.outcome, ran.result is not None and ran.result.studied) == (Outcome.WROTE, 4)
        assert "csv in the reader" not in "".join(request.text for request in model.requests)
        assert any("folder = 1" in text for text in read)
        assert not any("csv = 4" in text for text in read)
        in_service = (await sleeptime.notes("shop")).in_service
        assert ran.result is not None
        assert ran.result.learned is not None
        holding = {note.subject for note in ran.result.learned.notes if note.id in in_service}
        assert holding == {"cli/export.py, core/formats.py"}, "the files of the other one have changed since"


async def test_a_cap_in_the_middle_keeps_what_was_paid_for(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def costly(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        said = explorer(messages, parameters)
        assert isinstance(said, ToolCall)
        return Reply([said], Usage(input_tokens=5_000, output_tokens=1_000))

    monkeypatch.setenv("SLEEPTIME_MAX_TOKENS_PER_JOB", "40000")
    model = ScriptedModel(costly)
    async with client(tmp_path, model) as sleeptime:
        await added(sleeptime, history)
        slept = await sleeptime.sleep("shop", strategy="repository")
        assert 3 <= len(model.requests) < 6
        assert len(slept.notes) == 1, slept.reason
        assert "cap" in slept.reason


async def test_one_change_that_fails_does_not_take_the_others_along(history: History, tmp_path: Path) -> None:
    def half(messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        if any("csv" in str(part) for part in messages[0].parts):
            return BadReply("nothing that can be read")
        return explorer(messages, parameters)

    async with client(tmp_path, ScriptedModel(half)) as sleeptime:
        await added(sleeptime, history)
        slept = await sleeptime.sleep("shop", strategy="repository")
        assert [note.subject for note in slept.notes] == ["cli/load.py, core/reader.py"]
        assert "nothing that can be read" in slept.reason


async def test_what_cannot_be_explored_says_what_to_do(history: History, tmp_path: Path) -> None:
    async with client(tmp_path, ScriptedModel(explorer)) as sleeptime:
        (tmp_path / "a.md").write_text("no repository")
        await sleeptime.add("page", str(tmp_path / "a.md"))
        slept = await sleeptime.sleep("page", strategy="repository")
        assert slept.outcome is Outcome.FAILED
        assert NotFound.__name__ in slept.reason
    settings = load_settings(database_url=f"sqlite:///{tmp_path}/test.db")
    async with Sleeptime("nano", settings=settings) as sleeptime:
        await added(sleeptime, history)
        with pytest.raises(InputError, match="nano calls no tools"):
            await sleeptime.sleep("shop", strategy="repository")


async def test_a_plan_bounds_it_before_any_call(history: History, tmp_path: Path) -> None:
    model = ScriptedModel(explorer)
    async with client(tmp_path, model) as sleeptime:
        await added(sleeptime, history)
        plan = await sleeptime.plan("shop", strategy="repository")
        assert (plan.pieces, plan.studied, plan.max_calls) == (2, 4, 40)
        assert model.requests == []
        await sleeptime.sleep("shop", strategy="repository")
        ledger = await sleeptime.ledger("shop")
        assert sum(row.totals.usage.total_tokens for row in ledger.rows) < plan.max_usage.total_tokens


async def test_names_that_are_no_utf_8_are_told_and_understood_as_they_are_shown(tmp_path: Path) -> None:
    made = History(tmp_path / "odd")
    made.commit("begin", {b"caf\xe9.py": "x = 1\n", "a\nb.py": "y = 1\n"})
    made.commit("add a brew", {b"caf\xe9.py": "x = 2\n", "a\nb.py": "y = 2\n"})
    model = ScriptedModel(explorer)
    async with client(tmp_path, model) as sleeptime:
        await added(sleeptime, made)
        slept = await sleeptime.sleep("shop", strategy="repository")
    assert [note.subject for note in slept.notes] == [r"a\nb.py, caf\xe9.py"]
    assert len(slept.notes[0].depends_on) == 2
    assert all(request.text.encode() for request in model.requests), "a provider is sent UTF-8"
