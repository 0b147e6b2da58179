"""Sleeptime as a library: everything wired, on both databases, with a scripted model."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters

from sleeptime import Part, ScriptedModel, Sleeptime
from sleeptime.core.errors import (
    EmptyInput,
    InputError,
    NotFound,
    NotText,
    RequestRejected,
    StoreError,
    TooLarge,
    UnsupportedBudget,
)
from sleeptime.core.note import LearnedContext, Note, NoteKind, Verdict
from sleeptime.core.outcome import Outcome
from sleeptime.core.usage import Usage
from sleeptime.models.scripted import AnyReply, Reply, ToolCall
from sleeptime.settings import Settings
from sleeptime.store.entry import Status
from sleeptime.store.ledger_store import LedgerStore
from sleeptime.store.store import Store

APPLES = Part("apples", "Tom has 3 bags of 24 apples.")
QUESTION = {
    "kind": "question",
    "text": "Tom has 72 apples.",
    "subject": "How many apples has Tom?",
    "value": "72",
    "derivation": "3 * 24 = 72",
}


def notes(*written: dict[str, Any]) -> ToolCall:
    return ToolCall("write_notes", {"notes": list(written)})


def scripted(*replies: AnyReply, **given: Any) -> ScriptedModel:
    return ScriptedModel(list(replies), **given)


async def test_a_context_is_added_slept_on_and_asked(database_url: str) -> None:
    model = scripted(notes(QUESTION), "The answer is 72.")
    async with Sleeptime(model, database_url) as sleeptime:
        added = await sleeptime.add("apples", APPLES)
        assert (added.parts, added.is_new, added.num_bytes) == (1, True, len(APPLES.text))
        slept = await sleeptime.sleep("apples")
        assert (slept.outcome, slept.version, slept.context_version) == (Outcome.WROTE, 1, added.version)
        asked = await sleeptime.ask("apples", "Apples?", budget="v0")
        assert (asked.answer, asked.route, asked.budget, asked.learned) == ("The answer is 72.", "notes", "v0", 1)
        assert asked.notes_used == tuple(note.id for note in slept.notes)
        assert "72" in model.requests[1].text
    async with Sleeptime(model, database_url) as again:
        assert (await again.notes("apples")).learned is not None
        ledger = await again.ledger("apples")
        assert {phase.value: totals.calls for phase, totals in ledger.totals.items()} == {"sleep": 1, "wake": 1}


async def test_a_verified_question_is_recalled_without_a_call(database_url: str) -> None:
    model = scripted(notes(QUESTION), notes(QUESTION))
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        await sleeptime.sleep("apples", drafts=2)
        asked = await sleeptime.ask("apples", "how many apples has Tom")
        assert (asked.answer, asked.route, asked.usage, asked.cost_usd) == ("72", "recall", Usage(), 0.0)
        assert len(model.requests) == 2
        # Another version of the context: the pre-answer may not hold any more.
        await sleeptime.add("apples", APPLES, Part("more", "He eats one."))
        with pytest.raises(NotFound, match="no verified answer"):
            await sleeptime.ask("apples", "How many apples has Tom?", route="recall")


async def test_notes_in_service_are_those_that_a_query_gets(database_url: str) -> None:
    async with Sleeptime(scripted("72"), database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        async with await Store.open(database_url) as store:
            refuted = Note(NoteKind.FACT, "Tom has none.", verdict=Verdict.REFUTED)
            whole = Note(NoteKind.FACT, "Nothing else is said.")
            held = Note(NoteKind.FACT, "Tom has bags.", depends_on=(APPLES.sha256,))
            version = (await store.context("apples")).version
            learned = LearnedContext("apples", version, (refuted, whole, held), "notes", "m")
            await store.make_live("apples", await store.stage(learned))
        assert (await sleeptime.notes("apples")).in_service == {whole.id, held.id}
        await sleeptime.add("apples", APPLES, Part("more", "He eats one."))
        assert (await sleeptime.notes("apples")).in_service == {held.id}
        assert (await sleeptime.ask("apples", "Apples?")).notes_used == (held.id,)


async def test_a_sleep_that_ends_late_does_not_replace_notes_on_the_present_version(database_url: str) -> None:
    old, new = notes({"kind": "fact", "text": "old"}), notes({"kind": "fact", "text": "new"})
    began, may_end = asyncio.Event(), asyncio.Event()

    async def reply(messages: Any, parameters: Any) -> ToolCall:
        if began.is_set():
            return new
        began.set()
        await may_end.wait()
        return old

    async with Sleeptime(ScriptedModel(reply), database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        await sleeptime.policy("apples", on_change="1h")
        late = asyncio.create_task(sleeptime.sleep("apples"))
        await began.wait()
        await sleeptime.add("apples", Part("apples", "Tom has 4 bags of 24 apples."))
        assert (await sleeptime.sleep("apples")).outcome is Outcome.WROTE
        may_end.set()
        slept = await late
        assert (slept.outcome, slept.version, slept.status, slept.notes) == (
            Outcome.SKIPPED,
            2,
            Status.STAGED,
            (),
        )
        assert "kept as version 2" in slept.reason
        stands = await sleeptime.policy("apples")
        assert (stands.rest.until, stands.is_slept) == (None, True), "what came in between was read"
        found = await sleeptime.notes("apples")
        assert found.learned is not None
        assert [note.text for note in found.learned.notes] == ["new"]
        assert [entry.status for entry in found.versions] == [Status.LIVE, Status.STAGED]


async def test_notes_that_wait_for_approval_serve_from_then_on(database_url: str) -> None:
    model = scripted(notes(QUESTION), "The answer is 72.", "The answer is 72.")
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        slept = await sleeptime.sleep("apples", approve=True)
        assert (slept.outcome, slept.version, slept.status) == (Outcome.WROTE, 1, Status.WAITING)
        assert "sleeptime notes apples --approve 1" in slept.reason
        assert (await sleeptime.ask("apples", "Apples?")).route == "full"
        found = await sleeptime.notes("apples")
        assert (found.entry, found.learned, found.waiting) == (None, None, 1)
        assert (await sleeptime.notes("apples", 1)).in_service == {note.id for note in slept.notes}
        await sleeptime.approve("apples", 1)
        assert (await sleeptime.ask("apples", "Apples?")).notes_used == tuple(note.id for note in slept.notes)


async def test_a_sleep_whose_notes_are_refused_has_failed_and_says_why(database_url: str) -> None:
    async with Sleeptime(scripted(notes(QUESTION)), database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        slept = await sleeptime.sleep("apples", max_learned_tokens=3)
        assert (slept.outcome, slept.version, slept.status, slept.notes) == (Outcome.FAILED, 1, Status.REFUSED, ())
        assert "3 are allowed" in slept.reason
        assert "kept as version 1" in slept.reason
        await sleeptime.approve("apples", 1)
        await sleeptime.reject("apples", 1, "on second thoughts")
        (entry,) = (await sleeptime.notes("apples")).versions
        assert (entry.status, entry.reason) == (Status.REFUSED, "rejected by hand: on second thoughts")
        assert (await sleeptime.prune("apples")).kept == 1


async def test_what_failed_attempts_took_is_part_of_the_query(database_url: str) -> None:
    usage = Usage(input_tokens=100, output_tokens=7)
    model = scripted(TimeoutError("slow"), Reply(["The answer is 72."], usage=usage))
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        asked = await sleeptime.ask("apples", "Apples?")
        assert (asked.route, asked.usage) == ("full", usage)
        totals = (await sleeptime.ledger("apples")).totals
        assert [(item.calls, item.failed_calls) for item in totals.values()] == [(2, 1)]


async def test_a_query_that_failed_is_in_the_ledger_and_raises(database_url: str) -> None:
    async with Sleeptime(scripted(RequestRejected("no")), database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        with pytest.raises(RequestRejected):
            await sleeptime.ask("apples", "Apples?")
        (row,) = (await sleeptime.ledger()).rows
        assert (row.context, row.totals.failed_calls) == ("apples", 1)


async def test_queries_side_by_side_do_not_disturb_each_other(database_url: str) -> None:
    async def reply(messages: Any, parameters: Any) -> str:
        await asyncio.sleep(0.01)
        return f"The answer is {messages[-1].parts[-1].content.split('number ')[1].split('?')[0]}."

    async with Sleeptime(ScriptedModel(reply), database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        asked = await asyncio.gather(*(sleeptime.ask("apples", f"number {number}?") for number in range(10)))
        assert [item.answer for item in asked] == [f"The answer is {number}." for number in range(10)]
        assert len({item.id for item in asked}) == 10


async def test_notes_replace_the_context_when_it_is_not_kept(database_url: str) -> None:
    model = scripted(notes(QUESTION), "72", "72")
    settings = Settings(database_url=database_url, keep_raw=False)
    async with Sleeptime(model, settings=settings) as sleeptime:
        await sleeptime.add("apples", APPLES)
        await sleeptime.sleep("apples")
        await sleeptime.ask("apples", "Apples?")
        assert "3 bags" not in model.requests[1].text
        await sleeptime.ask("apples", "Apples?", route="full")
        assert "3 bags" in model.requests[2].text


async def test_a_temperature_is_sent_to_models_that_take_one_alone(database_url: str) -> None:
    plain = scripted(notes(QUESTION), notes(QUESTION))
    thinking = scripted(
        notes(QUESTION),
        system="openai",
        model_name="o3",
        profile={"openai_supports_reasoning": True, "supports_thinking": True},
    )
    async with Sleeptime(plain, database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        await sleeptime.sleep("apples", drafts=2, temperature=0.5)
        assert sorted(request.settings["temperature"] for request in plain.requests) == [0.0, 0.5]
    async with Sleeptime(thinking, database_url) as sleeptime:
        await sleeptime.sleep("apples", effort="low")
        assert "temperature" not in thinking.requests[0].settings
        assert thinking.requests[0].parameters.thinking == "low"


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"budget": "v9"}, InputError, "v9"),
        ({"budget": "think:2000"}, UnsupportedBudget, "think:2000"),
        ({"route": "direct"}, InputError, "direct"),
        ({"route": "notes"}, NotFound, "sleeptime sleep"),
        ({"query": "  "}, EmptyInput, "blank"),
        ({"query": "a\0b"}, NotText, "NUL"),
    ],
)
async def test_what_cannot_be_asked_is_an_error_and_no_call(
    database_url: str, arguments: dict[str, str], kind: type[Exception], message: str
) -> None:
    model = scripted("never")
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        with pytest.raises(kind, match=message):
            await sleeptime.ask("apples", **{"query": "Apples?", **arguments})
        assert model.requests == []


@pytest.mark.parametrize("changes", [{"drafts": 0}, {"strategy": "dream"}, {"effort": "huge"}, {"tier": "flex"}])
async def test_a_sleep_that_cannot_be_is_an_error_and_no_call(database_url: str, changes: dict[str, Any]) -> None:
    model = scripted("never")
    async with Sleeptime(model, database_url) as sleeptime:
        await sleeptime.add("apples", APPLES)
        with pytest.raises(InputError):
            await sleeptime.sleep("apples", **changes)
        with pytest.raises(InputError):
            await sleeptime.plan("apples", **changes)
        assert model.requests == []


async def test_nothing_is_stored_when_one_source_is_bad(database_url: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.md", tmp_path / "bad.bin"
    good.write_text("text")
    bad.write_bytes(b"\0")
    async with Sleeptime(scripted(), database_url) as sleeptime:
        with pytest.raises(NotText, match=r"bad\.bin"):
            await sleeptime.add("c", str(good), str(bad))
        with pytest.raises(NotFound):
            await sleeptime.notes("c")


async def test_parts_given_as_such_obey_the_limits_of_the_context(database_url: str) -> None:
    settings = Settings(database_url=database_url, max_context_bytes=10)
    async with Sleeptime(scripted(), settings=settings) as sleeptime:
        with pytest.raises(TooLarge, match="apples"):
            await sleeptime.add("c", APPLES)
        with pytest.raises(NotText, match="NUL"):
            await sleeptime.add("c", Part("p", "a\0"))


def test_the_sync_shell_does_the_same_without_await(database_url: str) -> None:
    with Sleeptime.sync(scripted(notes(QUESTION), "The answer is 72."), database_url) as sleeptime:
        sleeptime.add("apples", APPLES)
        assert sleeptime.plan("apples").max_calls == 3
        assert sleeptime.sleep("apples").version == 1
        assert sleeptime.ask("apples", "Apples?").answer == "The answer is 72."
        assert len(sleeptime.notes("apples").versions) == 1
        assert sleeptime.ledger("apples").rows
        with pytest.raises(NotFound):
            sleeptime.ask("pears", "Pears?")
    with pytest.raises(RuntimeError, match="with Sleeptime"):
        sleeptime.ledger()


def test_the_sync_shell_has_every_method_of_the_async_one() -> None:
    from sleeptime.sync import SyncSleeptime

    methods = {name for name in vars(Sleeptime) if not name.startswith("_")} - {"sync", "close"}
    assert methods == {name for name in vars(SyncSleeptime) if not name.startswith("_")}


async def test_what_was_paid_for_is_kept_when_the_database_is_away_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sleeptime.store.database.BUSY_TIMEOUT_S", 0)
    monkeypatch.setattr("sleeptime.store.outage.WAITS_S", (0.5, 0.5))
    path = tmp_path / "a.db"

    def reply(_messages: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().call_later(0.1, other.close)
        return notes(QUESTION) if parameters.function_tools else "72"

    async with Sleeptime(ScriptedModel(reply), f"sqlite:///{path}") as sleeptime:
        await sleeptime.add("apples", APPLES)
        assert (await sleeptime.sleep("apples")).outcome is Outcome.WROTE
        assert (await sleeptime.ask("apples", "Apples?")).answer == "72"
        ledger = await sleeptime.ledger("apples")
        assert {phase.value: totals.calls for phase, totals in ledger.totals.items()} == {"sleep": 1, "wake": 1}


async def test_a_database_that_stays_away_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sleeptime.store.outage.WAITS_S", (0.0, 0.0))
    attempts = 0

    async def refuse(*_: object) -> None:
        nonlocal attempts
        attempts += 1
        raise StoreError("away")

    async with Sleeptime(scripted("72"), f"sqlite:///{tmp_path / 'a.db'}") as sleeptime:
        await sleeptime.add("apples", APPLES)
        monkeypatch.setattr(LedgerStore, "end", refuse)
        with pytest.raises(StoreError, match="away"):
            await sleeptime.ask("apples", "Apples?")
    assert attempts == 3
