"""An agent asks for a later commit with every tool that it is offered, asleep and awake, and is told nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ToolCallPart, ToolReturnPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from sleeptime.app import Sleeptime
from sleeptime.core.call import Phase
from sleeptime.core.note import LearnedContext, Note, NoteKind
from sleeptime.models.metered import MeteredModel
from sleeptime.models.scripted import AnyReply, ScriptedModel, ToolCall
from sleeptime.store.calls import StoredCalls
from sleeptime.store.store import Store
from sleeptime.swe import context, indexing
from sleeptime.swe.asking import ask_agent
from sleeptime.swe.explore import Sibling, explore
from sleeptime.swe.repository import Repository
from sleeptime.swe.tools import Tools
from tests.support.repositories import Hidden, hide_zebras

LAST = ("submit", "finish")
USUAL: dict[str, Any] = {
    "path": "a.py", "pattern": ".", "query": "add base", "old": "", "new": "x", "files": ["a.py"], "note": "x",
}  # fmt: skip
"""What stands in the other arguments of a tool while one of them asks."""


def asks(tool: ToolDefinition, names: tuple[str, ...]) -> Iterator[ToolCall]:
    """Calls of a tool that ask for what is hidden, in each of its arguments that takes a text or texts."""
    properties: dict[str, dict[str, Any]] = tool.parameters_json_schema["properties"]
    texts = {name: of["type"] for name, of in properties.items() if of["type"] in ("string", "array")}
    for name, kind in texts.items():
        for given in names:
            yield ToolCall(
                tool.name, {one: USUAL[one] for one in texts} | {name: given if kind == "string" else [given]}
            )


class Curious:
    """Calls each tool that it is offered, one after the other, the last one at the end."""

    def __init__(self, hidden: Hidden) -> None:
        self._names = hidden.names
        self.asked: list[str] = []

    def __call__(self, _: list[ModelMessage], parameters: ModelRequestParameters) -> AnyReply:
        for name, tool in parameters.tool_defs.items():
            if name not in self.asked and name not in LAST:
                self.asked.append(name)
                return list(asks(tool, self._names))
        [last] = set(LAST) & set(parameters.tool_defs)
        return ToolCall(last)


def told(model: ScriptedModel) -> list[str]:
    """What the tools told, without the fences, whose names repeat the calls, and without what a refusal repeats."""
    parts = [part for request in model.requests[-1].messages for part in request.parts]
    calls = {part.tool_call_id: part.args_as_dict() for part in parts if isinstance(part, ToolCallPart)}
    found = []
    for part in parts:
        if isinstance(part, ToolReturnPart):
            text = str(part.content)
            if part.outcome == "retried":
                given = [
                    value for of in calls[part.tool_call_id].values() for value in ([of] if isinstance(of, str) else of)
                ]
                for value in sorted(given, key=len, reverse=True):
                    text = text.replace(value, "")
            found.append(text.partition("\n")[2] if text.startswith("<part name=") else text)
    return found


def check(model: ScriptedModel, hidden: Hidden) -> None:
    answers = told(model)
    assert len(answers) > 100
    assert any("base = 1" in answer for answer in answers)
    for answer in answers:
        assert "zebra" not in answer
        assert hidden.later[:12] not in answer


@pytest.fixture
def hidden(tmp_path: Path) -> Hidden:
    return hide_zebras(tmp_path / "repo")


def metered(model: Model) -> Callable[[StoredCalls, str], Model]:
    return lambda calls, query_id: MeteredModel(model, calls, phase=Phase.WAKE, context="shop", query_id=query_id)


async def test_no_tool_of_an_agent_that_is_asked_leads_to_a_later_commit(
    tmp_path: Path, store: Store, database_url: str, hidden: Hidden
) -> None:
    """Not even after a sleep on the later commit has left its index in the cache, and notes about its files."""
    caches = tmp_path / "caches"
    async with Sleeptime(database=database_url) as sleeptime:
        await sleeptime.add("shop", f"{tmp_path / 'repo'}@{hidden.later}")
        await indexing.sleep(store, "shop", folder=caches)
        later = await store.context("shop")
        changed = [part for part in later.parts if part.name.endswith("a.py")]
        notes = (Note(NoteKind.FACT, f"{part.name}: zebra", depends_on=(part.sha256,)) for part in changed)
        await store.commit_sleep(LearnedContext("shop", later.version, tuple(notes), "repository", "gpt"))
        assert any("zebra" in file.path for file in (await context.ask(store, "shop", "zebra", folder=caches)).files)
        await sleeptime.add("shop", f"{tmp_path / 'repo'}@{hidden.base}")
    curious = Curious(hidden)
    model = ScriptedModel(curious)
    await ask_agent(store, metered(model), "shop", "zebra", steps=10_000, folder=caches)
    assert set(curious.asked) == {"tree", "grep", "read", "outline", "related_changes", "search_notes", "edit"}
    check(model, hidden)


async def test_no_tool_of_an_agent_that_sleeps_leads_to_a_later_commit(tmp_path: Path, hidden: Hidden) -> None:
    repository, curious = Repository.open(tmp_path / "repo", hidden.base), Curious(hidden)
    model = ScriptedModel(curious)
    contents = {path: file.blob for path, file in repository.files().items()}
    sibling = Sibling(hidden.base, "add base", ("a.py",))
    draft = await explore(model, Tools(repository), sibling, contents, steps=10_000)
    assert set(curious.asked) == {"tree", "grep", "read", "outline", "related_changes", "rethink"}
    check(model, hidden)
    assert all(set(note.depends_on) <= set(contents.values()) for note in draft.notes)
