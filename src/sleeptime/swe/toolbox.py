"""Toolbox: what an agent can call, and what it is told. A call that cannot be carried out is an answer, never an error.

What a tool finds is data: it is fenced, so that nothing in a file can pass for something that we say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from sleeptime.core.errors import InputError
from sleeptime.core.text import kept_text
from sleeptime.prompts.fence import fenced

MAX_RESULT_CHARS: Final = 12_000
"""Longest answer of a tool: all of them are read again with every step."""


class Arguments(BaseModel):
    """Arguments of a tool; the model is shown their schema, and held to it."""

    model_config = ConfigDict(extra="forbid")


class NoArguments(Arguments):
    """None at all."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that an agent can call.

    Args:
        name: as the model calls it.
        description: what the model is told of it.
        arguments: what it takes.
        run: does it, and returns what the model is told; raises `InputError` with what to do otherwise.
        finds_data: what it returns comes from the repository or from notes, so it is fenced.
    """

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Any], str]
    finds_data: bool = False

    @property
    def definition(self) -> ToolDefinition:
        """As a provider is told of it."""
        schema = self.arguments.model_json_schema()
        return ToolDefinition(name=self.name, description=self.description, parameters_json_schema=schema)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a call.

    Args:
        text: what the model is told.
        is_refused: nothing was done; the call can be made again in another way.
    """

    text: str
    is_refused: bool = False


class Toolbox:
    """The tools of one agent."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tuple(tools)
        self._by_name = {tool.name: tool for tool in tools}

    @property
    def definitions(self) -> tuple[ToolDefinition, ...]:
        """All tools, as a provider is told of them."""
        return tuple(tool.definition for tool in self.tools)

    async def call(self, call: ToolCallPart) -> Result:
        """Carry out one call, in a thread: a search may take seconds, in which other work goes on.

        What is told can be sent, whatever the call or the repository holds.
        """
        result = await anyio.to_thread.run_sync(self._carried_out, call)
        return replace(result, text=kept_text(result.text))

    def _carried_out(self, call: ToolCallPart) -> Result:
        tool = self._by_name.get(call.tool_name)
        if tool is None:
            return Result(f"There is no such tool. There is: {', '.join(self._by_name)}.", is_refused=True)
        try:
            arguments = tool.arguments.model_validate(call.args_as_dict(raise_if_invalid=True))
        except ValidationError as error:
            return Result(f"The arguments of {tool.name} cannot be used: {_in_words(error)}", is_refused=True)
        except (ValueError, AssertionError):
            return Result(f"The arguments of {tool.name} are no JSON object.", is_refused=True)
        try:
            told = tool.run(arguments)
        except InputError as error:
            return Result(f"Refused: {error}.", is_refused=True)
        return Result(fenced(_cut(told), "part", _label(tool, arguments)) if tool.finds_data else told)


class Reader(Protocol):
    """Reads a repository at one commit, for an agent. Every answer is bounded in size.

    Each method returns text, and raises `InputError` with what to do when it cannot.
    """

    def tree(self, path: str, depth: int) -> str:
        """Files and folders below a folder."""
        ...

    def grep(self, pattern: str, path: str) -> str:
        """Lines that match, below a path."""
        ...

    def read(self, path: str, first: int, last: int) -> str:
        """Lines of a file, numbered from 1."""
        ...

    def outline(self, path: str) -> str:
        """What a file defines."""
        ...

    def related(self, query: str) -> str:
        """Earlier changes like this."""
        ...


class _Tree(Arguments):
    path: str = Field("", description="Folder; the root by default.")
    depth: int = Field(2, ge=1, le=8, description="How many levels.")


class _Grep(Arguments):
    pattern: str = Field(min_length=1, description="What to look for in the lines of files.")
    path: str = Field("", description="Folder or file to look in; everywhere by default.")


class _Read(Arguments):
    path: str = Field(min_length=1)
    first: int = Field(1, ge=1, description="First line.")
    last: int = Field(200, ge=1, description="Last line.")


class _Outline(Arguments):
    path: str = Field(min_length=1)


class _Related(Arguments):
    query: str = Field(min_length=1, description="Words of the change.")


def reading_tools(reader: Reader) -> tuple[Tool, ...]:
    """The tools that only read."""
    tool = partial(Tool, finds_data=True)
    return (
        tool(
            "tree", "List files and folders below a folder.", _Tree, lambda given: reader.tree(given.path, given.depth)
        ),
        tool(
            "grep",
            "Find lines in the files of the repository.",
            _Grep,
            lambda given: reader.grep(given.pattern, given.path),
        ),
        tool("read", "Read lines of a file.", _Read, lambda given: reader.read(given.path, given.first, given.last)),
        tool(
            "outline",
            "List what a source file defines: classes, functions and the like, with their lines.",
            _Outline,
            lambda given: reader.outline(given.path),
        ),
        tool(
            "related_changes",
            "Find earlier changes with words like these, and the files that they changed.",
            _Related,
            lambda given: reader.related(given.query),
        ),
    )


def _cut(told: str) -> str:
    """As much of it as an agent is told at once."""
    if len(told) <= MAX_RESULT_CHARS:
        return told
    return f"{told[:MAX_RESULT_CHARS]}\n({len(told) - MAX_RESULT_CHARS:,} more characters; ask for less at once)"


def _label(tool: Tool, arguments: Arguments) -> str:
    """The call in a few words, as the name of what it found."""
    given = " ".join(str(value) for value in arguments.model_dump(exclude_defaults=True).values())
    return f"{tool.name} {given}"[:120]


def _in_words(error: ValidationError) -> str:
    wrong = (f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors(include_url=False))
    return "; ".join(wrong)[:500]
