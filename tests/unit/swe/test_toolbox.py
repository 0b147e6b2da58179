"""A toolbox: a call is carried out beside other work, and what comes of it can be sent."""

from __future__ import annotations

import asyncio
from threading import Event

from pydantic_ai.messages import ToolCallPart

from sleeptime.core.errors import InputError
from sleeptime.swe.toolbox import Arguments, NoArguments, Result, Tool, Toolbox


async def test_other_work_goes_on_while_a_tool_is_at_work() -> None:
    loop, is_begun, can_end = asyncio.get_running_loop(), asyncio.Event(), Event()

    def run(_: NoArguments) -> str:
        loop.call_soon_threadsafe(is_begun.set)
        if not can_end.wait(60):
            raise InputError("nobody else got to work")
        return "done"

    async def other() -> None:
        await is_begun.wait()
        can_end.set()

    box = Toolbox([Tool("wait", "Wait.", NoArguments, run)])
    result, _ = await asyncio.gather(box.call(ToolCallPart("wait", {})), other())
    assert result == Result("done")


class _Look(Arguments):
    path: str


async def test_what_a_tool_tells_can_be_sent_whatever_it_is_asked_for() -> None:
    def look(given: _Look) -> str:
        if "\0" in given.path:
            raise InputError(f"there is no {given.path}")
        return f"it is {given.path}"

    box = Toolbox([Tool("look", "Look.", _Look, look, finds_data=True)])
    for path in ("caf\udce9", "\ud800", "a\0\ud800"):
        told = (await box.call(ToolCallPart("look", {"path": path}))).text
        assert "\ufffd" in told
        assert told.encode()
