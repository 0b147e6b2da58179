"""Commands under caps: a capped sleep says what to do, a query is never refused, and the ledger says what is left."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sleeptime.core.call import RUNNING, Call, Phase, WorstCase
from sleeptime.core.usage import Usage
from sleeptime.models.scripted import ScriptedModel
from sleeptime.store.store import Store
from tests.support.commands import Cli, add, note, script, writes
from tests.support.openai_server import openai_server

TOKENS = {"usage": {"input_tokens": 400, "output_tokens": 100}}


def test_a_sleep_without_room_is_capped_and_says_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_MAX_TOKENS_PER_DAY", "1000")
    add(cli)
    script(writes(note("n")))
    done = cli("sleep", "c", "--json")
    assert (done.code, done.json["outcome"], done.json["notes"]) == (1, "capped", [])
    assert "the cap of 1,000 tokens per day leaves 1,000" in done.json["reason"]
    assert "wait for the next day (UTC), or raise max_tokens_per_day" in done.json["reason"]
    assert cli("ledger", "c", "--json").json["rows"] == [], "no call was made"
    done = cli("sleep", "c")
    assert done.code == 1
    assert "capped: the cap of" in " ".join(done.err.split())


def test_a_query_is_never_refused_and_takes_no_room_from_sleep(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOB", "CONTEXT_DAY", "DAY"):
        monkeypatch.setenv(f"SLEEPTIME_MAX_TOKENS_PER_{name}", "0")
        monkeypatch.setenv(f"SLEEPTIME_MAX_USD_PER_{name}", "0")
    add(cli)
    script({"parts": ["3"], **TOKENS})
    assert cli("ask", "c", "q").code == 0
    ledger = cli("ledger", "c", "--json").json
    assert ledger["today"]["wake"]["tokens"] == 500
    assert ledger["today"]["sleep"]["tokens"] == 0
    assert ledger["caps"]["context"]["left"] == {"tokens": 0, "usd": 0.0}


def test_the_ledger_says_what_is_left(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEPTIME_MAX_TOKENS_PER_DAY", "100000")
    monkeypatch.setenv("SLEEPTIME_MAX_USD_PER_CONTEXT_DAY", "0.5")
    monkeypatch.setenv("SLEEPTIME_MAX_TOKENS_PER_JOB", "50000")
    add(cli)
    script({"parts": [writes(note("n"))], **TOKENS})
    assert cli("sleep", "c").code == 0
    caps = cli("ledger", "c", "--json").json["caps"]
    assert caps == {
        "job": {"max_tokens": 50000, "max_usd": None, "left": None},
        "context": {"max_tokens": None, "max_usd": 0.5, "left": {"tokens": None, "usd": 0.5}},
        "tenant": {"max_tokens": 100000, "max_usd": None, "left": {"tokens": 99500, "usd": None}},
    }
    assert list(cli("ledger", "--json").json["caps"]) == ["job", "tenant"]
    shown = cli("ledger", "c").out
    assert "left today" in shown
    assert "99,500 tokens" in shown
    assert "$0.500000" in shown
    monkeypatch.delenv("SLEEPTIME_MAX_USD_PER_CONTEXT_DAY")
    cli("policy", "c", "--max-usd-per-day", "0.25")
    assert cli("ledger", "c", "--json").json["caps"]["context"]["max_usd"] == 0.25, "its policy has a cap of its own"


def test_a_model_of_unknown_price_under_a_cap_in_usd_alone_is_an_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLEEPTIME_MAX_USD_PER_JOB", "1")
    add(cli)
    with openai_server(ScriptedModel(["no"])) as server:
        done = cli("sleep", "c", "--model", server.name())
        assert server.requests == []
    assert done.code == 2
    assert "set a cap in tokens beside it (max_tokens_per_job)" in " ".join(done.err.split())


def test_calls_under_way_and_lost_ones_are_marked(cli: Cli) -> None:
    add(cli)

    async def leave_calls() -> None:
        async with await Store.open(os.environ["SLEEPTIME_DATABASE_URL"]) as store:
            for worker in ("dead", "alive"):
                await store.ledger.begin(
                    Call(
                        phase=Phase.SLEEP,
                        model="gpt-5",
                        usage=Usage(),
                        context="c",
                        outcome=RUNNING,
                        worker=worker,
                        reserved=WorstCase(1000, 0.25),
                        at=datetime.now(UTC),
                    )
                )
            await store.ledger.lose(["dead"])

    asyncio.run(leave_calls())
    ledger = cli("ledger", "c", "--json").json
    (row,) = ledger["rows"]
    assert (row["calls"], row["lost_calls"], row["running_calls"], row["unknown_calls"]) == (1, 1, 1, 1)
    assert row["cost_usd"] is None
    assert ledger["today"]["sleep"] == {
        "calls": 1,
        "tokens": 0,
        "cost_usd": 0.0,
        "unpriced_calls": 1,
        "reserved_tokens": 1000,
        "reserved_usd": 0.25,
        "doubt_tokens": 1000,
        "doubt_usd": 0.25,
    }
    assert "1, 1 running, 1 lost" in cli("ledger", "c").out


def test_of_many_contexts_those_that_used_most_are_shown(cli: Cli) -> None:
    for name, tokens in (("a", 10), ("b", 30), ("c", 20)):
        Path("a.md").write_text(name)
        cli("add", name, "a.md")
        script({"parts": ["3"], "usage": {"output_tokens": tokens}})
        cli("ask", name, "q")
    done = cli("ledger", "--limit", "2", "--json")
    assert [row["context"] for row in done.json["rows"]] == ["b", "c"]
    assert (done.json["contexts"], done.json["totals"]["wake"]["output_tokens"]) == (3, 60)
    assert "2 of 3 contexts are shown" in " ".join(cli("ledger", "--limit", "2").err.split())
