"""sleep.drafts: drafts that have to wait, and drafts that a cap leaves no room for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sleeptime.core.context import Context, Part
from sleeptime.core.errors import CapReached, NotNow, StoreAway, StoreError
from sleeptime.core.outcome import Outcome
from sleeptime.models.scripted import AnyReply, ScriptedModel, ToolCall
from sleeptime.sleep.settings import SleepSettings
from sleeptime.sleep.sleep import sleep_on

CONTEXT = Context("shop", (Part("a.md", "Tom has 24 boxes of 3 apples."),))
SOON, LATER = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)


async def test_a_draft_that_has_to_wait_lets_the_others_go_on_and_the_earliest_moment_counts() -> None:
    script: list[AnyReply] = [
        NotNow("a batch", LATER),
        NotNow("a breaker", SOON),
        ToolCall("write_notes", {"notes": []}),
    ]
    model = ScriptedModel(script)
    with pytest.raises(NotNow, match="a breaker") as raised:
        await sleep_on(model, CONTEXT, SleepSettings(drafts=3, concurrency=1))
    assert raised.value.until == SOON
    assert len(model.requests) == 3, "the third draft was made though the first had to wait"


async def test_a_draft_waits_for_a_database_that_is_away_and_fails_where_it_refuses() -> None:
    before = datetime.now(UTC)
    model = ScriptedModel([StoreAway("gone"), NOTE])
    with pytest.raises(NotNow, match="gone") as raised:
        await sleep_on(model, CONTEXT, SleepSettings(drafts=2, concurrency=1))
    assert raised.value.until > before
    assert len(model.requests) == 2
    result = await sleep_on(ScriptedModel([StoreError("never"), NOTE]), CONTEXT, SleepSettings(drafts=2, concurrency=1))
    assert (result.outcome, result.drafts) == (Outcome.WROTE, 1)


NOTE = ToolCall("write_notes", {"notes": [{"kind": "derived", "text": "Tom has 72 apples.", "parts": ["a.md"]}]})


async def test_drafts_that_were_paid_for_before_a_cap_was_reached_count() -> None:
    model = ScriptedModel([NOTE, CapReached("no room")])
    result = await sleep_on(model, CONTEXT, SleepSettings(drafts=3, concurrency=1))
    assert (result.outcome, result.drafts, result.reason) == (Outcome.WROTE, 1, "no room")
    assert len(model.requests) == 2, "no draft is begun after a cap was reached"


async def test_a_cap_before_any_draft_has_written_ends_the_sleep() -> None:
    nothing = ToolCall("write_notes", {"notes": []})
    with pytest.raises(CapReached, match="no room"):
        await sleep_on(ScriptedModel([nothing, CapReached("no room")]), CONTEXT, SleepSettings(drafts=2, concurrency=1))
