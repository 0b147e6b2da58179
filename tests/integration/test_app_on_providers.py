"""Sleeptime with the models of real providers: what a sleep and a query become on their wire.

The clients of the real SDKs talk to a loopback server, which records what they send and refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sleeptime import Part, Sleeptime
from sleeptime.core.errors import RequestRejected
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.core.outcome import Outcome
from sleeptime.models.scripted import ScriptedModel
from sleeptime.store.store import Store
from tests.support.openai_server import OpenAIServer, Status, openai_server

APPLES = Part("apples", "Tom has 3 bags of 24 apples.")
FACT = Note(NoteKind.FACT, "Tom has 72 apples.", depends_on=(APPLES.sha256,))
MODELS = ("openai:gpt-4o", "openai:gpt-5-mini", "anthropic:claude-sonnet-4-6", "google:gemini-2.5-flash")


@pytest.fixture(scope="module")
def running() -> Iterator[OpenAIServer]:
    with openai_server(ScriptedModel([])) as server:
        yield server


@pytest.fixture
def server(running: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> OpenAIServer:
    running.play(ScriptedModel([]), *[Status(400)] * 9)
    root = running.url.removesuffix("/v1")
    monkeypatch.setenv("OPENAI_BASE_URL", running.url)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", root)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", root)
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(key, "test")
    return running


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sleeptime.db"


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("strategy", ["rethink", "notes"])
async def test_a_sleep_offers_its_tools_and_a_refusal_is_a_failed_sleep(
    server: OpenAIServer, database: str, name: str, strategy: str
) -> None:
    async with Sleeptime(name, database) as sleeptime:
        await sleeptime.add("apples", APPLES)
        slept = await sleeptime.sleep("apples", strategy=strategy)
        (row,) = (await sleeptime.ledger("apples")).rows
    (body,) = server.requests
    tool = {"rethink": "rethink_memory", "notes": "write_notes"}[strategy]
    assert tool in json.dumps(body["tools"])
    assert (slept.outcome, slept.cost_usd, row.totals.failed_calls) == (Outcome.FAILED, 0.0, 1)


@pytest.mark.parametrize("name", MODELS)
async def test_a_query_is_the_last_thing_that_a_provider_reads(server: OpenAIServer, database: str, name: str) -> None:
    body = await asked(server, database, name)
    text = json.dumps(body.get("input") or body.get("messages") or body["contents"])
    assert text.index("3 bags of 24") < text.index(FACT.text) < text.index("How many?")


async def test_claude_is_told_where_the_stable_part_ends(server: OpenAIServer, database: str) -> None:
    body = await asked(server, database, "anthropic:claude-sonnet-4-6")
    stable, query = body["messages"][0]["content"]
    assert stable["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert FACT.text in stable["text"]
    assert "cache_control" not in query


@pytest.mark.parametrize(("strategy", "is_cached"), [("rethink", True), ("notes", False)])
async def test_claude_caches_a_context_that_it_is_sent_again(
    server: OpenAIServer, database: str, strategy: str, is_cached: bool
) -> None:
    async with Sleeptime("anthropic:claude-sonnet-4-6", database) as sleeptime:
        await sleeptime.add("apples", APPLES)
        await sleeptime.sleep("apples", strategy=strategy)
    assert ("cache_control" in json.dumps(server.requests[0])) is is_cached


async def asked(server: OpenAIServer, database: str, name: str) -> dict[str, Any]:
    """The request of a query on a context with one note."""
    async with Sleeptime(name, database) as sleeptime:
        version = (await sleeptime.add("apples", APPLES)).version
        async with await Store.open(database) as store:
            learned = LearnedContext("apples", version, (FACT,), "notes", "m")
            await store.make_live("apples", await store.stage(learned))
        with pytest.raises(RequestRejected):
            await sleeptime.ask("apples", "How many?")
    (body,) = server.requests
    return body
