"""Asking an agent, on both databases: what it reads is of one commit, and what was asked is kept as it ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelMessage, ToolReturnPart
from pydantic_ai.models import Model

from sleeptime.app import Sleeptime
from sleeptime.core.call import Phase
from sleeptime.core.errors import BadReply, EmptyInput
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.core.query import AGENT
from sleeptime.models.metered import MeteredModel
from sleeptime.models.scripted import ScriptedModel, ToolCall
from sleeptime.store.calls import StoredCalls
from sleeptime.store.store import Store
from sleeptime.swe.asking import ask_agent
from tests.support.repositories import History

EDIT = ToolCall("edit", {"path": "export.py", "old": "rows = 1", "new": "rows = 2"})
SEARCH, SUBMIT = ToolCall("search_notes", {"query": "rows"}), ToolCall("submit")


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History(tmp_path / "shop", is_bare=True)
    made.commit("begin", {"export.py": "rows = 1\n", "load.py": "rows = 1\n"})
    return made


def metered(model: Model) -> Callable[[StoredCalls, str], Model]:
    return lambda calls, query_id: MeteredModel(model, calls, phase=Phase.WAKE, context="shop", query_id=query_id)


async def add(url: str, history: History) -> None:
    async with Sleeptime(database=url) as sleeptime:
        await sleeptime.add("shop", str(history.path))


async def learn(store: Store) -> None:
    """Write one note about each file."""
    now = await store.context("shop")
    notes = (Note(NoteKind.FACT, f"{part.name} has rows.", depends_on=(part.sha256,)) for part in now.parts)
    await store.commit_sleep(LearnedContext("shop", now.version, tuple(notes), "repository", "gpt"))


def told(messages: tuple[ModelMessage, ...]) -> str:
    parts = [part for message in messages for part in message.parts]
    return "\n".join(str(part.content) for part in parts if isinstance(part, ToolReturnPart))


async def test_what_is_added_while_the_index_is_made_is_nothing_to_the_agent(
    store: Store, database_url: str, history: History, tmp_path: Path
) -> None:
    await add(database_url, history)
    await learn(store)
    added = threading.Event()

    def add_once(*_: object) -> None:
        if not added.is_set():
            added.set()
            history.commit("later", {"export.py": "rows = 9\n", "zebra.py": "zebra = 1\n"})
            thread = threading.Thread(target=lambda: asyncio.run(add(database_url, history)))
            thread.start()
            thread.join()

    model = ScriptedModel([[SEARCH, ToolCall("read", {"path": "export.py"}), ToolCall("tree"), EDIT], SUBMIT])
    asked = await ask_agent(
        store, metered(model), "shop", "count the rows", folder=tmp_path / "caches", progress=add_once
    )
    assert added.is_set()
    assert (asked.made.modified, asked.error) == (("export.py",), None)
    seen = told(model.requests[-1].messages)
    assert "rows = 1" in seen
    assert "export.py has rows." in seen, "which holds at the commit that is read"
    assert "zebra" not in seen
    assert "rows = 9" not in seen


async def test_what_was_asked_is_kept_with_the_notes_that_it_was_told(
    store: Store, database_url: str, history: History, tmp_path: Path
) -> None:
    await add(database_url, history)
    await learn(store)
    model = ScriptedModel([SEARCH, EDIT, SUBMIT])
    asked = await ask_agent(store, metered(model), "shop", "count the rows", steps=7, folder=tmp_path / "caches")
    [kept] = await store.queries("shop")
    assert kept == asked.query
    assert (kept.text, kept.route, kept.budget, kept.answer) == ("count the rows", AGENT, "steps:7", "export.py")
    assert (len(kept.notes_used), kept.learned) == (2, 1)
    calls = await store.ledger.calls("shop")
    assert {call.query_id for call in calls} == {kept.id}
    assert kept.usage.total_tokens == sum(call.usage.total_tokens for call in calls) > 0
    model = ScriptedModel([EDIT, SUBMIT])
    asked = await ask_agent(store, metered(model), "shop", "count the rows", folder=tmp_path / "caches")
    assert (asked.query.notes_used, asked.query.learned) == ((), None), "it asked for none"


async def test_one_that_edited_nothing_before_it_broke_off_is_kept_and_is_an_error(
    store: Store, database_url: str, history: History, tmp_path: Path
) -> None:
    await add(database_url, history)
    model = ScriptedModel([SEARCH, BadReply("the line was cut")])
    with pytest.raises(BadReply, match="the line was cut"):
        await ask_agent(store, metered(model), "shop", "count the rows", folder=tmp_path / "caches")
    [item] = (await store.agent_queries("shop", limit=9)).items
    assert (item.query.answer, item.last_call) == ("", "BadReply")
    assert item.query.usage.total_tokens > 0
    with pytest.raises(EmptyInput):
        await ask_agent(store, metered(model), "shop", " ", folder=tmp_path / "caches")
    assert len(await store.queries("shop")) == 1
