"""A process that is killed around a call: the ledger knows every request that was made, and no answer is paid twice.

Real processes, a real server, both engines.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from sleeptime.core.call import LOST, OK, RUNNING
from sleeptime.core.spend import Scope, utc_day
from sleeptime.models.scripted import Reply, ScriptedModel
from sleeptime.store.store import Store
from tests.support.openai_server import Delay, OpenAIServer, openai_server

PROGRAM = """
import asyncio, json, os, signal, sys
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest
from sleeptime.core.call import Phase
from sleeptime.models.metered import MeteredModel
from sleeptime.models.resolve import resolve_model
from sleeptime.store.calls import StoredCalls
from sleeptime.store.store import Store

URL, MODEL, WORKER, MOMENT = json.loads(sys.argv[1])

def die_at(moment):
    if moment == MOMENT:
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(StoredCalls):
    async def begin(self, call):
        die_at("not begun")
        await super().begin(call)
        die_at("begun")

    async def end(self, call, reply=None):
        die_at("answered")
        await super().end(call, reply)
        die_at("kept")

async def main():
    async with await Store.open(URL) as store, resolve_model(MODEL) as model:
        ledger = Dying(store, worker=WORKER)
        metered = MeteredModel(model, ledger, phase=Phase.SLEEP, context="shop", job_id="j", draft=0)
        response = await model_request(metered, [ModelRequest.user_text_prompt("how many?")])
        print(response.parts[0].content)

asyncio.run(main())
"""


async def started(url: str, server: OpenAIServer, worker: str, moment: str = "") -> Process:
    arguments = json.dumps([url, server.name(), worker, moment])
    return await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", PROGRAM, arguments, stdout=PIPE, stderr=PIPE
    )


async def killed(url: str, server: OpenAIServer, moment: str) -> None:
    process = await started(url, server, "dead", moment)
    if moment == "in flight":
        while not server.requests and process.returncode is None:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.05)
        process.kill()
    _, complaint = await process.communicate()
    assert process.returncode == -signal.SIGKILL, complaint.decode()


@pytest.mark.parametrize(
    ("moment", "outcomes", "requests"),
    [
        ("not begun", [], 1),
        ("begun", [RUNNING], 1),
        ("in flight", [RUNNING], 2),
        ("answered", [RUNNING], 2),
        ("kept", [OK], 1),
    ],
)
async def test_the_ledger_knows_every_request_that_was_made(
    database_url: str, moment: str, outcomes: list[str], requests: int
) -> None:
    reply = Reply(["seventy two"])
    faults = [Delay(60)] if moment == "in flight" else []
    with openai_server(ScriptedModel(lambda messages, parameters: reply), faults) as server:
        await killed(database_url, server, moment)
        async with await Store.open(database_url) as store:
            assert [call.outcome for call in await store.ledger.calls()] == outcomes
            assert await store.ledger.lose(["dead"]) == outcomes.count(RUNNING)
            again = await started(database_url, server, "alive")
            said, complaint = await again.communicate()
            assert (again.returncode, said.decode().strip()) == (0, "seventy two"), complaint.decode()
            calls = await store.ledger.calls()
            assert len(server.requests) == requests
            assert [call.outcome for call in calls] == ([LOST, OK] if RUNNING in outcomes else [OK])
            assert {(call.key, call.job_id, call.context) for call in calls} == {("0.0", "j", "shop")}
            kept = await store.ledger.spend(Scope.JOB, "j")
            assert kept.calls == len(calls) >= len(server.requests), "no request is missing"
            assert kept.reserved_tokens == 0
            assert kept.tokens == calls[-1].usage.total_tokens > 0
            assert kept.doubt_tokens == (calls[0].reserved.tokens if RUNNING in outcomes else 0)
            assert (kept.doubt_tokens > 8000) == (RUNNING in outcomes), "what was lost counts at its worst case"
            assert await store.ledger.spend(Scope.TENANT, day=utc_day(calls[-1].at)) == kept
